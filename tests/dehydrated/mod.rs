//! hydrant under the name of dehydrated, beside the real one.

mod accounts;
mod arguments;
mod config;
mod environment;
mod files;
mod ocsp;
mod pair;
mod sequence;

use std::fs;
use std::path::Path;

use crate::support::{Test, dehydrated};

/// What a program did: exit code, stdout, stderr, and the files that it left.
#[derive(Debug, PartialEq)]
struct Did {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    files: Vec<String>,
}

/// Runs hydrant and the real dehydrated with the same arguments in two places made alike; both did the same.
#[track_caller]
fn same(make: impl Fn(Test) -> Test, arguments: &[&str]) -> Did {
    let ours = make(Test::new());
    let output = ours.as_dehydrated(arguments);
    let (code, stdout, stderr) = output.whole();
    let ours = did(&ours, code, stdout, stderr);

    let theirs = make(Test::new());
    let output = theirs.program(dehydrated(), arguments);
    let (code, stdout, stderr) = output.whole();
    let theirs = did(&theirs, code, stdout, stderr);
    assert_eq!(ours, theirs, "{arguments:?}: hydrant on the left, dehydrated on the right");
    ours
}

fn did(test: &Test, code: Option<i32>, stdout: &str, stderr: &str) -> Did {
    let directory = test.path("").display().to_string();
    let directory = directory.trim_end_matches('/');
    let plain = |text: &str| text.replace(directory, "[DIR]");
    let mut files = Vec::new();
    list(Path::new(directory), &mut files);
    let files = files.iter().map(|file| plain(file)).filter(|file| !file.starts_with("[DIR]/bin")).collect();
    Did { code, stdout: plain(stdout), stderr: plain(stderr), files }
}

/// Files and directories with their modes, sorted.
fn list(directory: &Path, found: &mut Vec<String>) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_symlink() {
            found.push(format!("{} -> {}", path.display(), fs::read_link(&path).unwrap().display()));
            continue;
        }
        found.push(format!("{} {:o}", path.display(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            list(&path, found);
        }
    }
}
