//! Which values there are at the names of challenges: asked of hooks that announce that they can tell.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use hydrant_hook_protocol::{HookCall, Listed, NotListed, Operation, env, read_listing};

use super::batch::{ARGUMENTS, Coming};
use super::{Chaining, HookError, Hooks, call::Hook};
use crate::identifier::CertName;

impl Hooks {
    /// The names of the hooks that can tell which values there are.
    pub fn listing(&self) -> impl Iterator<Item = &str> {
        self.hooks_of(Operation::ListChallenges, None).map(|hook| hook.name())
    }

    /// `list_challenges`: what one hook finds at the challenge records of these names, which hold no wildcards; in
    /// several calls where there are many. Each line once.
    ///
    /// # Errors
    /// When the hook fails, or no hook of that name can tell.
    pub async fn list_challenges(&self, hook: &str, names: &[String]) -> Result<Vec<Listed>, HookError> {
        let hook = self.destination(hook, Operation::ListChallenges)?;
        let mut lines = Vec::new();
        let mut rest = names;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest));
            lines.extend(list(hook, now).await?);
            rest = later;
        }
        // A hook that was called again may have written a line twice.
        let mut seen = HashSet::new();
        lines.retain(|line| seen.insert(line.clone()));
        Ok(lines)
    }

    /// Batches of cleaning wait a moment for this certificate, until it is cleaned or [`Hooks::without_cleaning`] says
    /// that it will not be.
    pub fn expect_cleaning(&self, name: &CertName) {
        for hook in self.hooks_of(Operation::CleanChallenge, None) {
            if hook.chaining() == Chaining::Batch {
                hook.to_clean.borrow_mut().insert(name.clone(), Coming::to(&hook.cleans));
            }
        }
    }

    /// Nothing of this certificate is going to be cleaned.
    pub fn without_cleaning(&self, name: &CertName) {
        for hook in &self.hooks {
            hook.to_clean.borrow_mut().remove(name);
        }
    }
}

/// How many of the names fit into one call.
fn fitting(names: &[String]) -> usize {
    let mut size = 0;
    let fits = |name: &&String| {
        size += name.len() + 1;
        size < ARGUMENTS
    };
    names.iter().take_while(fits).count().max(1)
}

async fn list(hook: &Hook, names: &[String]) -> Result<Vec<Listed>, HookError> {
    let scratch =
        |source: io::Error| HookError::Scratch { hook: hook.name().to_owned(), source: Arc::new(source) };
    let file = hook.shared.scratch_file("results", "").map_err(scratch)?;
    let extra = [(env::RESULTS, file.display().to_string())];
    let called = hook.call(&HookCall::ListChallenges(names.to_vec()), None, &extra).await;
    // A hook that removed the file found nothing.
    let text = std::fs::read(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    called?;
    let redaction = &hook.shared.context.redaction;
    let redacted = |line| match line {
        Listed::Failed(NotListed { name, message }) => {
            Listed::Failed(NotListed { name, message: redaction.apply(&message).into_owned() })
        }
        value @ Listed::Value(_) => value,
    };
    Ok(read_listing(&String::from_utf8_lossy(&text)).into_iter().map(redacted).collect())
}
