use std::io::{Read, Write};
use std::panic::Location;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::output::{Filter, Output};

/// How long pipes may stay open after the program has ended: a hook may have left a process that holds them.
const LEFT_OPEN: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(2);

/// A program that runs. It is killed when it is dropped or when its time is over.
pub(crate) struct Running {
    child: Child,
    command: String,
    started: Instant,
    deadline: Duration,
    stdout: Captured,
    stderr: Captured,
    filters: Vec<Filter>,
}

impl Running {
    #[track_caller]
    pub(super) fn start(
        command: &mut Command,
        stdin: Vec<u8>,
        deadline: Duration,
        filters: Vec<Filter>,
    ) -> Running {
        let described = format!("{command:?}").replace(&format!("{:?} ", "env"), "");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
        let mut pipe = child.stdin.take().unwrap();
        // A program that does not read its stdin may end before it is written.
        thread::spawn(move || drop(pipe.write_all(&stdin)));
        Running {
            stdout: Captured::from(child.stdout.take().unwrap()),
            stderr: Captured::from(child.stderr.take().unwrap()),
            child,
            command: described,
            started: Instant::now(),
            deadline,
            filters,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name without SIG.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success(), "could not send SIG{name}");
    }

    /// Sends a signal to the whole process group that it was started in.
    #[track_caller]
    pub(crate) fn signal_group(&self, name: &str) {
        let group = format!("-{}", self.pid());
        let status = Command::new("kill").arg(format!("-{name}")).args(["--", &group]).status().unwrap();
        assert!(status.success(), "could not send SIG{name}");
    }

    /// What it has printed on stderr so far.
    pub(crate) fn stderr_so_far(&self) -> String {
        self.stderr.text()
    }

    /// Waits until it has printed this on stderr, or fails at the deadline.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&mut self, part: &str) {
        let printed = Arc::clone(&self.stderr.bytes);
        self.wait_until(part, || String::from_utf8_lossy(&printed.lock().unwrap()).contains(part));
    }

    /// Waits until something holds, which the caller asks again and again, or fails at the deadline.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        while !holds() {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.fail(&format!("ended ({status}) before {what}"));
            }
            if self.started.elapsed() > self.deadline {
                self.fail(&format!("no sign in {:?} of: {what}", self.deadline));
            }
            thread::sleep(POLL);
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Output {
        let status = self.status();
        let elapsed = self.started.elapsed();
        let given_up = Instant::now() + LEFT_OPEN;
        while !(self.stdout.ended() && self.stderr.ended()) && Instant::now() < given_up {
            thread::sleep(POLL);
        }
        Output::new(
            self.command.clone(),
            status,
            elapsed,
            self.stdout.text(),
            self.stderr.text(),
            std::mem::take(&mut self.filters),
            Location::caller(),
        )
    }

    #[track_caller]
    fn status(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if self.started.elapsed() > self.deadline {
                self.fail(&format!("still running after {:?}", self.deadline));
            }
            thread::sleep(POLL);
        }
    }

    #[track_caller]
    fn fail(&mut self, why: &str) -> ! {
        drop(self.child.kill());
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        panic!("{}\n{why}\n--- stdout\n{stdout}\n--- stderr\n{stderr}", self.command);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What comes out of a pipe, collected beside the test.
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Captured {
    fn from(mut pipe: impl Read + Send + 'static) -> Captured {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                shared.lock().unwrap().extend(&buffer[..length]);
            }
        });
        Captured { bytes, reader }
    }

    fn ended(&self) -> bool {
        self.reader.is_finished()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}
