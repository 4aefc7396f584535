//! Hooks for the tests of this room: small shell scripts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use std::time::Duration;

use tempfile::TempDir;

use super::process::{Order, Sink, Stdin};
use super::program::Program;

/// A directory of scripts.
pub(super) struct Scripts(TempDir);

impl Scripts {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes an executable file. A child process does it: a descriptor of our own, open for writing, could be inherited
    /// by another thread's child, and the script could not be executed as long as that has it.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::io::Write;
        let path = self.path(name);
        let mut child = Command::new("sh")
            .args(["-c", "cat > \"$1\" && chmod +x \"$1\"", "sh"])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        path
    }

    pub(super) fn program(&self, text: &str) -> Program {
        let path = self.write("hook", text);
        Program::find(&path, None).unwrap()
    }

    /// The lines of a file that a script wrote; none when there is no file.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        std::fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

/// Runs a program with what it inherits, and passes on its lines.
pub(super) fn order(program: Program) -> Order {
    Order {
        program,
        arguments: Vec::new(),
        environment: std::env::vars_os().collect(),
        stdin: Stdin::Null,
        stdout: Sink::Lines,
        stderr: Sink::Lines,
        own_group: true,
        alone: false,
        limit: Duration::from_mins(1),
        grace: Duration::from_millis(100),
    }
}

/// Whether a process of this number runs; a zombie does not.
pub(super) fn alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    state.is_ok_and(|state| !state.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}
