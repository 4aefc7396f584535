//! RFC 8555 and its extensions.
