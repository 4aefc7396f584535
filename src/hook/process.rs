//! One process, from its start to its end. The only place of hydrant that starts programs.
//!
//! duct starts it and collects it; reading its output and waiting for it happen on the runtime's own thread (pipes and
//! a pidfd), so that a hundred hooks cost no thread. A process that must end is asked in four steps: TERM to its group,
//! a grace in which its output is still read, KILL to its group, and a moment for its pipes to close. A program that
//! stays behind in the background and holds the pipes, as a daemon started from a hook does, is reported and left.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

use super::lines::{Lines, Output, Stream};
use super::program::Program;
use super::stop::Stop;

/// How long the pipes may stay open after the process has ended.
const PIPES_CLOSE_WITHIN: Duration = Duration::from_millis(500);
/// How long a killed process may take to go; only one that hangs in the kernel takes longer.
const DIES_WITHIN: Duration = Duration::from_secs(5);
/// How much captured output is kept; the rest is read and dropped.
const CAPTURE: usize = 1024 * 1024;
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
}

/// How it ended.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) status: Status,
    /// What was captured of stdout.
    pub(super) captured: Vec<u8>,
    /// The last lines it printed.
    pub(super) tail: String,
    /// Whether something it started still holds its output.
    pub(super) leaked: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that did not come from hydrant.
    Signaled(i32),
    /// It was stopped because the run is to end.
    Stopped,
    /// It was stopped at its time limit.
    TimedOut,
}

/// Starts a process and stays with it until it has ended. Dropping the future kills it.
///
/// # Errors
/// When it cannot be started or watched.
pub(super) async fn run(order: Order, stop: &Stop, mut output: Output<'_>) -> io::Result<Outcome> {
    let (limit, grace) = (order.limit, order.grace);
    // Starting waits for the kernel to read the program, perhaps from a slow disk.
    let started = tokio::task::spawn_blocking(move || start(&order)).await.map_err(io::Error::other)?;
    let mut watch = Watch::new(started?)?;
    let died = died(watch.child.pid);
    tokio::pin!(died);
    let mut buffer = vec![0; 16 * 1024];
    let mut phase = Phase::Running;
    let mut verdict = None;
    let mut leaked = false;
    let mut deadline = Instant::now() + limit;

    while !(watch.dead && watch.pipes_closed()) {
        tokio::select! {
            () = watch.stdout.readable() => watch.stdout.read(&mut buffer, &mut output),
            () = watch.stderr.readable() => watch.stderr.read(&mut buffer, &mut output),
            result = &mut died, if !watch.dead => {
                result?;
                watch.dead = true;
                if phase != Phase::Asked {
                    deadline = Instant::now() + PIPES_CLOSE_WITHIN;
                }
            }
            () = stop.stopped(), if phase == Phase::Running && !watch.dead => {
                verdict = Some(Status::Stopped);
                watch.child.signal(Signal::TERM);
                phase = Phase::Asked;
                deadline = Instant::now() + grace;
            }
            () = stop.hurried(), if phase == Phase::Asked => deadline = Instant::now(),
            () = sleep_until(watch.show_partial_at().unwrap_or(deadline).min(deadline)) => {
                let now = Instant::now();
                watch.stdout.show_partial(now, &mut output);
                watch.stderr.show_partial(now, &mut output);
                if now < deadline {
                    continue;
                }
                match phase {
                    Phase::Running if !watch.dead => {
                        verdict = Some(Status::TimedOut);
                        watch.child.signal(Signal::TERM);
                        phase = Phase::Asked;
                        deadline = now + grace;
                    }
                    Phase::Asked => {
                        watch.child.signal(Signal::KILL);
                        phase = Phase::Killed;
                        deadline = now + if watch.dead { PIPES_CLOSE_WITHIN } else { DIES_WITHIN };
                    }
                    Phase::Running | Phase::Killed => {
                        leaked = true;
                        break;
                    }
                }
            }
        }
    }
    watch.stdout.close(&mut output);
    watch.stderr.close(&mut output);
    if phase != Phase::Running {
        // Also what closed its output and lives on: nothing of a stopped hook stays.
        watch.child.signal(Signal::KILL);
    }
    let ended = if watch.dead { Some(watch.child.collect()?) } else { None };
    Ok(Outcome {
        status: verdict.or(ended.map(status)).unwrap_or(Status::Signaled(Signal::KILL.as_raw())),
        captured: std::mem::take(&mut watch.stdout.captured),
        tail: output.into_tail(),
        leaked,
    })
}

/// How far the four steps have gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// TERM was sent.
    Asked,
    /// KILL was sent.
    Killed,
}

fn status(ended: ExitStatus) -> Status {
    match ended.code() {
        Some(code) => Status::Exited(code),
        None => Status::Signaled(ended.signal().unwrap_or_default()),
    }
}

/// A process and what is known of it.
struct Watch {
    child: Child,
    stdout: Pipe,
    stderr: Pipe,
    /// It has ended and is not collected yet, so that its number still belongs to it.
    dead: bool,
}

impl Watch {
    fn new(started: Started) -> io::Result<Self> {
        Ok(Self {
            child: started.child,
            stdout: Pipe::new(Stream::Stdout, started.stdout)?,
            stderr: Pipe::new(Stream::Stderr, started.stderr)?,
            dead: false,
        })
    }

    fn pipes_closed(&self) -> bool {
        self.stdout.receiver.is_none() && self.stderr.receiver.is_none()
    }

    fn show_partial_at(&self) -> Option<Instant> {
        [self.stdout.lines.partial_at(), self.stderr.lines.partial_at()].into_iter().flatten().min()
    }
}

/// The reading end of one output.
struct Pipe {
    receiver: Option<pipe::Receiver>,
    lines: Lines,
    capture: bool,
    captured: Vec<u8>,
}

impl Pipe {
    fn new(stream: Stream, end: Option<(PipeReader, Sink)>) -> io::Result<Self> {
        let capture = matches!(end, Some((_, Sink::Capture)));
        let receiver = match end {
            Some((reader, _)) => Some(pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?),
            None => None,
        };
        Ok(Self { receiver, lines: Lines::new(stream), capture, captured: Vec::new() })
    }

    /// Waits until there is something to read, or for ever when the pipe is closed.
    async fn readable(&self) {
        match &self.receiver {
            // An error shows again when it is read.
            Some(receiver) => drop(receiver.readable().await),
            None => std::future::pending().await,
        }
    }

    fn read(&mut self, buffer: &mut [u8], output: &mut Output<'_>) {
        let Some(receiver) = &self.receiver else { return };
        match receiver.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => self.close(output),
            Ok(count) if self.capture => {
                let room = CAPTURE - self.captured.len();
                self.captured.extend_from_slice(&buffer[..count.min(room)]);
            }
            Ok(count) => self.lines.feed(&buffer[..count], output),
        }
    }

    fn show_partial(&mut self, now: Instant, output: &mut Output<'_>) {
        self.lines.show_partial(now, output);
    }

    fn close(&mut self, output: &mut Output<'_>) {
        self.receiver = None;
        self.lines.finish(output);
    }
}

/// A started process. Dropped before it was collected, it is killed with its group.
struct Child {
    handle: Option<duct::Handle>,
    pid: Pid,
    own_group: bool,
}

impl Child {
    /// Sends a signal to the group, or to the process alone where it shares hydrant's. Only before it is collected.
    fn signal(&self, signal: Signal) {
        // One that has ended already needs none.
        let _ = if self.own_group {
            rustix::process::kill_process_group(self.pid, signal)
        } else {
            rustix::process::kill_process(self.pid, signal)
        };
    }

    fn collect(&mut self) -> io::Result<ExitStatus> {
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
struct Started {
    child: Child,
    stdout: Option<(PipeReader, Sink)>,
    stderr: Option<(PipeReader, Sink)>,
}

/// Starts the process; blocks until the kernel has loaded it.
fn start(order: &Order) -> io::Result<Started> {
    let give_up = std::time::Instant::now() + BUSY_FOR;
    let direct = |order: &Order| start_as(order, &order.program.path, None);
    loop {
        return match direct(order) {
            // Another thread's child still holds the file open for writing, for as long as its own start takes.
            Err(error) if is_busy(&error) && std::time::Instant::now() < give_up => {
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
    if order.stdout != Sink::Inherit {
        let (reader, writer) = io::pipe()?;
        expression = expression.stdout_file(writer);
        stdout = Some((reader, order.stdout));
    }
    let mut stderr = None;
    if order.stderr != Sink::Inherit {
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

/// Waits until the process has ended, without collecting it.
async fn died(pid: Pid) -> io::Result<()> {
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
    // Where there is no pidfd a thread waits.
    let wait = move || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    tokio::task::spawn_blocking(wait).await.map_err(io::Error::other)??;
    Ok(())
}
