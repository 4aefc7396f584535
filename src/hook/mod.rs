//! Starts other programs.
