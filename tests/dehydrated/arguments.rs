//! The command line, by dehydrated's rules.

use std::path::Path;

use super::same;
use crate::support::{Test, dehydrated, hydrant};

/// What a script sees of an answer: the code, the message, and where the help is.
fn seen(test: &Test, program: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = test.program(program, arguments);
    let (code, stdout, stderr) = output.whole();
    let shorten = |text: &str| {
        let lines = text.lines().map(|line| if line.starts_with("Usage: ") { "Usage: …" } else { line });
        lines.take_while(|line| !line.starts_with("Default command")).collect::<Vec<_>>().join("\n")
    };
    (code, shorten(stdout), shorten(stderr))
}

/// Lines that end before a configuration is read.
const LINES: [&[&str]; 41] = [
    &[],
    &[""],
    &["", ""],
    &["-h"],
    &["--help"],
    &["-h", "--nonsense"],
    &["-c", "-h"],
    &["-c", "--help", "-e"],
    &["-f", "-h"],
    &["-x"],
    &["--accept-terms"],
    &["-d", "a.example"],
    &["--nonsense"],
    &["--config=config"],
    &["--cron=yes"],
    &["-cx"],
    &["--"],
    &["-c", "--"],
    &["-c", ""],
    &["word"],
    &["-c", "word"],
    &["-c", "-e"],
    &["-e", "-e"],
    &["-c", "-e", "--nonsense"],
    &["-c", "--nonsense", "-e"],
    &["-s"],
    &["-s", ""],
    &["-s", "-c"],
    &["-c", "-s"],
    &["-c", "-r", "file"],
    &["-r"],
    &["-f"],
    &["-f", ""],
    &["-f", "-"],
    &["-c", "-d"],
    &["-c", "-d", "-x"],
    &["-c", "--ca", "a", "--ca", "b"],
    &["-c", "--alias", "a", "--alias", "b"],
    &["--domains-txt", "-"],
    &["-o", "out", "-h"],
    &["-k", "two words", "-t", "none", "-a", "none"],
];

#[test]
fn every_line_is_answered_as_dehydrated_answers_it() {
    let test = Test::new();
    let link = test.path("dehydrated");
    std::os::unix::fs::symlink(hydrant(), &link).unwrap();
    for line in LINES {
        assert_eq!(seen(&test, &link, line), seen(&test, &dehydrated(), line), "{line:?}");
    }
}

#[test]
fn hydrants_own_command_takes_the_same_words() {
    let test = Test::new();
    for line in LINES {
        let ours = [&["dehydrated"], line].concat();
        assert_eq!(
            seen(&test, Path::new(hydrant()), &ours),
            seen(&test, &dehydrated(), line),
            "hydrant dehydrated {line:?}"
        );
    }
}

#[test]
fn the_help_goes_by_the_name_that_was_called() {
    let test = Test::new();
    test.as_dehydrated(&["-h"]).code(0).stderr("").stdout_contains("Usage: [DIR]/bin/dehydrated [-h] ");
    let program = hydrant();
    let output = test.program(program, &["dehydrated", "--help"]).code(0);
    assert!(output.stdout.starts_with(&format!("Usage: {program} dehydrated [-h] ")), "{}", output.stdout);
    // Every option of the real one is there, in the same place of its line.
    let theirs = test.program(dehydrated(), &["-h"]).code(0);
    let names = |text: &str| -> Vec<String> {
        let options = text.lines().filter(|line| line.starts_with(" --"));
        let mut names: Vec<_> = options.map(|line| line.split("  ").next().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let mut ours = names(&output.stdout);
    ours.retain(|option| option != " --validation-timeout seconds");
    assert_eq!(ours.len(), names(&theirs.stdout).len());
    for (ours, theirs) in ours.iter().zip(names(&theirs.stdout)) {
        assert_eq!(ours.split(' ').nth(1), theirs.split(' ').nth(1));
    }
}

#[test]
fn the_order_of_arguments_never_matters() {
    let place = |test: Test| test.write("a", "").write("b", "CERTDIR=/b\n").write("w/x", "");
    let first = same(place, &["-f", "a", "-f", "b", "-e", "-t", "dns-01", "-k", "hook"]);
    let second = same(place, &["-t", "dns-01", "-e", "-k", "hook", "-f", "a", "-f", "b"]);
    assert_eq!(first, second);
    assert_eq!(first.code, Some(0));
}

#[test]
fn nothing_is_done_when_the_environment_says_so() {
    same(|test| test.env("DEHYDRATED_NOOP", "NOOP"), &["--nonsense"]);
    same(|test| test.env("DEHYDRATED_NOOP", "yes"), &["-f", "none", "-e"]);
}

#[test]
fn the_version_names_the_dehydrated_whose_behaviour_is_kept() {
    let test = Test::new().write("config", "KEY_ALGO=nonsense\n");
    let version = env!("CARGO_PKG_VERSION");
    test.as_dehydrated(&["-v", "-f", "config"])
        .code(0)
        .stderr("")
        .stdout_contains(&format!("hydrant {version}\n\nDehydrated version: 0.7.3\nGIT-Revision: "));
}
