//! The real dehydrated and hydrant in its place: the same files, the same CA, the same hook that records its calls.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::{Call, DNS_HOOK, Output, RECORD_HOOK, Rig, Test, dehydrated, hydrant, without_times};

/// What dehydrated exports, and what a configuration may.
const EXPORTED: &str = "alias|altnames|CHALLENGETYPE|KEY_ALGO|PRIVATE_KEY_ROLLOVER|WELLKNOWN|BASEDIR|CERTDIR|ALPNCERTDIR|CONFIG|COMMAND|MY_.*";

/// One installation for each of the two, equal but for where they are.
pub(super) struct Pair {
    pub(super) theirs: Test,
    pub(super) ours: Test,
}

/// What came of a command on both sides.
pub(super) struct Ran {
    pub(super) theirs: Output,
    pub(super) ours: Output,
}

impl Pair {
    /// A list, and a configuration with dns-01 and the hook that records; `more` is appended.
    pub(super) fn new(rig: &Rig, domains: &str, more: &str) -> Pair {
        let side = |program: &Path| {
            let test = Test::new().rig(rig).domains(domains).env("RECORD_ENVIRONMENT", EXPORTED);
            let config = format!(
                "CA={}\nCURL_OPTS='--cacert {} --noproxy *'\nKEY_ALGO=prime256v1\nACCOUNT_KEY_ALGO=prime256v1\n\
                 CHALLENGETYPE=dns-01\nHOOK={RECORD_HOOK}\n{more}\n",
                rig.ca(),
                rig.environment()["HYDRANT_CA_ROOTS"],
            );
            let record = test.path("record");
            // The doors are told apart by the configuration alone: what the rig sets for hydrant is not for this one.
            let test = test.write("config", config).env("RECORD", record).env("RECORD_THEN", DNS_HOOK);
            symlink(program, test.path("dehydrated")).unwrap();
            test.without_env("HYDRANT_")
        };
        Pair { theirs: side(&dehydrated()), ours: side(Path::new(hydrant())) }
    }

    /// The same with a variable in the environment of both.
    pub(super) fn env(self, name: &str, value: &str) -> Pair {
        Pair { theirs: self.theirs.env(name, value), ours: self.ours.env(name, value) }
    }

    /// The same with a file in both directories.
    pub(super) fn write(self, path: &str, text: &str) -> Pair {
        Pair { theirs: self.theirs.write(path, text), ours: self.ours.write(path, text) }
    }

    /// The same with an executable bash script in both directories.
    pub(super) fn hook_script(self, path: &str, body: &str) -> Pair {
        Pair { theirs: self.theirs.hook_script(path, body), ours: self.ours.hook_script(path, body) }
    }

    /// The same with something to read on stdin.
    pub(super) fn stdin(self, text: &str) -> Pair {
        Pair { theirs: self.theirs.stdin(text), ours: self.ours.stdin(text) }
    }

    /// Changes a file in both directories.
    pub(super) fn put(&self, path: &str, text: &str) {
        self.theirs.put(path, text);
        self.ours.put(path, text);
    }

    /// That a file is the same on both sides, but for where it is.
    #[track_caller]
    pub(super) fn same_file(&self, path: &str) -> String {
        let text = |test: &Test| test.read(path).replace(&*test.path("").to_string_lossy(), "[DIR]/");
        let ours = text(&self.ours);
        assert_eq!(ours, text(&self.theirs), "{path}: hydrant's, then dehydrated's");
        ours
    }

    /// Runs the same command on both sides, the configuration named by its full path, as a script would.
    #[track_caller]
    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        let run = |test: &Test| {
            let config = test.path("config").display().to_string();
            let all: Vec<&str> = ["--config", &config].into_iter().chain(arguments.iter().copied()).collect();
            test.program(test.path("dehydrated"), &all)
        };
        Ran { theirs: run(&self.theirs), ours: run(&self.ours) }
    }

    /// [`Pair::run`], with the same exit code on both sides.
    #[track_caller]
    pub(super) fn both(&self, arguments: &[&str], code: i32) -> Ran {
        let ran = self.run(arguments);
        Ran { theirs: ran.theirs.code(code), ours: ran.ours.code(code) }
    }

    /// Registers an account on both sides, so that what follows is what a cron job sees.
    #[track_caller]
    pub(super) fn registered(self) -> Pair {
        self.both(&["--register", "--accept-terms"], 0);
        self
    }

    /// The calls since the last time, with what they saw; both records are forgotten.
    #[track_caller]
    pub(super) fn calls(&self) -> (Vec<String>, Vec<String>) {
        let take = |test: &Test| {
            let calls = in_fixed_order(test.calls("record"));
            if !calls.is_empty() {
                test.forget("record");
            }
            calls.iter().map(|call| seen(test, call)).collect()
        };
        (take(&self.theirs), take(&self.ours))
    }

    /// That the calls since the last time are the same on both sides, in the same order, with the same surroundings.
    #[track_caller]
    pub(super) fn same_calls(&self, what: &str) -> Vec<String> {
        let (theirs, ours) = self.calls();
        assert_same(&ours, &theirs, what);
        ours.iter().map(|call| call.split([' ', '\n']).next().unwrap_or_default().to_owned()).collect()
    }

    /// The same where names were proven before: Pebble uses that again, now and then, so that there is nothing to deploy.
    #[track_caller]
    pub(super) fn same_calls_but_challenges(&self, what: &str) -> Vec<String> {
        let (mut theirs, mut ours) = self.calls();
        for calls in [&mut theirs, &mut ours] {
            calls
                .retain(|call| !call.starts_with("deploy_challenge") && !call.starts_with("clean_challenge"));
        }
        assert_same(&ours, &theirs, what);
        ours.iter().map(|call| call.split([' ', '\n']).next().unwrap_or_default().to_owned()).collect()
    }

    /// That the files below a directory are the same: names, kinds, permissions, where links lead.
    #[track_caller]
    pub(super) fn same_files(&self, what: &str) {
        let (theirs, ours) = (tree(&self.theirs), tree(&self.ours));
        assert_same(&ours, &theirs, what);
    }
}

/// Shows the first place where the two differ, and how they come to it.
#[track_caller]
pub(super) fn assert_same(ours: &[String], theirs: &[String], what: &str) {
    let same = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
    let from = same.saturating_sub(3);
    let rest = |all: &[String]| all.iter().skip(from).take(6).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        ours == theirs,
        "{what}: different from number {same} on\n--- hydrant\n{}\n--- dehydrated\n{}",
        rest(ours),
        rest(theirs)
    );
}

/// Pebble lists the authorizations of an order as it likes: their calls are put into a fixed order.
fn in_fixed_order(mut calls: Vec<Call>) -> Vec<Call> {
    for call in &mut calls {
        if ["deploy_challenge", "clean_challenge"].contains(&&*call.operation) {
            let mut triples: Vec<Vec<String>> = call.arguments.chunks(3).map(<[String]>::to_vec).collect();
            triples.sort();
            call.arguments = triples.concat();
        }
    }
    for alike in calls.chunk_by_mut(|a, b| a.operation == b.operation && a.operation.ends_with("_challenge"))
    {
        alike.sort_by(|a, b| a.arguments.cmp(&b.arguments));
    }
    calls
}

/// A call and its surroundings, without what differs from run to run.
fn seen(test: &Test, call: &Call) -> String {
    let mut call = call.clone();
    // Difference `no-trailing-blank`.
    if call.operation == "generate_csr" && call.arguments[2].trim_end().contains(' ') {
        let trimmed = call.arguments[2].trim_end().to_owned();
        call.arguments[2] = trimmed;
    }
    let directory = test.path("").display().to_string();
    let directory = directory.trim_end_matches('/');
    let mut text = test.line(&call);
    text.push_str(&format!("\n  in {} umask {} stdin {}", call.directory, call.umask, call.stdin));
    for (name, value) in &call.environment {
        text.push_str(&format!("\n  {name}={}", value.trim_end()));
    }
    text.replace(directory, "[DIR]")
}

/// Every file of an installation but the tests' own and hydrant's state.
fn tree(test: &Test) -> Vec<String> {
    let mut found = BTreeMap::new();
    let root = test.path("");
    let mut pending = vec![root.clone()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if ["dehydrated", "record", "record.lock", ".hydrant"].contains(&&*name) {
                continue;
            }
            let metadata = path.symlink_metadata().unwrap();
            let what = if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                format!("{:o}", metadata.permissions().mode() & 0o7777)
            };
            if metadata.is_dir() {
                pending.push(path);
            }
            found.insert(name, what);
        }
    }
    found.into_iter().map(|(name, what)| without_times(&format!("{name} {what}"))).collect()
}
