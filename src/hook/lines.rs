//! What a hook prints: cut into lines, cleaned of secrets, passed on, and its end kept for the error message.

use std::time::Duration;

use tokio::time::Instant;

use super::redact::{PrivateKeys, Redaction};

/// How long the beginning of a line waits for its end before it is shown alone.
const PARTIAL_AFTER: Duration = Duration::from_millis(200);
/// A line that is longer is passed on in pieces.
const LONGEST_PIECE: usize = 64 * 1024;
/// How much of the end is kept.
const TAIL: usize = 4 * 1024;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output on its way to whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) stream: Stream,
    pub(super) text: &'a str,
    pub(super) partial: bool,
}

/// Takes what both streams of one process print.
pub(super) struct Output<'a> {
    show: &'a dyn Fn(Piece<'_>),
    redaction: &'a Redaction,
    stdout: Tail,
    stderr: Tail,
}

/// The end of what one stream printed.
#[derive(Default)]
struct Tail(String);

impl<'a> Output<'a> {
    pub(super) fn new(redaction: &'a Redaction, show: &'a dyn Fn(Piece<'_>)) -> Self {
        Self { show, redaction, stdout: Tail::default(), stderr: Tail::default() }
    }

    fn pass_on(&mut self, stream: Stream, keys: &mut PrivateKeys, bytes: &[u8], partial: bool) {
        let text = String::from_utf8_lossy(bytes);
        let text = keys.hide(&text);
        let text = self.redaction.apply(&text);
        (self.show)(Piece { stream, text: &text, partial });
        let tail = if stream == Stream::Stderr { &mut self.stderr } else { &mut self.stdout };
        tail.push(&text);
    }

    /// The last lines of stderr, a few kilobytes at most; where nothing came there, those of stdout. Complaints belong on
    /// stderr, and in which order lines of two streams were printed nobody can tell.
    pub(super) fn into_tail(self) -> String {
        let said = self.stderr.into_text();
        if said.is_empty() { self.stdout.into_text() } else { said }
    }
}

impl Tail {
    fn push(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
        // Twice the size, so that a flood of short lines moves the text rarely.
        if self.0.len() > 2 * TAIL {
            self.trim();
        }
    }

    fn into_text(mut self) -> String {
        self.trim();
        self.0.truncate(self.0.trim_end().len());
        self.0
    }

    fn trim(&mut self) {
        let Some(excess) = self.0.len().checked_sub(TAIL).filter(|excess| *excess > 0) else { return };
        let excess = self.0.ceil_char_boundary(excess);
        let line_start = self.0[excess..].find('\n').map(|at| excess + at + 1);
        // A line that is longer than all that is kept loses its beginning.
        let start = line_start.filter(|start| *start < self.0.len()).unwrap_or(excess);
        self.0.drain(..start);
    }
}

/// Cuts one stream into lines.
pub(super) struct Lines {
    stream: Stream,
    pending: Vec<u8>,
    /// When the beginning in `pending` arrived.
    since: Option<Instant>,
    /// Whether a beginning of the present line was shown already.
    shown: bool,
    keys: PrivateKeys,
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, pending: Vec::new(), since: None, shown: false, keys: PrivateKeys::default() }
    }

    /// Takes what was read and passes on every line that is complete.
    pub(super) fn feed(&mut self, mut bytes: &[u8], output: &mut Output<'_>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.pending.is_empty() {
                self.end_line(line, output);
            } else {
                let mut whole = std::mem::take(&mut self.pending);
                whole.extend_from_slice(line);
                self.end_line(&whole, output);
            }
        }
        if !bytes.is_empty() {
            self.pending.extend_from_slice(bytes);
            self.since.get_or_insert_with(Instant::now);
        }
        if self.pending.len() > LONGEST_PIECE {
            // What may be the beginning of a secret waits for the rest of it.
            let held_back = output.redaction.longest().saturating_sub(1).min(LONGEST_PIECE / 2);
            self.show_up_to(self.pending.len() - held_back, output);
        }
    }

    /// When the pending beginning of a line is to be shown, if there is any.
    pub(super) fn partial_at(&self) -> Option<Instant> {
        self.since.map(|since| since + PARTIAL_AFTER)
    }

    /// Shows the pending beginning when its time has come: a prompt, a progress line.
    pub(super) fn show_partial(&mut self, now: Instant, output: &mut Output<'_>) {
        if self.partial_at().is_some_and(|at| at <= now) {
            self.show_up_to(self.pending.len(), output);
            self.since = None;
        }
    }

    /// The stream has ended: what is left is a line without an end.
    pub(super) fn finish(&mut self, output: &mut Output<'_>) {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.end_line(&rest, output);
        }
    }

    fn end_line(&mut self, line: &[u8], output: &mut Output<'_>) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // The end alone of a line that was shown is nothing to show.
        if !(self.shown && line.is_empty()) {
            output.pass_on(self.stream, &mut self.keys, line, false);
        }
        self.shown = false;
        self.since = None;
    }

    fn show_up_to(&mut self, end: usize, output: &mut Output<'_>) {
        let end = whole_characters(&self.pending[..end]);
        if end > 0 {
            output.pass_on(self.stream, &mut self.keys, &self.pending[..end], true);
            self.pending.drain(..end);
            self.shown = true;
        }
    }
}

/// How many bytes to take so that no UTF-8 character is cut. Bytes that are no UTF-8 are taken as they are.
fn whole_characters(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let length = match byte {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            0x80..=0xBF => continue,
            _ => 1,
        };
        return if length > back { bytes.len() - back } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Feeds the chunks and returns what was shown, partial lines with `…` behind them, and the tail.
    fn shown(redaction: &Redaction, chunks: &[&[u8]]) -> (Vec<String>, String) {
        let lines = RefCell::new(Vec::new());
        let show = |piece: Piece<'_>| {
            lines.borrow_mut().push(format!("{}{}", piece.text, if piece.partial { "…" } else { "" }));
        };
        let mut output = Output::new(redaction, &show);
        let mut stream = Lines::new(Stream::Stdout);
        for chunk in chunks {
            stream.feed(chunk, &mut output);
        }
        stream.finish(&mut output);
        let tail = output.into_tail();
        (lines.into_inner(), tail)
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let (lines, tail) = shown(&Redaction::default(), &[b"on", b"e\r\n\ntw", b"o\nl\xFFst"]);
        assert_eq!(lines, ["one", "", "two", "l\u{FFFD}st"]);
        assert_eq!(tail, "one\n\ntwo\nl\u{FFFD}st");
    }

    #[test]
    fn a_line_without_end_is_passed_on_in_pieces_that_cut_no_character() {
        let long = "ä".repeat(LONGEST_PIECE);
        let (lines, tail) = shown(&Redaction::default(), &[b"x", long.as_bytes(), b"\n"]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].chars().count(), LONGEST_PIECE + 2);
        assert!(tail.len() <= TAIL && tail.ends_with('ä'));
    }

    #[test]
    fn a_secret_across_the_cut_of_a_long_line_stays_hidden() {
        let redaction = Redaction::default();
        redaction.hide("very-secret-indeed");
        let filler = "x".repeat(LONGEST_PIECE - 7);
        let (lines, _) = shown(&redaction, &[filler.as_bytes(), b"very-secre", b"t-indeed!\n"]);
        assert!(lines.concat().ends_with("x[secret]!"), "{:?}", lines.last());
    }

    #[test]
    fn the_beginning_of_a_line_is_shown_when_its_end_does_not_come() {
        let lines = RefCell::new(Vec::new());
        let show = |piece: Piece<'_>| lines.borrow_mut().push((piece.text.to_owned(), piece.partial));
        let redaction = Redaction::default();
        let mut output = Output::new(&redaction, &show);
        let mut stream = Lines::new(Stream::Stderr);
        stream.feed(b"password: \xC3", &mut output);
        stream.show_partial(Instant::now(), &mut output);
        assert!(lines.borrow().is_empty());
        stream.show_partial(Instant::now() + PARTIAL_AFTER, &mut output);
        stream.feed(b"\xA4\n", &mut output);
        stream.feed(b"wait", &mut output);
        stream.show_partial(Instant::now() + PARTIAL_AFTER, &mut output);
        stream.feed(b"\n", &mut output);
        let expected = [("password: ", true), ("ä", false), ("wait", true)];
        let lines: Vec<_> = lines.borrow().clone();
        assert_eq!(lines, expected.map(|(text, partial)| (text.to_owned(), partial)));
    }

    #[test]
    fn only_the_end_is_kept() {
        let text = "0123456789abcde\n".repeat(10_000);
        let (_, tail) = shown(&Redaction::default(), &[text.as_bytes()]);
        assert!(tail.len() < TAIL && tail.len() > TAIL - 32);
        assert!(tail.starts_with("0123456789"));
    }
}
