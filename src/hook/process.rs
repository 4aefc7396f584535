//! Starting a program: the only place of hydrant that does.
//!
//! duct starts it and collects it; `watch` stays with it in between. What is no hook is here too: a program that answers
//! requests ([`Session`]), one whose output is wanted ([`output`]), and one that takes our place ([`replace_us`]).

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::program::Program;

/// How long another thread may hold a just written script open for writing.
const BUSY_FOR: Duration = Duration::from_millis(500);

/// What to start, and how.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) program: Program,
    pub(super) arguments: Vec<String>,
    /// All of its environment.
    pub(super) environment: HashMap<OsString, OsString>,
    pub(super) stdin: Stdin,
    pub(super) stdout: Sink,
    pub(super) stderr: Sink,
    /// Whether it leads a process group of its own, which is then stopped as a whole.
    pub(super) own_group: bool,
    /// Whether no other process of ours is at work.
    pub(super) alone: bool,
    pub(super) limit: Duration,
    pub(super) grace: Duration,
}

/// What it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stdin {
    Inherit,
    Null,
}

/// Where one of its outputs goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    /// Kept for the caller.
    Capture,
    /// To where hydrant's own goes.
    Inherit,
    /// Passed on line by line.
    Lines,
    /// To where hydrant's stderr goes.
    Stderr,
}

/// A started process. Dropped before it was collected, it is killed with its group.
pub(super) struct Child {
    handle: Option<duct::Handle>,
    pub(super) pid: Pid,
    own_group: bool,
}

impl Child {
    /// Sends a signal to the group, or to the process alone where it shares hydrant's. Only before it is collected.
    pub(super) fn signal(&self, signal: Signal) {
        // One that has ended already needs none.
        let _ = if self.own_group {
            rustix::process::kill_process_group(self.pid, signal)
        } else {
            rustix::process::kill_process(self.pid, signal)
        };
    }

    /// How it ended. Only when it has: it would block.
    pub(super) fn collect(&mut self) -> io::Result<ExitStatus> {
        let handle = self.handle.take().ok_or_else(|| io::Error::from(Errno::CHILD))?;
        Ok(handle.into_output()?.status)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.handle.is_some() {
            self.signal(Signal::KILL);
        }
    }
}

/// A child and the pipes to read.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) stdout: Option<(PipeReader, Sink)>,
    pub(super) stderr: Option<(PipeReader, Sink)>,
}

/// Starts the process; blocks until the kernel has loaded it.
pub(super) fn start(order: &Order) -> io::Result<Started> {
    let give_up = Instant::now() + BUSY_FOR;
    let direct = |order: &Order| start_as(order, &order.program.path, None);
    loop {
        return match direct(order) {
            // Another thread's child still holds the file open for writing, for as long as its own start takes.
            Err(error) if is_busy(&error) && Instant::now() < give_up => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            Err(error) if is_script_without_interpreter(&error, &order.program.path) => {
                // As bash does, which runs such a file itself.
                match start_as(order, Path::new("bash"), Some(&order.program.path)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        start_as(order, Path::new("/bin/sh"), Some(&order.program.path))
                    }
                    result => result,
                }
            }
            result => result,
        };
    }
}

fn start_as(order: &Order, executable: &Path, script: Option<&Path>) -> io::Result<Started> {
    let name = script.map_or_else(|| order.program.name.clone(), |_| executable.into());
    let own_group = order.own_group;
    let arguments = script.map(Into::into).into_iter().chain(order.arguments.iter().map(OsString::from));
    let mut expression = duct::cmd(executable.as_os_str(), arguments)
        .full_env(order.environment.iter())
        .unchecked()
        .before_spawn(move |command| {
            command.arg0(&name);
            if own_group {
                command.process_group(0);
            }
            Ok(())
        });
    if order.stdin == Stdin::Null {
        expression = expression.stdin_null();
    }
    let mut stdout = None;
    match order.stdout {
        Sink::Inherit => {}
        Sink::Stderr => expression = expression.stdout_to_stderr(),
        Sink::Capture | Sink::Lines => {
            let (reader, writer) = io::pipe()?;
            expression = expression.stdout_file(writer);
            stdout = Some((reader, order.stdout));
        }
    }
    let mut stderr = None;
    if matches!(order.stderr, Sink::Capture | Sink::Lines) {
        let (reader, writer) = io::pipe()?;
        expression = expression.stderr_file(writer);
        stderr = Some((reader, order.stderr));
    }
    let handle = expression.start()?;
    let number = handle.pids().first().copied().and_then(|pid| i32::try_from(pid).ok());
    let pid = number.and_then(Pid::from_raw).ok_or_else(|| io::Error::from(Errno::SRCH))?;
    Ok(Started { child: Child { handle: Some(handle), pid, own_group }, stdout, stderr })
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ExecutableFileBusy
}

/// Whether the kernel refused a text file that has no `#!`.
fn is_script_without_interpreter(error: &io::Error, path: &Path) -> bool {
    if Errno::from_io_error(error) != Some(Errno::NOEXEC) {
        return false;
    }
    // bash's own test: no zero byte at the beginning.
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(80).read_to_end(&mut start));
    read.is_ok() && !start.contains(&0)
}

/// An interpreter whose script answers requests over two pipes of its own. Its standard streams are ours; with
/// `stdout_is_taken` what it prints goes to stderr.
pub(crate) struct Session {
    handle: duct::Handle,
    /// Where requests are written; gone when no more are to come.
    requests: Option<PipeWriter>,
    /// Where answers are read.
    pub(crate) replies: BufReader<PipeReader>,
}

impl Session {
    /// Starts it, in our own process group. The script gets the numbers of three descriptors as its first arguments, where
    /// it comes from itself, where requests come from, and where answers go; and `argument` as the fourth. It has to fit
    /// into a pipe.
    pub(crate) fn start(
        program: &Program,
        script: &str,
        argument: &OsStr,
        stdout_is_taken: bool,
    ) -> io::Result<Self> {
        let (from, mut text) = io::pipe()?;
        let (to_read, requests) = io::pipe()?;
        let (replies, to_write) = io::pipe()?;
        // Ours close when the program has its own.
        let inherited = [inheritable(from)?, inheritable(to_read)?, inheritable(to_write)?];
        text.write_all(script.as_bytes())?;
        drop(text);
        // Not an argument itself: bash ends scripts that are with a complaint about itself.
        let path = format!("/dev/fd/{}", inherited[0].as_raw_fd());
        let numbers = inherited.iter().map(|descriptor| descriptor.as_raw_fd().to_string());
        let arguments = std::iter::once(path).chain(numbers).map(OsString::from).chain([argument.to_owned()]);
        let name = program.name.clone();
        let mut expression =
            duct::cmd(program.path.as_os_str(), arguments).unchecked().before_spawn(move |command| {
                command.arg0(&name);
                Ok(())
            });
        if stdout_is_taken {
            expression = expression.stdout_to_stderr();
        }
        let handle = expression.start()?;
        Ok(Self { handle, requests: Some(requests), replies: BufReader::new(replies) })
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match &mut self.requests {
            Some(requests) => requests.write_all(request),
            None => Err(Errno::PIPE.into()),
        }
    }

    /// Lets it come to its end, and says how that was.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        self.requests = None;
        Ok(self.handle.wait()?.status)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What it wants to do at its end it may.
        let _ = self.end();
    }
}

/// The same descriptor once more, for a child that is started next.
fn inheritable(descriptor: impl AsFd) -> io::Result<OwnedFd> {
    // Far above those that scripts use, and those that shells keep for themselves.
    let copy = rustix::io::fcntl_dupfd_cloexec(descriptor, 60)?;
    rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty())?;
    Ok(copy)
}

/// Runs a program to its end; gives whether it succeeded, and what it printed.
pub(crate) fn output(program: &Program, arguments: &[&OsStr]) -> io::Result<(bool, Vec<u8>)> {
    let expression = duct::cmd(program.path.as_os_str(), arguments);
    let output = expression.unchecked().stdin_null().stderr_null().stdout_capture().run()?;
    Ok((output.status.success(), output.stdout))
}

/// Runs a program in our place, with our environment. Returns only why it could not.
pub(crate) fn replace_us(program: &Program, arguments: &[OsString]) -> io::Error {
    Command::new(&program.path).arg0(&program.name).args(arguments).exec()
}

/// Waits until the process has ended, without collecting it.
pub(super) async fn died(pid: Pid) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Ok(pidfd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        #[expect(
            deprecated,
            reason = "its replacement is unsafe; an `OwnedFd` upholds what that one demands"
        )]
        let pidfd = AsyncFd::with_interest(pidfd, Interest::READABLE)?;
        pidfd.readable().await?.retain_ready();
        return Ok(());
    }
    died_by_thread(pid).await
}

/// The same where there is no pidfd: a thread waits.
async fn died_by_thread(pid: Pid) -> io::Result<()> {
    let wait = move || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    tokio::task::spawn_blocking(wait).await.map_err(io::Error::other)??;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::testing::{Scripts, order};

    #[tokio::test]
    async fn without_a_pidfd_a_thread_waits() {
        let scripts = Scripts::new();
        let mut started = start(&order(scripts.program("#!/bin/sh\nexit 5\n"))).unwrap();
        died_by_thread(started.child.pid).await.unwrap();
        died(started.child.pid).await.unwrap();
        assert_eq!(started.child.collect().unwrap().code(), Some(5));
    }
}
