//! SIGINT, SIGTERM and SIGHUP stop a run; a second one takes the grace from hooks that are still running, a third one
//! ends those that clean.

use std::cell::Cell;
use std::rc::Rc;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::ExitCode;
use crate::hook::{Stop, StopHandle};

/// Which signal came, if one did.
#[derive(Clone, Debug, Default)]
pub struct Signals(Rc<Cell<Option<ExitCode>>>);

impl Signals {
    /// Waits for signals for as long as the runtime lives; the first one stops what holds the [`Stop`].
    ///
    /// # Errors
    /// The system refuses to tell of signals.
    pub fn watch() -> std::io::Result<(Self, Stop)> {
        let (handle, stop) = Stop::new();
        let received = Self::default();
        let noted = received.clone();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::task::spawn_local(async move {
            loop {
                let code = tokio::select! {
                    _ = interrupt.recv() => ExitCode::Interrupted,
                    _ = terminate.recv() => ExitCode::Terminated,
                    _ = hangup.recv() => ExitCode::HungUp,
                };
                noted.take_note(code, &handle);
            }
        });
        Ok((received, stop))
    }

    /// The exit code that the first signal asks for.
    #[must_use]
    pub fn exit_code(&self) -> Option<ExitCode> {
        self.0.get()
    }

    fn take_note(&self, code: ExitCode, handle: &StopHandle) {
        if self.0.get().is_some() {
            handle.hurry();
            return;
        }
        self.0.set(Some(code));
        handle.stop();
    }
}
