//! What the CA returned.
