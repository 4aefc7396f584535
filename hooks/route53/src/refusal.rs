//! What Route 53 says of a batch that it refused.

use hydrant_hook_dns::name::normalized;

/// Its text, taken apart: one part for each change that does not fit.
#[derive(Debug)]
pub(crate) struct Refusal {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    text: String,
    /// All words in it that could be names.
    words: Vec<String>,
    /// Whether it says no more than that the set is another one than was thought.
    is_conflict: bool,
}

/// How Route 53 says that the set is another one.
const CONFLICTS: [&str; 3] = [
    "but it already exists",
    "but it was not found",
    "but the values provided do not match the current values",
];

impl Refusal {
    pub(crate) fn of(message: &str) -> Self {
        let text = message.trim();
        let text = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
        Self { parts: parts(text).into_iter().map(Part::of).collect() }
    }

    /// Whether it speaks of this name at all.
    pub(crate) fn mentions(&self, record: &str) -> bool {
        self.parts.iter().any(|part| part.mentions(record))
    }

    /// Whether it says of this name something that reading it again will not mend.
    pub(crate) fn blames(&self, record: &str) -> bool {
        self.parts.iter().any(|part| !part.is_conflict && part.mentions(record))
    }

    /// Whether anything in it will not be mended by reading again.
    pub(crate) fn is_final(&self) -> bool {
        self.parts.iter().any(|part| !part.is_conflict)
    }

    /// What it says of a name; all of it, where it does not speak of the name.
    pub(crate) fn about(&self, record: &str) -> String {
        let own: Vec<_> = self.parts.iter().filter(|part| part.mentions(record)).collect();
        let parts = if own.is_empty() { self.parts.iter().collect() } else { own };
        parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Part {
    fn of(text: &str) -> Self {
        let is_of_names = |character: char| character.is_ascii_alphanumeric() || "-_.\\*".contains(character);
        Self {
            words: text.split(|character| !is_of_names(character)).map(normalized).collect(),
            is_conflict: CONFLICTS.iter().any(|conflict| text.contains(conflict)),
            text: text.to_owned(),
        }
    }

    fn mentions(&self, record: &str) -> bool {
        self.words.iter().any(|word| word == record)
    }
}

/// Parts are separated by a comma and begin with a capital letter; inside they have commas before small letters.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (comma, _) in text.match_indices(", ") {
        if text[comma + 2..].starts_with(|next: char| next.is_ascii_uppercase()) {
            parts.push(&text[start..comma]);
            start = comma + 2;
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_changes_the_bad_one_is_blamed() {
        let refusal = Refusal::of(
            "[Tried to create resource record set [name='_acme-challenge.a.example.', type='TXT'] but it already exists, \
             RRSet with DNS name _acme-challenge.b.test. is not permitted in zone example.]",
        );
        assert!(
            refusal.mentions("_acme-challenge.a.example") && !refusal.blames("_acme-challenge.a.example")
        );
        assert!(refusal.blames("_acme-challenge.b.test"));
        assert!(!refusal.mentions("a.example"), "a name is a whole word");
        assert!(refusal.is_final());
        assert_eq!(
            refusal.about("_acme-challenge.b.test"),
            "RRSet with DNS name _acme-challenge.b.test. is not permitted in zone example."
        );
    }

    #[test]
    fn a_set_that_moved_is_nobodys_fault() {
        let refusal = Refusal::of(
            "[Tried to delete resource record set [name='_acme-challenge.a.example.', type='TXT'] but the values \
             provided do not match the current values]",
        );
        assert!(!refusal.is_final());
    }
}
