//! Findings as people and machines read them: drawn with the source line and a caret, or as JSON.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity, Source, Span};

/// Draws findings in the order given, a blank line between two, a newline at the end; nothing for none.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut lines = Lines::default();
    let drawn: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| renderer.render(&[group(diagnostic, &mut lines)]).trim_end().to_owned() + "\n")
        .collect();
    drawn.join("\n")
}

/// How many findings there are: `2 errors, 1 warning`, or `no findings`.
#[must_use]
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let count = |number, one: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {one}s")),
    };
    let counts: Vec<_> = [count(errors, "error"), count(diagnostics.len() - errors, "warning")]
        .into_iter()
        .flatten()
        .collect();
    if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") }
}

/// One finding as an object with always the same members.
///
/// Lines and columns count from 1, columns in characters; the end is the column behind the last character. Without a
/// place `path`, `line` and the rest are null.
#[must_use]
pub fn to_json(diagnostic: &Diagnostic) -> Value {
    let span = diagnostic.span.as_ref();
    let start = span.map(Span::start);
    let end = span.map(|span| span.source.position(span.range.end));
    json!({
        "rule": diagnostic.rule,
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
        "help": diagnostic.help,
        "path": span.map(|span| &span.source.name),
        "line": start.map(|(line, _)| line),
        "column": start.map(|(_, column)| column),
        "end_line": end.map(|(line, _)| line),
        "end_column": end.map(|(_, column)| column),
    })
}

fn group<'a>(diagnostic: &'a Diagnostic, lines: &mut Lines<'a>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.rule));
    if let Some(Span { source, range }) = &diagnostic.span {
        let (line, column) = lines.position(source, range.start);
        let excerpt = excerpt(&source.text, range);
        group = if range.start - excerpt.start > FURTHEST {
            group.element(Origin::path(source.name.as_str()).line(line).char_column(column))
        } else {
            let marked = range.start - excerpt.start..range.end.min(excerpt.end) - excerpt.start;
            group.element(
                Snippet::source(&source.text[excerpt])
                    .path(source.name.as_str())
                    .line_start(line)
                    .annotation(AnnotationKind::Primary.span(marked)),
            )
        };
    }
    match &diagnostic.help {
        // The renderer cleans the title and the source of control characters, but not this.
        Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
        None => group,
    }
}

/// The lines a span touches, cut behind it where they are far longer than the renderer can show.
fn excerpt(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let shown = span.end.min(text.ceil_char_boundary(span.start + FURTHEST));
    let rest = &text[shown..text.ceil_char_boundary(shown + FURTHEST)];
    let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    start..shown + line.len()
}

/// The position counted last, so that many findings in a long list are drawn in linear time.
#[derive(Default)]
struct Lines<'a> {
    source: Option<&'a Arc<Source>>,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> Lines<'a> {
    /// What `Source::position` gives.
    fn position(&mut self, source: &'a Arc<Source>, offset: usize) -> (usize, usize) {
        let goes_on = self.source.is_some_and(|last| Arc::ptr_eq(last, source)) && self.offset <= offset;
        if !goes_on {
            *self = Self { source: Some(source), offset: 0, line: 1, column: 1 };
        }
        for (index, text) in source.text[self.offset..offset].split('\n').enumerate() {
            if index > 0 {
                self.line += 1;
                self.column = 1;
            }
            self.column += text.chars().count();
        }
        self.offset = offset;
        (self.line, self.column)
    }
}

/// Bytes in front of a finding, and behind it, up to which its line is shown. Only 140 columns of it are.
const FURTHEST: usize = 8_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domains;

    fn found_in(text: &str) -> Vec<Diagnostic> {
        let source = Source { name: "domains.txt".to_owned(), text: text.to_owned() };
        domains::parse(&[Arc::new(source)]).diagnostics
    }

    #[test]
    fn draws_the_source_line_with_a_caret() {
        let list = "# web\na.example # note\n\tb_.example\u{a0}bücher.example:443\r\n*.a.example\n";
        let expected = "\
error[trailing-comment]: a comment cannot follow names on their line
 --> domains.txt:2:11
  |
2 | a.example # note
  |           ^^^^^^
  |
  = help: put it on a line of its own; dehydrated would take its words for names

error[underscore]: `b_.example` has an underscore
 --> domains.txt:3:2
  |
3 |     b_.example\u{a0}bücher.example:443
  |     ^^^^^^^^^^
  |
  = help: a name in a certificate has letters, digits and hyphens only

error[unicode-blank]: U+00A0 (no-break space) does not separate names
 --> domains.txt:3:12
  |
3 |     b_.example\u{a0}bücher.example:443
  |               ^
  |
  = help: replace it with an ordinary blank or remove it

error[port]: `bücher.example:443` has a port
 --> domains.txt:3:13
  |
3 |     b_.example\u{a0}bücher.example:443
  |                ^^^^^^^^^^^^^^^^^^
  |
  = help: a certificate is good for every port: write `bücher.example`

error[alias-required]: a line whose first name is a wildcard needs an alias
 --> domains.txt:4:1
  |
4 | *.a.example
  | ^^^^^^^^^^^
  |
  = help: add `> alias` to the line, or put a name without `*.` first
";
        assert_eq!(render(&found_in(list), false), expected);
    }

    #[test]
    fn draws_a_finding_without_a_place() {
        let finding = Diagnostic::error("missing-hook", None, "the hook `/x` does not exist");
        let expected = "error[missing-hook]: the hook `/x` does not exist\n";
        assert_eq!(render(std::slice::from_ref(&finding), false), expected);
        let expected = "\
error[missing-hook]: the hook `/x` does not exist
 |
 = help: look for it
";
        assert_eq!(render(&[finding.with_help("look for it")], false), expected);
        assert_eq!(render(&[], false), "");
    }

    #[test]
    fn a_long_line_is_shown_around_the_finding() {
        let names: Vec<_> = (100..200).map(|number| format!("{number}.a.example")).collect();
        let list = format!("{} a..b {}\n", names.join(" "), names.join(" "));
        let found = found_in(&list);
        let drawn = render(&found[..1], false);
        assert!(drawn.lines().all(|line| line.chars().count() < 150), "{drawn}");
        assert!(drawn.contains(" --> domains.txt:1:1401\n"), "{drawn}");
        assert!(drawn.contains(" a..b "), "{drawn}");

        let found = found_in(&format!("{}a..b\n", "x.example ".repeat(10_000)));
        assert_eq!(
            render(&found[found.len() - 1..], false),
            "error[invalid-name]: `a..b` is no DNS name: the name has an empty label\n--> domains.txt:1:100001\n"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let drawn = render(&found_in("a\u{1b}[31m.example b\u{202e}c.example:1\n"), false);
        assert!(!drawn.contains(['\u{1b}', '\u{202e}']), "{drawn:?}");
        assert!(render(&found_in("a_b"), true).starts_with("\u{1b}["));
    }

    #[test]
    fn counts_in_words() {
        let error = Diagnostic::error("url", None, "");
        let warning = Diagnostic::warning("url", None, "");
        assert_eq!(summary(&[]), "no findings");
        assert_eq!(summary(&[warning.clone(), warning.clone()]), "2 warnings");
        assert_eq!(summary(&[error.clone(), warning, error]), "2 errors, 1 warning");
    }

    #[test]
    fn json_has_the_place_in_lines_and_characters() {
        let found = found_in("a.example\nbücher.example ü_.example\n");
        let expected = json!({
            "rule": "underscore",
            "severity": "error",
            "message": "`ü_.example` has an underscore",
            "help": "a name in a certificate has letters, digits and hyphens only",
            "path": "domains.txt",
            "line": 2,
            "column": 16,
            "end_line": 2,
            "end_column": 26,
        });
        assert_eq!(to_json(&found[0]), expected);
        let without_place = to_json(&Diagnostic::warning("missing-hook", None, "gone"));
        assert_eq!(without_place["line"], Value::Null);
        assert_eq!(without_place["severity"], "warning");
    }

    proptest! {
        #[test]
        fn any_finding_is_drawn_at_its_position(text in "([a-c_ >#,.*ü\t\r\n\u{a0}\u{7}]|\\PC){0,80}") {
            for finding in found_in(&text) {
                let (line, column) = finding.span.as_ref().unwrap().start();
                let drawn = render(std::slice::from_ref(&finding), false);
                let place = format!(" --> domains.txt:{line}:{column}\n");
                prop_assert!(drawn.contains(&place), "{}", drawn);
            }
        }
    }
}
