//! One line of the list: its words, and what they mean together.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::{Entry, fault, word};
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::identifier::{CertName, Identifier};

/// What a line turned out to be.
pub(super) enum Line {
    /// Blank or a comment.
    Empty,
    /// At least one error was found; nothing of it is used.
    Refused,
    /// A certificate, perhaps with warnings.
    Entry(Entry),
}

/// Reads the line at `range`, which holds no newline, and adds all its faults to `found`.
pub(super) fn parse(
    source: &Arc<Source>,
    range: Range<usize>,
    number: usize,
    found: &mut Vec<Diagnostic>,
) -> Line {
    let range = trim(&source.text, range);
    let content = &source.text[range.clone()];
    if content.is_empty() || content.starts_with('#') {
        return Line::Empty;
    }
    let before = found.len();
    let span = Span { source: Arc::clone(source), range };
    let words = Words::read(&span, found);
    let mut names = Vec::with_capacity(words.names.len());
    for place in words.names.iter().cloned() {
        match word::name(&written(&place), &place) {
            Ok(identifier) => names.push((identifier, place)),
            Err(fault) => found.push(fault),
        }
    }
    let primary = names.first().filter(|(_, place)| words.names.first() == Some(place));
    let name = words.certificate_name(primary, &span, found);
    if let Some((identifier, place)) = primary {
        let length = identifier.value().len();
        // X.520 gives a common name 64 characters.
        if length > 64 {
            found.push(fault::long_common_name(length, place.clone()));
        }
    }
    drop_duplicates(&mut names, found);

    let found_here = &mut found[before..];
    found_here.sort_by_key(|fault| fault.span.as_ref().map(|span| span.range.start));
    let refused = found_here.iter().any(Diagnostic::is_error);
    match name {
        Some(name) if !refused => {
            let alias = words.aliases.first().map(|_| name.to_string());
            let (names, name_spans) = names.into_iter().unzip();
            Line::Entry(Entry { name, names, alias, span, name_spans, line: number })
        }
        _ => Line::Refused,
    }
}

/// The words of a line by what they stand for.
struct Words {
    names: Vec<Span>,
    aliases: Vec<Span>,
    empty_alias: bool,
}

impl Words {
    /// Sorts the words of a line; what is between them or instead of them becomes a diagnostic.
    fn read(line: &Span, found: &mut Vec<Diagnostic>) -> Self {
        let text = &line.source.text;
        let at = |range| Span { source: Arc::clone(&line.source), range };
        let mut words = Self { names: Vec::new(), aliases: Vec::new(), empty_alias: false };
        let mut tokens = tokens(text, line.range.clone()).into_iter().peekable();
        while let Some((token, range)) = tokens.next() {
            match token {
                Token::StrangeBlank => found.push(fault::strange_blank(at(range))),
                Token::Arrow => {
                    let is_alias = |(token, range): &(Token, Range<usize>)| {
                        *token == Token::Word && !text[range.clone()].starts_with('#')
                    };
                    if let Some((_, alias)) = tokens.next_if(is_alias) {
                        words.aliases.push(at(alias));
                    } else {
                        words.empty_alias = true;
                        found.push(fault::empty_alias(at(range)));
                    }
                }
                Token::Word => {
                    let comment = text[range.clone()].find('#').map(|offset| range.start + offset);
                    let end = comment.unwrap_or(range.end);
                    if range.start < end {
                        words.names.push(at(range.start..end));
                    }
                    if let Some(comment) = comment {
                        found.push(fault::trailing_comment(at(comment..line.range.end)));
                        break;
                    }
                }
            }
        }
        words
    }

    /// The alias, or else the first name; nothing when neither can name a certificate, and `found` then says why.
    fn certificate_name(
        &self,
        primary: Option<&(Identifier, Span)>,
        line: &Span,
        found: &mut Vec<Diagnostic>,
    ) -> Option<CertName> {
        if self.names.is_empty() && !self.aliases.is_empty() {
            found.push(fault::no_name(line.clone()));
        }
        found.extend(self.aliases.iter().skip(1).cloned().map(fault::another_alias));
        let result = match self.aliases.first() {
            Some(alias) => word::alias(&written(alias), alias),
            None if self.empty_alias => return None,
            None => {
                // By its look, so that `*.*.a.example` hears of both its faults.
                let first = self.names.first()?;
                if written(first).starts_with("*.") {
                    Err(fault::alias_required(first.clone()))
                } else {
                    let (identifier, place) = primary?;
                    // An address is kept under what was written, as dehydrated does; a name under its A-labels.
                    let name = match identifier {
                        Identifier::Dns(name) => Cow::Borrowed(name.as_str()),
                        Identifier::Ip(_) => written(place),
                    };
                    word::alias(&name, place)
                }
            }
        };
        result.map_err(|fault| found.push(fault)).ok()
    }
}

/// Keeps each name's first mention.
fn drop_duplicates(names: &mut Vec<(Identifier, Span)>, found: &mut Vec<Diagnostic>) {
    let mut seen = HashSet::with_capacity(names.len());
    let is_new: Vec<_> = names.iter().map(|(identifier, _)| seen.insert(identifier)).collect();
    if is_new.iter().all(|is_new| *is_new) {
        return;
    }
    let mut is_new = is_new.into_iter();
    names.retain(|(identifier, place)| {
        let is_kept = is_new.next().unwrap_or(true);
        if !is_kept {
            found.push(fault::duplicate_name(identifier, place.clone()));
        }
        is_kept
    });
}

/// A part of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// `>`, which needs no blanks around it.
    Arrow,
    /// Characters that look like a blank, or like nothing, and are none to dehydrated.
    StrangeBlank,
    /// Everything else that is not blank.
    Word,
}

/// Splits a line. Carriage returns count as nothing, wherever they are.
fn tokens(text: &str, line: Range<usize>) -> Vec<(Token, Range<usize>)> {
    let mut tokens: Vec<(Token, Range<usize>)> = Vec::new();
    let mut in_word = false;
    for (offset, character) in text[line.clone()].char_indices() {
        let start = line.start + offset;
        let end = start + character.len_utf8();
        let token = match character {
            '\r' => continue,
            '>' => Token::Arrow,
            _ if is_blank(character) => {
                in_word = false;
                continue;
            }
            _ if word::is_strange_blank(character) => Token::StrangeBlank,
            _ => Token::Word,
        };
        match (token, tokens.last_mut()) {
            (Token::Word, Some((_, range))) if in_word => range.end = end,
            (Token::StrangeBlank, Some((Token::StrangeBlank, range))) if range.end == start => {
                range.end = end;
            }
            _ => tokens.push((token, start..end)),
        }
        in_word = token == Token::Word;
    }
    tokens
}

/// The word as it is read: without the carriage returns in it.
fn written(word: &Span) -> Cow<'_, str> {
    let text = &word.source.text[word.range.clone()];
    if text.contains('\r') { Cow::Owned(text.replace('\r', "")) } else { Cow::Borrowed(text) }
}

/// The part of a line from its first word to its last.
fn trim(text: &str, line: Range<usize>) -> Range<usize> {
    let nothing = |character| is_blank(character) || character == '\r';
    let from_start = text[line.clone()].trim_start_matches(nothing);
    let start = line.end - from_start.len();
    start..start + from_start.trim_end_matches(nothing).len()
}

/// What sed's `[[:space:]]` takes within a line, which is how dehydrated splits.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{b}' | '\u{c}')
}
