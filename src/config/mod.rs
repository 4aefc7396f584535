//! What the program runs on: `hydrant.yml`, environment and flags, resolved once.
