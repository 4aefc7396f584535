//! The declared list against rules.
