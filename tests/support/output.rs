use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

/// Patterns of [`Test::filter`](super::Test::filter): `0` stands for one digit, `#` for one or more, and the rest for
/// itself.
pub(crate) const DATE: &str = "0000-00-00";
pub(crate) const TIME: &str = "0000-00-00T00:00:00Z";
pub(crate) const TIMESTAMP: &str = "0000000000";
pub(crate) const DURATION: &str = "#.# s";
pub(crate) const NUMBER: &str = "#";

/// What a program printed and how it ended.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) elapsed: Duration,
    command: String,
    status: ExitStatus,
    filters: Vec<Filter>,
    ran_at: &'static Location<'static>,
}

impl Output {
    pub(super) fn new(
        command: String,
        status: ExitStatus,
        elapsed: Duration,
        stdout: String,
        stderr: String,
        filters: Vec<Filter>,
        ran_at: &'static Location<'static>,
    ) -> Output {
        Output { stdout, stderr, elapsed, command, status, filters, ran_at }
    }

    /// It ended with this code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Output {
        if self.status.code() != Some(expected) {
            self.fail(&format!("expected exit code {expected}"));
        }
        self
    }

    /// It was ended by this signal.
    #[track_caller]
    pub(crate) fn signal(self, expected: i32) -> Output {
        if self.status.signal() != Some(expected) {
            self.fail(&format!("expected the end by signal {expected}"));
        }
        self
    }

    /// How it ended, and what it printed on stdout and stderr: to compare with another program's.
    pub(crate) fn whole(&self) -> (Option<i32>, &str, &str) {
        (self.status.code(), &self.stdout, &self.stderr)
    }

    /// It was killed with -9, by itself or by the strace that it ran under.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// stdout is exactly this, once the filters are applied.
    #[track_caller]
    pub(crate) fn stdout(self, expected: &str) -> Output {
        self.same("stdout", &self.filtered(&self.stdout), expected);
        self
    }

    /// stderr is exactly this, once the filters are applied.
    #[track_caller]
    pub(crate) fn stderr(self, expected: &str) -> Output {
        self.same("stderr", &self.filtered(&self.stderr), expected);
        self
    }

    /// stdout contains this, once the filters are applied. For what is too long to compare as a whole.
    #[track_caller]
    pub(crate) fn stdout_contains(self, part: &str) -> Output {
        if !self.filtered(&self.stdout).contains(part) {
            self.fail(&format!("stdout does not contain: {part}"));
        }
        self
    }

    /// stderr contains this, once the filters are applied. For what is too long to compare as a whole.
    #[track_caller]
    pub(crate) fn stderr_contains(self, part: &str) -> Output {
        if !self.filtered(&self.stderr).contains(part) {
            self.fail(&format!("stderr does not contain: {part}"));
        }
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| self.fail(&format!("stdout is no JSON: {error}")))
    }

    fn filtered(&self, text: &str) -> String {
        self.filters.iter().fold(text.to_owned(), |text, filter| filter.apply(&text))
    }

    #[track_caller]
    fn same(&self, what: &str, actual: &str, expected: &str) {
        if actual != expected {
            self.fail(&format!("{what} is not as expected:\n{}", differences(expected, actual)));
        }
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        panic!(
            "{}\n(run at {})\n{why}\n--- ended with {}\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.ran_at, self.status, self.stdout, self.stderr,
        );
    }
}

/// The lines of both, `-` where only expected, `+` where only there; equal beginnings and ends once.
fn differences(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let same_start = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let (rest, actual_rest) = (&expected[same_start..], &actual[same_start..]);
    let same_end = rest.iter().rev().zip(actual_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    let mut lines = |sign: char, lines: &[&str]| {
        for line in lines {
            writeln!(text, "{sign}{line}").unwrap();
        }
    };
    lines(' ', &expected[..same_start]);
    lines('-', &rest[..rest.len() - same_end]);
    lines('+', &actual_rest[..actual_rest.len() - same_end]);
    lines(' ', &rest[rest.len() - same_end..]);
    if text.is_empty() { "only the end of the last line differs\n".to_owned() } else { text }
}

/// Replaces what differs from run to run by a placeholder.
#[derive(Clone)]
pub(super) struct Filter {
    what: What,
    placeholder: &'static str,
}

#[derive(Clone)]
enum What {
    Text(String),
    Pattern(&'static str),
}

impl Filter {
    pub(super) fn text(text: impl AsRef<Path>, placeholder: &'static str) -> Filter {
        Filter { what: What::Text(text.as_ref().display().to_string()), placeholder }
    }

    pub(super) fn pattern(pattern: &'static str, placeholder: &'static str) -> Filter {
        Filter { what: What::Pattern(pattern), placeholder }
    }

    fn apply(&self, text: &str) -> String {
        match &self.what {
            What::Text(part) => text.replace(part, self.placeholder),
            What::Pattern(pattern) => self.apply_pattern(pattern, text),
        }
    }

    fn apply_pattern(&self, pattern: &str, mut text: &str) -> String {
        let mut filtered = String::new();
        let mut after_digit = false;
        while let Some(first) = text.chars().next() {
            // A number matches as a whole or not at all.
            if let Some(rest) = matched(pattern, text).filter(|_| !after_digit) {
                filtered.push_str(self.placeholder);
                text = rest;
                after_digit = false;
            } else {
                filtered.push(first);
                text = &text[first.len_utf8()..];
                after_digit = first.is_ascii_digit();
            }
        }
        filtered
    }
}

/// What follows the pattern, when the text begins with it.
fn matched<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    let mut rest = text;
    for expected in pattern.chars() {
        rest = match expected {
            '0' => rest.strip_prefix(|found: char| found.is_ascii_digit())?,
            '#' => {
                let digits = rest.len() - rest.trim_start_matches(|found: char| found.is_ascii_digit()).len();
                if digits == 0 {
                    return None;
                }
                &rest[digits..]
            }
            expected => rest.strip_prefix(expected)?,
        };
    }
    let splits_number = pattern.ends_with('0') && rest.starts_with(|next: char| next.is_ascii_digit());
    (!splits_number).then_some(rest)
}

#[test]
fn filters_replace_whole_numbers_only() {
    let apply = |pattern, text| Filter::pattern(pattern, "[X]").apply(text);
    assert_eq!(apply(TIMESTAMP, "privkey-1795309620.pem 17953096201"), "privkey-[X].pem 17953096201");
    assert_eq!(apply(TIME, "at 2026-11-22T01:57:26Z."), "at [X].");
    assert_eq!(apply(DURATION, "done in 12.34 s (é)"), "done in [X] (é)");
    assert_eq!(apply(DATE, "2026-11-2"), "2026-11-2");
}

#[test]
fn differences_show_lines_and_signs() {
    assert_eq!(differences("a\nb\nc\n", "a\nx\nc\n"), " a\n-b\n+x\n c\n");
}
