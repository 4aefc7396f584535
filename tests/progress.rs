//! What long work looks like, on a terminal and without one.

use crate::support::{Rig, Test, rig_hook};

/// Runs a program on a terminal of its own and prints what that terminal gets.
const ON_A_TERMINAL: &str =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// What a terminal shows in the end: `\r` goes to the first column, and `ESC [K` erases what follows there.
fn screen(output: &str) -> String {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    let mut rest = output;
    while let Some(character) = rest.chars().next() {
        let line = lines.last_mut().unwrap();
        if let Some(after) = rest.strip_prefix("\u{1b}[K") {
            line.truncate(column);
            rest = after;
            continue;
        }
        match character {
            '\r' => column = 0,
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            _ => {
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
        rest = &rest[character.len_utf8()..];
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>() + "\n").collect()
}

#[test]
fn a_terminal_shows_how_far_a_run_is_and_in_the_end_only_what_is_shown_elsewhere() {
    let rig = Rig::start();
    let yaml = format!("accept_terms: true\nchallenge: dns-01\nhooks: {}\n", rig_hook().display());
    let hydrant = env!("CARGO_BIN_EXE_hydrant");
    let test = Test::new()
        .rig(&rig)
        .domains("a.example\nb.example\n")
        .config(&yaml)
        .env("RIG_HOOK_SLEEP_MS", "300")
        .env("TERM", "xterm");
    let shown = test.program("python3", &["-c", ON_A_TERMINAL, hydrant, "run"]).code(0).stdout;
    assert!(shown.contains("\r0 of 2 certificates done, 2 deploying challenges\u{1b}[K"), "{shown:?}");

    let plain = test.hydrant(&["run", "--force"]).code(0).stderr("").stdout;
    assert!(!plain.contains(['\r', '\u{1b}']), "{plain:?}");
    // Side by side means in any order; dates differ, and the first run registers.
    let words = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("account registered"));
        let mut words: Vec<String> =
            lines.map(|line| line.split([',', ':']).next().unwrap_or_default().to_owned()).collect();
        words.sort();
        words
    };
    let screen = screen(&shown);
    assert_eq!(words(&screen), words(&plain), "{screen}");
    assert!(screen.trim_end().ends_with("\n2 certificates: 2 issued"), "{screen}");

    // On a narrow one the line is cut: one that wraps could not be erased.
    let narrow =
        ON_A_TERMINAL.replace("pty.spawn(", "pty.spawn(['sh', '-c', 'stty cols 20; exec \"$@\"', 'sh'] + ");
    let shown = test.program("python3", &["-c", &narrow, hydrant, "run", "--force"]).code(0).stdout;
    assert!(shown.contains("\r0 of 2 certificates\u{1b}[K"), "{shown:?}");

    // A terminal that wants to hear of errors alone.
    let quiet = ["-c", ON_A_TERMINAL, hydrant, "run", "--force", "--quiet"];
    test.program("python3", &quiet).code(0).stdout("");
}
