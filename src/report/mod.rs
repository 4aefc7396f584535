//! Events in, documents out. The only room that prints.
//!
//! Everything else says what happened by [`Reporter::event`]; what a command found out is printed by
//! [`Reporter::document`]. Lines are written whole, so that certificates in work side by side never mix.

pub mod diagnostics;
pub mod table;
pub mod words;

mod event;
mod progress;
mod summary;
mod transcript;
mod vending;

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

pub use event::{Event, Phase};
use progress::Progress;
pub use summary::{Outcome, RunReport, Summary};
use transcript::Transcript;

use crate::config::Format;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, ExitCode};

/// How much is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Only errors.
    Quiet,
    /// What changed.
    #[default]
    Normal,
    /// Every certificate, every step.
    Verbose,
    /// Every request too.
    Requests,
}

/// Whose words events are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Words {
    /// Our own: a line for what changed.
    #[default]
    Hydrant,
    /// dehydrated's, which people and their scripts know: a block of lines for each certificate.
    Dehydrated,
    /// lecertvend's, for one certificate.
    Vend,
    /// lecertvend's, for all of a folder.
    Renew,
}

/// What a [`Reporter`] needs to know.
#[derive(Clone, Copy, Debug)]
pub struct ReportOptions {
    /// The form.
    pub format: Format,
    /// How much.
    pub verbosity: Verbosity,
    /// Whether diagnostics are coloured. None: on a terminal, unless `NO_COLOR` is set.
    pub color: Option<bool>,
    /// Whether stdout belongs to the document alone, so that what happens meanwhile is told on stderr.
    pub only_documents: bool,
    /// Whose words events are told in.
    pub words: Words,
}

/// Writes what happens to stdout and stderr.
pub struct Reporter {
    options: ReportOptions,
    shows_progress: bool,
    progress: Mutex<Progress>,
    transcript: Mutex<Transcript>,
    /// Why a document could not be written.
    lost: Mutex<Option<io::Error>>,
}

/// A document that nobody has.
#[derive(Debug, thiserror::Error)]
#[error("the output cannot be written: {0}")]
struct Lost(io::Error);

impl Reporter {
    /// A reporter on the process's own stdout and stderr; on a terminal long work shows its progress.
    #[must_use]
    pub fn new(options: ReportOptions) -> Self {
        let narrates = options.words != Words::Hydrant;
        let shows_progress =
            std::io::stderr().is_terminal() && options.verbosity == Verbosity::Normal && !narrates;
        let progress = Mutex::new(Progress::new(shows_progress));
        Self { options, shows_progress, progress, transcript: Mutex::default(), lost: Mutex::default() }
    }

    /// How much is printed.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        self.options.verbosity
    }

    /// Whether documents are JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.options.format == Format::Json
    }

    /// Whether stdout belongs to documents alone.
    #[must_use]
    pub fn prints_only_documents(&self) -> bool {
        self.options.only_documents
    }

    /// Whether diagnostics on stderr are coloured.
    #[must_use]
    pub fn color(&self) -> bool {
        self.options.color.unwrap_or_else(|| wants_color(&std::io::stderr()))
    }

    /// Whether a document, on stdout, is coloured.
    #[must_use]
    pub fn document_color(&self) -> bool {
        self.options.color.unwrap_or_else(|| wants_color(&std::io::stdout()))
    }

    /// Takes note of something that happened, and prints it if it is asked for.
    pub fn event(&self, event: &Event<'_>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.note(event);
        let verbosity = self.options.verbosity;
        // What nobody can be told is no reason to stop.
        let mut print = |out: &mut dyn Write, text: &str| drop(progress.print(out, text));
        if let Some(text) = event.problem() {
            print(&mut std::io::stderr().lock(), &self.in_words(text));
        } else if self.options.words == Words::Dehydrated && !event.is_passed_on() {
            let lines = self.transcript.lock().unwrap_or_else(PoisonError::into_inner).note(event);
            // One write for all of them: over thousands of certificates that is what costs most.
            let text = lines.join("\n");
            match text.as_str() {
                "" => {}
                text if self.options.only_documents => print(&mut std::io::stderr().lock(), text),
                text => print(&mut std::io::stdout().lock(), text),
            }
        } else if let Some(text) = self.line(event, verbosity) {
            if self.is_json() || self.options.only_documents || event.is_aside() {
                print(&mut std::io::stderr().lock(), &text);
            } else {
                print(&mut std::io::stdout().lock(), &text);
            }
        }
    }

    /// The line for an event, if it is asked for.
    fn line(&self, event: &Event<'_>, verbosity: Verbosity) -> Option<String> {
        let told = match self.options.words {
            Words::Hydrant | Words::Dehydrated => None,
            Words::Vend => vending::line(event, vending::Many::One),
            Words::Renew => vending::line(event, vending::Many::All),
        };
        let ours = || event.line().filter(|_| event.verbosity() <= verbosity);
        told.filter(|_| verbosity >= Verbosity::Normal).or_else(ours)
    }

    /// Announces how many certificates there is work for.
    pub fn expect(&self, certificates: usize) {
        if self.options.words == Words::Renew {
            self.event(&Event::Notice(vending::BEGUN));
        }
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).expect(certificates);
    }

    /// Does the work, and meanwhile keeps the line on the terminal true: what was the last to happen may be long ago.
    pub async fn showing_progress<T>(&self, work: impl Future<Output = T>) -> T {
        let refreshing = async {
            loop {
                tokio::time::sleep(progress::PAUSE).await;
                self.progress.lock().unwrap_or_else(PoisonError::into_inner).refresh();
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            never = refreshing, if self.shows_progress => never,
        }
    }

    /// Prints what a command found out, on stdout.
    pub fn document(&self, text: &str) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = progress.print(&mut std::io::stdout().lock(), text) {
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// How a command ends that would end with `code`: not well if its document could not be written.
    #[must_use]
    pub fn ended(&self, code: ExitCode) -> ExitCode {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(error) = lost else { return code };
        self.error(&Error::failed(Lost(error)));
        if code == ExitCode::Success { ExitCode::Failed } else { code }
    }

    /// Prints a JSON document on stdout.
    pub fn json(&self, value: &serde_json::Value) {
        // Serializing a Value cannot fail: its keys are strings.
        self.document(&serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// Prints what is no fact of its own, on stderr: diagnostics, warnings.
    pub fn aside(&self, text: &str) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        drop(progress.print(&mut std::io::stderr().lock(), text));
    }

    /// Prints help, a version or a usage error, where clap says it belongs.
    pub fn usage(message: &clap::Error) {
        // A reader that went away has read enough.
        let _ = message.print();
    }

    /// Prints a failure, with its hints, on stderr.
    pub fn error(&self, error: &Error) {
        self.aside(&self.in_words(error_text(None, error)));
    }

    /// An error message as people expect it.
    fn in_words(&self, text: String) -> String {
        match self.options.words {
            Words::Hydrant | Words::Vend | Words::Renew => text,
            Words::Dehydrated => match text.strip_prefix("error: ") {
                Some(rest) => format!("ERROR: {rest}"),
                None => text,
            },
        }
    }

    /// The same for the failure that ends a command: with JSON, it is the command's document too.
    pub fn fatal(&self, error: &Error) {
        self.error(error);
        if self.is_json() {
            self.json(&serde_json::json!({
                "version": 1,
                "exit_code": error.exit_code().code(),
                "error": { "message": error.to_string(), "hints": error.hints },
            }));
        }
    }

    /// Prints what is wrong with a configuration that cannot be used.
    pub fn refuse(&self, faults: &[Diagnostic]) {
        let summary = diagnostics::summary(faults);
        self.aside(&format!("{}\n{summary}", diagnostics::render(faults, self.color())));
        if self.is_json() {
            self.json(&serde_json::json!({
                "version": 1,
                "exit_code": ExitCode::Usage.code(),
                "error": { "message": format!("the configuration cannot be used: {summary}"), "hints": [] },
                "findings": faults.iter().map(diagnostics::to_json).collect::<Vec<_>>(),
            }));
        }
    }
}

/// <https://no-color.org>: set, and not empty.
fn wants_color(stream: &dyn IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `error: …` and a `hint: …` line each.
fn error_text(name: Option<&str>, error: &Error) -> String {
    let mut text = match name {
        Some(name) => format!("error: {name}: {error}"),
        None => format!("error: {error}"),
    };
    for hint in &error.hints {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    text
}

/// Writes a text and a newline; a reader that went away is no error (the run goes on without it).
fn write_line(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend_from_slice(text.trim_end_matches('\n').as_bytes());
    bytes.push(b'\n');
    match out.write_all(&bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
