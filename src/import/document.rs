//! A `hydrant.yml` with comments.

use serde_json::Value;

use crate::config::written::entry;

/// A file in the making.
#[derive(Debug, Default)]
pub(super) struct Document(String);

impl Document {
    /// Comment lines, after an empty line unless they are the first; long ones are broken.
    pub(super) fn comment(&mut self, paragraphs: &[String]) {
        if paragraphs.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        for paragraph in paragraphs {
            let mut line = String::new();
            for word in paragraph.split_whitespace() {
                if line.len() + word.len() >= WIDTH && !line.is_empty() {
                    self.line(&line);
                    // What belongs to the same paragraph is indented.
                    "  ".clone_into(&mut line);
                }
                if !line.trim().is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            self.line(&line);
        }
    }

    /// A setting, with where its value comes from.
    pub(super) fn setting(&mut self, key: &str, value: &Value, from: &str) {
        self.0.push_str(&entry(key, value, from));
    }

    /// The head of a setting that has settings below it.
    pub(super) fn heading(&mut self, key: &str) {
        self.0.push_str(key);
        self.0.push_str(":\n");
    }

    /// A setting below the last heading.
    pub(super) fn below(&mut self, key: &str, value: &Value, from: &str) {
        for line in entry(key, value, from).lines() {
            self.0.push_str("  ");
            self.0.push_str(line);
            self.0.push('\n');
        }
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, text: &str) {
        // A name may be any text; what follows a line break would be no comment any more.
        let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        self.0.push_str("# ");
        self.0.push_str(&text);
        self.0.push('\n');
    }
}

const WIDTH: usize = 110;
