//! `hydrant dns`: the records that prove names.

mod gc;

pub use gc::gc;
