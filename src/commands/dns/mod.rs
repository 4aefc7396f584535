//! `hydrant dns`: the records that prove names.

mod gc;
mod persist;

pub use gc::gc;
pub use persist::{PersistOptions, persist};
