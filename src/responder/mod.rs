//! Answers challenges without a hook.
