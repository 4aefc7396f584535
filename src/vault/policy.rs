//! What policies say of a path: <https://developer.hashicorp.com/vault/docs/concepts/policies>.

/// Whether a policy has a rule for this path that lets it be read, and none that lets it be written: a reader's.
#[must_use]
pub fn only_reads(policy: &str, path: &str) -> bool {
    let of_path: Vec<Rule<'_>> = rules(policy).filter(|rule| rule.is_for(path)).collect();
    let any = |word| of_path.iter().any(|rule| rule.capabilities.contains(&word));
    any("read") && !any("deny") && !["create", "update", "sudo"].into_iter().any(any)
}

struct Rule<'a> {
    path: &'a str,
    capabilities: Vec<&'a str>,
}

/// The rules of a text, as far as they are written as everybody writes them: `path "…" { capabilities = ["…"] }`.
fn rules(policy: &str) -> impl Iterator<Item = Rule<'_>> {
    let uncommented = |at: usize| {
        let line = policy[..at].rfind('\n').map_or(0, |end| end + 1);
        !policy[line..at].contains(['#', '"']) && !policy[line..at].contains("//")
    };
    let starts = policy.match_indices("path").filter(move |(at, _)| uncommented(*at));
    starts.filter_map(|(at, word)| {
        let rest = policy[at + word.len()..].trim_start().strip_prefix('"')?;
        let (path, rest) = rest.split_once('"')?;
        let (body, _) = rest.trim_start().strip_prefix('{')?.split_once('}')?;
        let (_, list) = body.split_once("capabilities")?;
        let (list, _) = list.split_once('[')?.1.split_once(']')?;
        let capabilities = list.split(',').map(|one| one.trim().trim_matches('"')).collect();
        Some(Rule { path, capabilities })
    })
}

impl Rule<'_> {
    /// `*` at the end stands for anything, `+` for one part; what templates are filled with is not known.
    fn is_for(&self, path: &str) -> bool {
        let (pattern, is_open) = match self.path.strip_suffix('*') {
            Some(pattern) => (pattern, true),
            None => (self.path, false),
        };
        let (mut patterns, mut parts) = (pattern.split('/').peekable(), path.split('/'));
        while let Some(pattern) = patterns.next() {
            let Some(part) = parts.next() else { return false };
            let is_last = patterns.peek().is_none();
            let fits = pattern == "+" || pattern == part || is_last && is_open && part.starts_with(pattern);
            if !fits {
                return false;
            }
        }
        is_open || parts.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reads(path: &str) -> bool {
        let policy = format!("# path \"x\"\npath \"{path}\" {{\n  capabilities = [\"read\", \"list\"]\n}}\n");
        only_reads(&policy, "hydrant/data/hydrant-state/certificate-1")
    }

    #[test]
    fn a_rule_is_for_what_its_wildcards_stand_for() {
        for path in ["*", "hydrant/*", "hydrant/data/hydr*", "+/data/+/*", "hydrant/data/+/certificate-1"] {
            assert!(reads(path), "{path}");
        }
        for path in ["hydrant/data/x*", "hydrant/data/+", "hydrant/metadata/*", "hydrant", "kv/*", "x"] {
            assert!(!reads(path), "{path}");
        }
    }

    #[test]
    fn who_writes_is_no_reader() {
        let policy = |list: &str| format!("path \"hydrant/*\" {{ capabilities = [{list}] }}");
        assert!(only_reads(&policy("\"read\""), "hydrant/data/a"));
        assert!(!only_reads(&policy("\"read\", \"update\""), "hydrant/data/a"));
        assert!(!only_reads(&policy("\"deny\", \"read\""), "hydrant/data/a"));
        assert!(!only_reads("# path \"hydrant/*\" { capabilities = [\"read\"] }", "hydrant/data/a"));
    }

    proptest! {
        #[test]
        fn every_text_is_read(policy in "(path|\"|\\{|\\}|\\[|\\]|capabilities|read|/|\\*|\\+|é|\n| ){0,30}", path in "[a/é]{0,8}") {
            let _ = only_reads(&policy, &path);
        }
    }
}
