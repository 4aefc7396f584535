//! rig hook
fn main() {}
