use std::collections::BTreeMap;
use std::fs;

use super::test::Test;

/// The hook that records its calls.
pub(crate) const RECORD_HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/hooks/record.sh");
/// The small bash hook of the rig, which publishes answers.
pub(crate) const DNS_HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/hooks/dns.sh");

/// dehydrated's name for the probe.
const PROBE: &str =
    "this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script";

/// One call that `tests/rig/hooks/record.sh` has written down.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Call {
    /// `probe` stands for dehydrated's long name of it.
    pub(crate) operation: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) directory: String,
    pub(crate) umask: String,
    pub(crate) stdin: String,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Test {
    /// The calls in a record, in the order of their ends; none where there is no such file.
    #[track_caller]
    pub(crate) fn calls(&self, record: &str) -> Vec<Call> {
        let text = fs::read_to_string(self.path(record)).unwrap_or_default();
        let mut calls = Vec::new();
        let mut call = Call::default();
        for line in text.lines() {
            let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
            match what {
                "call" if rest == PROBE => "probe".clone_into(&mut call.operation),
                "call" => call.operation = unquoted(rest),
                "argument" => call.arguments.push(unquoted(rest)),
                "directory" => call.directory = unquoted(rest),
                "umask" => rest.clone_into(&mut call.umask),
                "stdin" => rest.clone_into(&mut call.stdin),
                "environment" => {
                    let (name, value) = rest.split_once('=').unwrap();
                    call.environment.insert(name.to_owned(), unquoted(value));
                }
                "end" => calls.push(std::mem::take(&mut call)),
                _ => panic!("no line of a record: {line}"),
            }
        }
        calls
    }

    /// The same as a person compares them: a line a call, without what differs from run to run.
    #[track_caller]
    pub(crate) fn transcript(&self, record: &str) -> Vec<String> {
        self.calls(record).iter().map(|call| self.line(call)).collect()
    }

    /// Forgets a record.
    #[track_caller]
    pub(crate) fn forget(&self, record: &str) {
        fs::remove_file(self.path(record)).unwrap();
    }

    /// Whether the answers in a call are there is the CA's to say; here they are `TOKEN` and `VALUE`.
    pub(crate) fn line(&self, call: &Call) -> String {
        let is_challenge = call.operation.ends_with("_challenge") && call.operation != "invalid_challenge";
        let mut line = call.operation.clone();
        for (index, argument) in call.arguments.iter().enumerate() {
            line.push_str(" <");
            line.push_str(&match index % 3 {
                1 if is_challenge => answer(argument, "TOKEN"),
                2 if is_challenge => answer(argument, "VALUE"),
                _ => without_times(&argument.replace(&*self.path("").to_string_lossy(), "[DIR]/")),
            });
            line.push('>');
        }
        line
    }
}

/// A token and the value of a TXT record are both 32 bytes in base64url; http-01's value is two such, and that of
/// tls-alpn-01 32 bytes in hexadecimal.
fn answer(argument: &str, name: &str) -> String {
    let is_base64 = |text: &str| {
        text.len() == 43
            && text.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character))
    };
    let is_hex = argument.len() == 95
        && argument.split(':').all(|byte| byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok());
    let is_one = argument.split('.').all(is_base64) || is_hex;
    if is_one { name.to_owned() } else { argument.to_owned() }
}

/// A text without timestamps, which have ten digits.
pub(crate) fn without_times(argument: &str) -> String {
    let mut text = String::new();
    for part in argument.split_inclusive(|character: char| !character.is_ascii_digit()) {
        let digits = part.trim_end_matches(|character: char| !character.is_ascii_digit());
        if digits.len() == 10 {
            text.push_str("TIME");
            text.push_str(&part[10..]);
        } else {
            text.push_str(part);
        }
    }
    text
}

/// What bash's `printf %q` had quoted.
fn unquoted(quoted: &str) -> String {
    if quoted == "''" {
        return String::new();
    }
    let (inner, is_ansi) = match quoted.strip_prefix("$'").and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => (inner, true),
        None => (quoted, false),
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next().unwrap() {
                'n' if is_ansi => text.push('\n'),
                'r' if is_ansi => text.push('\r'),
                't' if is_ansi => text.push('\t'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    text
}
