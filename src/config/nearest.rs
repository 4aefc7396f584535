//! Which of the known words a person may have meant.

/// The candidate that differs fewest from `word`, if it is near enough to be a slip of the pen.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST).collect();
    let allowed = (word.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to do about an unknown word: the nearest of those there are, else all of them.
pub(super) fn suggestion(word: &str, words: &[&str]) -> String {
    match nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it can be {}", one_of(words)),
    }
}

/// `` `a`, `b`, or `c` ``.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first, second] => format!("{first} or {second}"),
        [init @ .., last] => format!("{}, or {last}", init.join(", ")),
    }
}

/// Edits (insert, delete, replace, swap two neighbours) from one word to the other; `-` and `_` count as equal.
fn distance(word: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.to_lowercase().chars().collect();
    let same = |a: char, b: char| a == b || (a == '-' && b == '_') || (a == '_' && b == '-');
    // Three rows of the usual table: before the last, last, current.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=candidate.len()).collect();
    for i in 1..=word.len() {
        let mut current = vec![i];
        for j in 1..=candidate.len() {
            let replaced = last[j - 1] + usize::from(!same(word[i - 1], candidate[j - 1]));
            let mut fewest = replaced.min(last[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1] {
                fewest = fewest.min(before[j - 2] + 1);
            }
            current.push(fewest);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[candidate.len()]
}

/// No setting is longer; what is, is no slip of the pen, and the table must stay small.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_of_the_pen() {
        let keys = ["key_type", "reuse_key", "jobs"];
        assert_eq!(nearest("key_tpye", keys), Some("key_type"));
        assert_eq!(nearest("key-type", keys), Some("key_type"));
        assert_eq!(nearest("KeyTyp", ["key_type"]), Some("key_type"));
        assert_eq!(nearest("job", keys), Some("jobs"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }

    #[test]
    fn lists_as_people_do() {
        assert_eq!(one_of(&["a"]), "`a`");
        assert_eq!(one_of(&["a", "b"]), "`a` or `b`");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b`, or `c`");
    }
}
