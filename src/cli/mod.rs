//! What can be typed.

pub mod dehydrated;
pub mod hydrant;
pub mod lecertvend;
