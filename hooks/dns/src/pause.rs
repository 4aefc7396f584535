//! How long to wait before asking again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Between half of it and all of it, so that those who met do not meet again.
#[must_use]
pub fn jittered(pause: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().hash_one(0) % 1000).unwrap_or_default();
    pause / 2 + pause * random / 2000
}
