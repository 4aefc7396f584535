//! domains.txt: text to entries and diagnostics with line and column.
//!
//! A line is a certificate: names separated by blanks, the first one primary, and perhaps `> alias`. What dehydrated
//! accepts means the same here; what it takes to ruin is a diagnostic, and the line is refused alone. Nothing here
//! does I/O but `read`, and every function is total: any text gives entries and diagnostics, never a panic.

mod fault;
mod line;
mod read;
mod word;

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source, Span};
use crate::identifier::{CertName, Identifier};

pub use read::{ReadError, read};

use line::Line;

/// One certificate as a line declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the certificate is kept under: the alias, or the first name as it was written, in lower case.
    pub name: CertName,
    /// The names in the order they were written, each once, at least one.
    pub names: Vec<Identifier>,
    /// The alias, in lower case, if the line has one.
    pub alias: Option<String>,
    /// The line from its first word to its last.
    pub span: Span,
    /// Where each of `names` was written, in the same order.
    pub name_spans: Vec<Span>,
    line: usize,
}

impl Entry {
    /// The number of the line in its source, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The first name: what hooks are given as the certificate's domain.
    #[must_use]
    pub fn primary(&self) -> &Identifier {
        &self.names[0]
    }
}

/// What a list declares, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains {
    /// The certificates, in the order of the sources and lines.
    pub entries: Vec<Entry>,
    /// All findings, in the same order.
    pub diagnostics: Vec<Diagnostic>,
    /// How many lines were refused because of an error.
    pub refused: usize,
    /// How many entries come before the first line that was refused.
    pub before_refused: Option<usize>,
}

/// Reads sources one after the other. A last line without newline ends with its source.
#[must_use]
pub fn parse(sources: &[Arc<Source>]) -> Domains {
    let mut domains = Domains::default();
    let mut declared = HashMap::new();
    for source in sources {
        let mut start = if source.text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        for (index, text) in source.text[start..].split('\n').enumerate() {
            let range = start..start + text.len();
            start = range.end + 1;
            match line::parse(source, range, index + 1, &mut domains.diagnostics) {
                Line::Empty => {}
                Line::Refused => domains.refuse(),
                Line::Entry(entry) => domains.declare(entry, &mut declared),
            }
        }
    }
    domains
}

/// Reads names given on a command line as one line of the list; `alias` is what `> alias` would be.
#[must_use]
pub fn from_arguments(names: &[String], alias: Option<&str>) -> Domains {
    let mut text = names.join(" ");
    let alias_start = text.len() + " > ".len();
    if let Some(alias) = alias {
        text.push_str(" > ");
        text.push_str(alias);
    }
    let source = Arc::new(Source { name: "<command line>".to_owned(), text });
    // Written into the line, such an alias would be one word and further names.
    if alias.is_some_and(|alias| alias.contains(char::is_whitespace)) {
        let span = Span { range: alias_start..source.text.len(), source };
        let found = Diagnostic::error("unsafe-alias", Some(span), "the alias has a blank");
        return Domains {
            diagnostics: vec![found],
            refused: 1,
            before_refused: Some(0),
            entries: Vec::new(),
        };
    }
    let mut domains = parse(&[source]);
    for found in domains.diagnostics.iter_mut().filter(|found| found.rule == "alias-required") {
        "a certificate whose first name is a wildcard needs an alias".clone_into(&mut found.message);
        found.help = Some("name it with --alias, or put a name without `*.` first".to_owned());
    }
    domains
}

/// A list that was written on a command line.
#[must_use]
pub fn written(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "<command line>".to_owned(), text: text.to_owned() })
}

impl Domains {
    fn refuse(&mut self) {
        self.refused += 1;
        self.before_refused.get_or_insert(self.entries.len());
    }

    /// Takes an entry, unless an earlier one is kept under the same name.
    fn declare(&mut self, entry: Entry, declared: &mut HashMap<CertName, usize>) {
        let first = match declared.entry(entry.name.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(self.entries.len());
                self.entries.push(entry);
                return;
            }
            Slot::Occupied(slot) => &self.entries[*slot.get()],
        };
        let same = first.names.iter().collect::<HashSet<_>>() == entry.names.iter().collect();
        if same {
            self.diagnostics.push(fault::repeated_certificate(first, entry));
        } else {
            self.diagnostics.push(fault::duplicate_certificate(first, entry));
            self.refuse();
        }
    }
}

/// What some editors put in front of a file; it means nothing.
const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests;
