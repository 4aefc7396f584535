//! Takes away what was deployed, whoever deployed it.

use thiserror::Error;

use crate::hook::{Answer, Facts, HookError, Hooks};
use crate::ledger::Owed;
use crate::responder::{Responder, ResponderError};

/// Who can clean.
#[derive(Clone, Copy)]
pub struct Cleaner<'a> {
    /// The hooks of this run.
    pub hooks: &'a Hooks,
    /// What answers without a hook.
    pub responder: &'a Responder,
}

/// What a cleaning came to.
#[derive(Debug, Default)]
pub struct Cleaned {
    /// What could not be cleaned, or belongs to a hook that this run was not given.
    pub still_owed: Vec<Owed>,
    /// Why.
    pub errors: Vec<CleanError>,
}

/// Why something could not be cleaned.
#[derive(Debug, Error)]
pub enum CleanError {
    /// A hook failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A file or listener.
    #[error(transparent)]
    Responder(#[from] ResponderError),
}

impl CleanError {
    /// What to do about it, a line each.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Hook(error) => error.hints(),
            Self::Responder(error) => error.hints(),
        }
    }
}

impl Cleaner<'_> {
    /// Cleans everything that is owed; each hook cleans what it deployed, all of one challenge type in one call where
    /// it takes that.
    pub async fn clean(&self, facts: &Facts<'_>, owed: Vec<Owed>) -> Cleaned {
        let mut cleaned = Cleaned::default();
        let mut owed = owed;
        while let Some(first) = owed.first() {
            let (challenge, hooks) = (first.challenge.clone(), first.hooks.clone());
            let (alike, rest) = owed.into_iter().partition(|o| o.challenge == challenge && o.hooks == hooks);
            self.clean_alike(&Facts { challenge: &challenge, ..*facts }, &hooks, alike, &mut cleaned).await;
            owed = rest;
        }
        cleaned
    }

    /// Cleans answers that were deployed by the same hooks.
    async fn clean_alike(&self, facts: &Facts<'_>, hooks: &[String], owed: Vec<Owed>, cleaned: &mut Cleaned) {
        let answers: Vec<Answer> = owed.iter().map(|owed| owed.answer.clone()).collect();
        let responded = self.responder.clean(facts.challenge, &answers);
        let here: Vec<&str> = hooks.iter().map(String::as_str).filter(|hook| self.hooks.has(hook)).collect();
        let called = self.hooks.clean_challenges_of(&here, facts, &answers).await;
        let still_owing: Vec<String> = match &called {
            Ok(()) => hooks.iter().filter(|hook| !self.hooks.has(hook)).cloned().collect(),
            Err(_) => hooks.to_vec(),
        };
        if !still_owing.is_empty() || responded.is_err() {
            let left = owed.into_iter().map(|owed| Owed { hooks: still_owing.clone(), ..owed });
            cleaned.still_owed.extend(left);
        }
        cleaned.errors.extend(called.err().map(CleanError::from));
        cleaned.errors.extend(responded.err().map(CleanError::from));
    }
}
