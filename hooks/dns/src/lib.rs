//! What the hooks that answer dns-01 challenges at a DNS provider share. In the order in which a challenge meets it:
//!
//! - [`serve`]: one call, from the arguments to the exit code
//! - [`settings`]: variables of the environment, read and checked
//! - [`name`]: how names are written and compared, and where a CA looks for a value
//! - [`delegation`]: where a CNAME leads
//! - [`pause`]: how long to wait before asking again
//! - [`outcome`]: what became of each challenge, told as the caller wants to hear it
//! - [`listing`]: which values there are, likewise

pub mod delegation;
pub mod listing;
pub mod name;
pub mod outcome;
pub mod pause;
pub mod serve;
pub mod settings;

/// What is wanted of some values of a name. Nothing is wanted of the other values there: they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// They are there.
    Present,
    /// They are not there.
    Absent,
}
