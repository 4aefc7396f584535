//! A finding about something a person wrote: where it is, what is wrong, what to do.
//!
//! Shared by `domains`, `config` and `lint`; `report` draws it with the source line and a caret.

use std::ops::Range;
use std::sync::Arc;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; what was written still works.
    Warning,
    /// What was written cannot be carried out.
    Error,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A text that was read, and how to call it in messages.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the person gave it, or `<stdin>`.
    pub name: String,
    /// The whole text, decoded.
    pub text: String,
}

impl Source {
    /// Line and column of a byte offset, both counted from 1; columns count characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..].chars().count() + 1;
        (line, column)
    }
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which text.
    pub source: Arc<Source>,
    /// Byte offsets into it.
    pub range: Range<usize>,
}

impl Span {
    /// Line and column of the first byte, both counted from 1.
    #[must_use]
    pub fn start(&self) -> (usize, usize) {
        self.source.position(self.range.start)
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The rule's identifier, stable, in kebab case: `trailing-comment`.
    pub rule: &'static str,
    /// Where it is, when it is anywhere.
    pub span: Option<Span>,
    /// What is wrong: a lower-case fragment that names the subject.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error of `rule` at `span`.
    #[must_use]
    pub fn error(rule: &'static str, span: Option<Span>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, rule, span, message: message.into(), help: None }
    }

    /// A warning of `rule` at `span`.
    #[must_use]
    pub fn warning(rule: &'static str, span: Option<Span>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, rule, span, message: message.into(), help: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether this is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
