//! One line on a terminal that says how far a run is; nothing anywhere else.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::event::{Event, Phase};
use super::words::Count;
use super::write_line;

/// Redrawn at most this often.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// The state of the line.
pub(super) struct Progress {
    shown: bool,
    drawn: bool,
    /// Whether something has happened since it was drawn.
    stale: bool,
    last: Option<Instant>,
    expected: usize,
    finished: usize,
    phases: BTreeMap<String, Phase>,
}

impl Progress {
    /// A line that is drawn if `shown`.
    pub(super) fn new(shown: bool) -> Self {
        Self {
            shown,
            drawn: false,
            stale: false,
            last: None,
            expected: 0,
            finished: 0,
            phases: BTreeMap::new(),
        }
    }

    /// Says how many certificates there is work for.
    pub(super) fn expect(&mut self, certificates: usize) {
        self.expected = certificates;
    }

    /// Takes an event into account.
    pub(super) fn note(&mut self, event: &Event<'_>) {
        if !self.shown || self.expected == 0 {
            return;
        }
        match event {
            Event::Phase { name, phase } => {
                self.phases.insert(name.as_str().to_owned(), *phase);
            }
            Event::Finished(name) => {
                self.finished += 1;
                self.phases.remove(name.as_str());
            }
            _ => return,
        }
        self.stale = true;
        if self.finished == self.expected {
            self.draw();
        } else {
            self.refresh();
        }
    }

    /// Draws the line if it is not what it should be, but not too often.
    pub(super) fn refresh(&mut self) {
        if self.stale && self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.draw();
        }
    }

    /// Prints a text above the line.
    pub(super) fn print(&mut self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        self.clear();
        write_line(out, text)
    }

    fn draw(&mut self) {
        self.last = Some(Instant::now());
        self.stale = false;
        let text = if self.finished == self.expected { String::new() } else { self.text() };
        // A line that wraps could not be erased.
        let text: String = text.chars().take(width().saturating_sub(1)).collect();
        // To the first column, the text, and the rest of the line erased.
        let _ = write!(std::io::stderr(), "\r{text}\x1b[K");
        self.drawn = !text.is_empty();
    }

    fn clear(&mut self) {
        if self.drawn {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
            self.drawn = false;
            self.stale = true;
            self.last = None;
        }
    }

    fn text(&self) -> String {
        let mut counts: BTreeMap<Phase, usize> = BTreeMap::new();
        for phase in self.phases.values() {
            *counts.entry(*phase).or_default() += 1;
        }
        let mut text = format!("{} of {} done", self.finished, Count(self.expected, "certificate"));
        for (phase, count) in counts {
            text.push_str(&format!(", {count} {}", phase.as_str()));
        }
        text
    }
}

/// How many columns the terminal has; all there can be where it does not say.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.ok().map_or(usize::MAX, |size| if size.ws_col == 0 { usize::MAX } else { size.ws_col.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_waited_for() {
        let mut progress = Progress::new(false);
        progress.expect(3);
        progress.finished = 1;
        progress.phases.insert("a".to_owned(), Phase::Validating);
        progress.phases.insert("b".to_owned(), Phase::Deploying);
        assert_eq!(progress.text(), "1 of 3 certificates done, 1 deploying challenges, 1 being validated");
    }
}
