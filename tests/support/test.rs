use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use serde_json::Value;
use tempfile::TempDir;

use super::output::{Filter, Output};
use super::rig::Rig;
use super::running::Running;

/// Longer than anything a test waits for: what takes as long hangs.
const DEADLINE: Duration = Duration::from_mins(3);

/// A directory of its own, and hydrant run in it, with an environment of which only `PATH` is the caller's.
///
/// ```ignore
/// Test::new().domains("a.example\n").config("hooks: …").rig(&rig).args(["run"]).run().code(0).stdout("…");
/// ```
pub(crate) struct Test {
    directory: TempDir,
    environment: BTreeMap<OsString, OsString>,
    pub(super) arguments: Vec<OsString>,
    stdin: Vec<u8>,
    deadline: Duration,
    filters: Vec<Filter>,
}

impl Test {
    pub(crate) fn new() -> Test {
        let directory = TempDir::with_prefix("hydrant-test-").unwrap();
        let path = env::var_os("PATH").unwrap();
        Test {
            environment: BTreeMap::from([("PATH".into(), path)]),
            filters: vec![Filter::text(directory.path(), "[DIR]")],
            directory,
            arguments: Vec::new(),
            stdin: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// The arguments of [`run`](Self::run) and [`start`](Self::start).
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Test {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Writes `hydrant.yml` and points `HYDRANT_CONFIG` at it.
    pub(crate) fn config(self, yaml: &str) -> Test {
        let path = self.path("hydrant.yml");
        self.write("hydrant.yml", yaml).env("HYDRANT_CONFIG", path)
    }

    /// How long one run may take before it is killed and the test fails.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Test {
        self.deadline = deadline;
        self
    }

    /// Writes `domains.txt`.
    pub(crate) fn domains(self, text: &str) -> Test {
        self.write("domains.txt", text)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Test {
        self.environment.insert(name.into(), value.as_ref().into());
        self
    }

    /// Takes the variables that begin with `prefix` away again.
    pub(crate) fn without_env(mut self, prefix: &str) -> Test {
        self.environment.retain(|name, _| !name.to_string_lossy().starts_with(prefix));
        self
    }

    /// Replaces what differs from run to run before texts are compared: see [`DATE`](super::DATE) and the others.
    pub(crate) fn filter(mut self, pattern: &'static str, placeholder: &'static str) -> Test {
        self.filters.push(Filter::pattern(pattern, placeholder));
        self
    }

    /// Writes an executable bash script; `body` is what follows the `#!` line.
    pub(crate) fn hook_script(self, path: &str, body: &str) -> Test {
        let script = format!("#!/bin/bash\n{body}\n");
        // Written by another process: a descriptor open for writing here would be inherited by the children that
        // other tests start meanwhile, and starting the script would fail with ETXTBSY (rust-lang/rust#114554).
        let mut shell = Command::new("sh")
            .args(["-c", r#"mkdir -p "${1%/*}" && cat >"$1" && chmod 755 "$1""#, "sh"])
            .arg(self.path(path))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success(), "could not write {path}");
        self
    }

    /// A hook of the test's own, `./hook`, for these operations of dns-01; its script finds the rig's in `RIG_HOOK`.
    pub(crate) fn own_hook(self, script: &str, operations: &str) -> Test {
        self.config(&own_hook_config("hook", operations))
            .hook_script("hook", script)
            .env("RIG_HOOK", rig_hook())
    }

    /// Gives the rig's environment to what runs, and `[CA]` and `[RIG]` to what is compared.
    pub(crate) fn rig(mut self, rig: &Rig) -> Test {
        for (name, value) in rig.environment() {
            self.environment.insert(name.into(), value.into());
        }
        self.filters.push(Filter::text(rig.ca(), "[CA]"));
        self.filters.push(Filter::text(rig.directory(), "[RIG]"));
        self.filters.push(Filter::text(rig.address(), "[ADDRESS]"));
        self
    }

    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Test {
        self.stdin = text.into();
        self
    }

    /// Writes a file in the test's directory, and the directories it needs.
    pub(crate) fn write(self, path: &str, text: impl AsRef<[u8]>) -> Test {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Writes a file in the test's directory, which is there already.
    pub(crate) fn put(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// A path in the test's directory.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(path)
    }

    /// The content of a file in the test's directory.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        let file = self.path(path);
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// The record of a certificate.
    #[track_caller]
    pub(crate) fn record(&self, name: &str) -> Value {
        let text = self.read(&format!(".hydrant/certificates/{name}.json"));
        let newest = text.lines().last().unwrap_or_else(|| panic!("the record of {name} is empty"));
        serde_json::from_str(newest).unwrap_or_else(|error| panic!("{error}: {newest}"))
    }

    /// Runs hydrant to its end with the arguments of [`args`](Self::args).
    #[track_caller]
    pub(crate) fn run(&self) -> Output {
        self.start().wait()
    }

    /// Runs hydrant once more in the same place, with other arguments.
    #[track_caller]
    pub(crate) fn hydrant(&self, arguments: &[&str]) -> Output {
        self.spawn(Command::new(hydrant()).args(arguments)).wait()
    }

    /// Runs hydrant under the name of dehydrated, by a link in the test's directory.
    #[track_caller]
    pub(crate) fn as_dehydrated(&self, arguments: &[&str]) -> Output {
        self.start_as_dehydrated(arguments).wait()
    }

    /// The same, left running.
    #[track_caller]
    pub(crate) fn start_as_dehydrated(&self, arguments: &[&str]) -> Running {
        self.start_as("dehydrated", arguments)
    }

    /// Runs hydrant under the name of lecertvend, with the words of a command line.
    #[track_caller]
    pub(crate) fn lecertvend(&self, line: &str) -> Output {
        self.start_lecertvend(line).wait()
    }

    /// The same, left running.
    #[track_caller]
    pub(crate) fn start_lecertvend(&self, line: &str) -> Running {
        self.start_as("lecertvend", &line.split_whitespace().collect::<Vec<_>>())
    }

    /// Starts hydrant under another name, by a link in the test's directory.
    #[track_caller]
    fn start_as(&self, name: &str, arguments: &[&str]) -> Running {
        let link = self.path("bin").join(name);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        if !link.exists() {
            std::os::unix::fs::symlink(hydrant(), &link).unwrap();
        }
        self.spawn(Command::new(link).args(arguments))
    }

    /// Starts hydrant and leaves it running, for tests that send signals or kill.
    #[track_caller]
    pub(crate) fn start(&self) -> Running {
        self.spawn(Command::new(hydrant()).args(&self.arguments))
    }

    /// Starts hydrant with other arguments in a process group of its own and leaves it running.
    #[track_caller]
    pub(crate) fn start_in_group(&self, arguments: &[&str]) -> Running {
        self.spawn(Command::new(hydrant()).args(arguments).process_group(0))
    }

    /// Runs hydrant under strace, with a fault put into its system calls: `injection` is what strace's `-e inject=` takes,
    /// such as `fsync:signal=KILL:when=3` or `openat:error=ENOSPC:when=2+`. Each thread counts for itself. Hooks are not
    /// traced.
    #[track_caller]
    pub(crate) fn run_with_fault(&self, injection: &str) -> Output {
        self.spawn(
            Command::new("strace")
                .args(["--quiet=all", "--follow-forks", "--detach-on=execve", "--output=/dev/null", "-e"])
                .arg(format!("inject={injection}"))
                .arg(hydrant())
                .args(&self.arguments),
        )
        .wait()
    }

    /// Runs hydrant and kills it (-9) just before its `nth` change of its files, from 1: a file, link or directory that
    /// is made or moved, or a line that is added or made durable. Gives what it was about to do; None when it ended by itself.
    #[track_caller]
    pub(crate) fn run_killed_before_change(&self, nth: usize) -> (Output, Option<String>) {
        let killer = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/killat.py");
        let note = self.path("killed-at");
        let output = self
            .spawn(Command::new(killer).arg(nth.to_string()).arg(&note).arg(hydrant()).args(&self.arguments))
            .wait();
        (output, fs::read_to_string(note).ok())
    }

    /// Runs hydrant and gives the system calls of it and its hooks, as strace writes them; `calls` such as
    /// `execve,connect`.
    #[track_caller]
    pub(crate) fn run_traced(&self, calls: &str) -> (Output, String) {
        let output = self
            .spawn(
                Command::new("strace")
                    .args([
                        "--quiet=all",
                        "--seccomp-bpf",
                        "--follow-forks",
                        "--output=trace",
                        "--trace",
                        calls,
                    ])
                    .arg(hydrant())
                    .args(&self.arguments),
            )
            .wait();
        (output, self.read("trace"))
    }

    /// Runs another program in the same place and with the same environment.
    #[track_caller]
    pub(crate) fn program(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Output {
        self.spawn(Command::new(program).args(arguments)).wait()
    }

    #[track_caller]
    pub(super) fn spawn(&self, command: &mut Command) -> Running {
        // What the command sets itself stays.
        let own: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned))).collect();
        command.current_dir(self.directory.path()).env_clear().envs(&self.environment);
        command.envs(own.into_iter().filter_map(|(name, value)| Some((name, value?))));
        Running::start(command, self.stdin.clone(), self.deadline, self.filters.clone())
    }
}

/// The `hydrant.yml` of [`Test::own_hook`], with another name for the hook.
pub(crate) fn own_hook_config(name: &str, operations: &str) -> String {
    format!(
        "accept_terms: true\nchallenge: dns-01\nhooks:\n  - name: {name}\n    command: ./hook\n    \
         operations: [{operations}]\n"
    )
}

/// The program that is tested.
pub(crate) fn hydrant() -> &'static str {
    env!("CARGO_BIN_EXE_hydrant")
}

/// The rig's compiled hook, which is built with the workspace.
#[track_caller]
pub(crate) fn rig_hook() -> PathBuf {
    bundled_hook("hydrant-rig-hook")
}

/// The real dehydrated, as reference and peer.
#[track_caller]
pub(crate) fn dehydrated() -> PathBuf {
    part("usr/bin/dehydrated")
}

/// A program that `tests/rig/install` has put into the parts of the rig.
#[track_caller]
pub(crate) fn part(path: &str) -> PathBuf {
    let parts = env::var_os("HYDRANT_RIG_PARTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/.parts"), PathBuf::from);
    let program = parts.join(path);
    assert!(program.exists(), "{} is missing: tests/rig/install", program.display());
    program
}

/// A hook of ours, which is built with the workspace.
#[track_caller]
pub(crate) fn bundled_hook(name: &str) -> PathBuf {
    let hook = Path::new(hydrant()).with_file_name(name);
    assert!(hook.exists(), "{} is missing: cargo build --workspace", hook.display());
    hook
}
