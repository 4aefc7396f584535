//! One certificate, top to bottom.
