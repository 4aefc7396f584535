//! Whether the hooks are there.

use std::collections::BTreeMap;

use super::{Facts, Hook};
use crate::diagnostic::Diagnostic;

/// What is found under a hook's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookState {
    /// A file that may be executed.
    Executable,
    /// Nothing.
    Missing,
    /// Something that may not be executed, such as a directory.
    NotExecutable,
}

/// A hook that does not exist.
pub(super) fn missing(facts: &Facts) -> Vec<Diagnostic> {
    let help = "give the hook's path, or a name that is on PATH; arguments are not part of it";
    in_state(facts, HookState::Missing, "missing-hook", "does not exist", help)
}

/// A hook that cannot be started.
pub(super) fn not_executable(facts: &Facts) -> Vec<Diagnostic> {
    let help = "make it a file this user may execute: `chmod +x`";
    in_state(facts, HookState::NotExecutable, "hook-not-executable", "is not executable", help)
}

/// A finding a hook, however many certificates use it.
fn in_state(facts: &Facts, state: HookState, rule: &'static str, fault: &str, help: &str) -> Vec<Diagnostic> {
    let mut users: BTreeMap<_, usize> = BTreeMap::new();
    let hooks = facts.subjects.iter().flat_map(|subject| &subject.hooks);
    for Hook { command, .. } in hooks.filter(|hook| hook.state == state) {
        *users.entry(command).or_default() += 1;
    }
    users
        .into_iter()
        .map(|(command, count)| {
            let certificates = if count == 1 { "certificate" } else { "certificates" };
            let message = format!("the hook `{}` of {count} {certificates} {fault}", command.display());
            Diagnostic::error(rule, None, message).with_help(help)
        })
        .collect()
}
