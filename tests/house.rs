//! The house rules of CONTRIBUTING.md that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `directory`, with its text up to the tests at its end.
fn sources(directory: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut pending = vec![root.join(directory)];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            found.push((path.strip_prefix(root).unwrap().display().to_string(), code));
        }
    }
    assert!(!found.is_empty(), "no sources below {directory}");
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs")
        || path.ends_with("testing.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

/// The lines of code, without comments.
fn lines(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let uncommented = |line: &str| !line.trim_start().starts_with("//");
    code.lines().enumerate().filter(move |(_, line)| uncommented(line)).map(|(index, line)| (index + 1, line))
}

/// Fails with every line of `files` that contains one of `words`.
#[track_caller]
fn forbid(files: &[(String, String)], words: &[&str], rule: &str) {
    let mut broken = Vec::new();
    for (path, code) in files {
        for (number, line) in lines(code) {
            if words.iter().any(|word| line.contains(word)) {
                broken.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

fn outside(prefixes: &[&str]) -> Vec<(String, String)> {
    let outside = |path: &str| !prefixes.iter().any(|prefix| path.starts_with(prefix));
    sources("src").into_iter().filter(|(path, _)| outside(path)).collect()
}

fn within(prefixes: &[&str]) -> Vec<(String, String)> {
    let inside = |path: &str| prefixes.iter().any(|prefix| path.starts_with(prefix));
    let files: Vec<_> = sources("src").into_iter().filter(|(path, _)| inside(path)).collect();
    assert!(files.len() >= prefixes.len(), "files were moved: {prefixes:?}");
    files
}

#[test]
fn only_report_prints() {
    let printing = ["println!", "print!(", "io::stdout()", "io::stderr()"];
    let mut files = outside(&["src/report/"]);
    for (_, code) in &mut files {
        // To ask what a stream is connected to is not to print.
        *code = code.replace("io::stderr().is_terminal()", "").replace("io::stdin().is_terminal()", "");
    }
    forbid(&files, &printing, "only report/ prints");
}

#[test]
fn only_the_process_file_starts_programs() {
    let starting = ["process::Command", "Command::new", "duct::"];
    let own = ["src/hook/process.rs", "src/cli/"];
    forbid(&outside(&own), &starting, "only hook/process.rs starts programs");
}

#[test]
fn files_are_written_through_atomic_alone() {
    let writing = ["fs::write", "File::create", "fs::rename", "fs::remove", "fs::create_dir", "::symlink("];
    // Responders own their token files; hooks are passed scratch files in a private temporary directory.
    let own = [
        "src/store/atomic.rs",
        "src/responder/",
        "src/hook/batch.rs",
        "src/hook/list.rs",
        "src/hook/shared.rs",
        "src/commands/hook_test",
    ];
    forbid(&outside(&own), &writing, "files are written through store/atomic.rs");
}

#[test]
fn the_acme_room_knows_only_keys_and_identifiers() {
    let mut broken = Vec::new();
    for (path, code) in within(&["src/acme/"]) {
        for (number, line) in lines(&code) {
            let Some(at) = line.find("crate::") else { continue };
            let room: String =
                line[at + 7..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !["acme", "identifier", "key", "pem"].contains(&room.as_str()) {
                broken.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "acme/ imports identifier, key and pem alone:\n{}", broken.join("\n"));
}

#[test]
fn pure_rooms_do_no_input_or_output() {
    let pure =
        ["src/plan", "src/csr.rs", "src/chain", "src/ledger", "src/tenant", "src/lint/", "src/domains/"];
    let mut files = within(&pure);
    files.retain(|(path, _)| path != "src/domains/read.rs");
    let effects =
        ["std::fs", "TcpStream", "UdpSocket", "tokio::", "now_utc", "SystemTime", "Instant::now", "std::env"];
    forbid(&files, &effects, "pure rooms do no I/O and read no clock");
}

#[test]
fn the_engine_never_asks_which_command_was_typed() {
    let engine = ["src/plan.rs", "src/issue", "src/runner/", "src/hook/", "src/store/", "src/acme/"];
    let doors = ["crate::cli", "crate::commands", "Door", "config::dehydrated", "config::lecertvend"];
    forbid(&within(&engine), &doors, "the engine reads Config's values");
}

#[test]
fn no_room_is_a_grab_bag() {
    let grab_bags = ["util", "utils", "common", "helper", "helpers", "misc", "types", "manager"];
    for (path, _) in sources("src").iter().chain(&sources("hooks")) {
        let path = PathBuf::from(path);
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(!grab_bags.contains(&stem.as_str()), "{} is a grab bag by name", path.display());
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let mut files = sources("src");
    files.extend(sources("hooks"));
    let marks = ["todo!", "unimplemented!", "FIXME", "XXX", "dbg!"]; // reason: these are what is searched for; nothing here is unfinished
    forbid(&files, &marks, "unfinished");
}
