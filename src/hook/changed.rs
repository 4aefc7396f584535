//! What `exit_hook` is told of the certificates that changed.

use std::sync::Arc;

use hydrant_hook_protocol::env;

use super::HookError;
use super::call::Hook;
use super::environment::LONGEST_ARGUMENT;
use crate::identifier::CertName;

/// The variables, and why one of them is missing. There may be more names than the system takes in one variable, and then
/// would not start the hook at all: as many as it takes are in it, so that it is never empty, and all are in a file.
pub(super) fn told(hook: &Hook, changed: &[CertName]) -> (Vec<(&'static str, String)>, Option<HookError>) {
    let (fitting, all_fit) = joined(changed, LONGEST_ARGUMENT);
    let mut told = vec![(env::CHANGED, fitting)];
    if all_fit {
        return (told, None);
    }
    let lines: String = changed.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
    match hook.shared.scratch_file("changed", &lines) {
        Ok(file) => {
            told.push((env::CHANGED_FILE, file.display().to_string()));
            (told, None)
        }
        Err(source) => {
            (told, Some(HookError::Scratch { hook: hook.name().to_owned(), source: Arc::new(source) }))
        }
    }
}

/// As many of the names, separated by blanks, as `longest` bytes hold, and whether these are all.
fn joined(names: &[CertName], longest: usize) -> (String, bool) {
    let mut text = String::new();
    for name in names {
        let name = name.as_str();
        if text.len() + 1 + name.len() > longest {
            return (text, false);
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(name);
    }
    (text, true)
}
