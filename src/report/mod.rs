//! Events in, documents out.

pub mod diagnostics;
