//! How a run fails, and the exit codes.
