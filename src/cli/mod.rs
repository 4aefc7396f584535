//! What can be typed.

pub mod hydrant;
