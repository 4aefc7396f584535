//! What all hooks of a run share.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hydrant_hook_protocol::HookCall;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::environment;
use super::{Facts, HookContext, LineSink};

/// How many hook processes run at once, of all hooks together.
const AT_ONCE: usize = 16;

/// What all hooks of a run share.
pub(super) struct Shared {
    pub(super) context: HookContext,
    pub(super) lines: LineSink,
    pub(super) slots: Semaphore,
    /// Whether a person can answer prompts.
    pub(super) terminal: bool,
    scratch: OnceCell<TempDir>,
    scratch_files: Cell<u64>,
    /// In a strict sequence: what was exported for certificates so far.
    exported: RefCell<BTreeMap<&'static str, String>>,
}

impl Shared {
    pub(super) fn new(context: HookContext, lines: LineSink) -> Self {
        Self {
            context,
            lines,
            slots: Semaphore::new(AT_ONCE),
            terminal: io::stdin().is_terminal(),
            scratch: OnceCell::new(),
            scratch_files: Cell::new(0),
            exported: RefCell::default(),
        }
    }

    /// Whether whoever has a turn is the only one.
    pub(super) fn is_alone(&self) -> bool {
        self.slots.available_permits() == AT_ONCE - 1
    }

    /// What dehydrated has exported when it makes this call: variables of a certificate are set one after the other, its
    /// names only when it begins to be issued, and stay set for the calls after it.
    pub(super) fn exported(&self, call: &HookCall, facts: Option<&Facts<'_>>) -> Vec<(&'static str, String)> {
        let mut exported = self.exported.borrow_mut();
        let is_set = |name: &str| match call {
            _ if self.context.only_names => [environment::ALTNAMES, environment::WELLKNOWN].contains(&name),
            // What an earlier line has exported has this line's value already.
            HookCall::Probe => {
                [environment::ALIAS, environment::WELLKNOWN].contains(&name)
                    || (name != environment::ALTNAMES && exported.contains_key(name))
            }
            HookCall::GenerateCsr { .. } | HookCall::UnchangedCert { .. } => name != environment::ALTNAMES,
            _ => true,
        };
        let set: BTreeMap<_, _> = facts.into_iter().flat_map(environment::exports).collect();
        let mut seen = exported.clone();
        seen.extend(set.into_iter().filter(|(name, _)| is_set(name)));
        exported.clone_from(&seen);
        if !self.context.names_stay {
            exported.remove(environment::ALTNAMES);
        }
        seen.into_iter().collect()
    }

    /// A new file with this text in a directory that only this user can read. Gone with the run.
    pub(super) fn scratch_file(&self, kind: &str, text: &str) -> io::Result<PathBuf> {
        let directory = if let Some(directory) = self.scratch.get() {
            directory
        } else {
            let private = std::fs::Permissions::from_mode(0o700);
            let new = tempfile::Builder::new().prefix("hydrant-").permissions(private).tempdir()?;
            self.scratch.get_or_init(|| new)
        };
        let number = self.scratch_files.get();
        self.scratch_files.set(number + 1);
        let path = directory.path().join(format!("{kind}-{number}"));
        std::fs::write(&path, text)?;
        Ok(path)
    }
}
