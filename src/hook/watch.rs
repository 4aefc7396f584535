//! One process, from its start to its end: what it prints, and that it ends.
//!
//! Reading its output and waiting for it happen on the runtime's own thread, so that a hundred hooks cost no thread. A
//! process that must end is asked in four steps: TERM to its group, a grace in which its output is still read, KILL to
//! its group, and a moment for its pipes to close. A program that stays behind in the background and holds the pipes, as
//! a daemon started from a hook does, is reported and left.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

use super::lines::{Lines, Output, Stream};
use super::process::{Child, Order, Sink, Started, died, start};
use super::stop::Stop;

/// How long the pipes may stay open after the process has ended.
const PIPES_CLOSE_WITHIN: Duration = Duration::from_millis(500);
/// How long a killed process may take to go; only one that hangs in the kernel takes longer.
const DIES_WITHIN: Duration = Duration::from_secs(5);
/// How much captured output is kept; the rest is read and dropped.
const CAPTURE: usize = 1024 * 1024;

/// How it ended.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) status: Status,
    /// What was captured of stdout.
    pub(super) captured: Vec<u8>,
    /// The last lines it printed, on stderr if there were any.
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
    // Starting waits for the kernel to read the program: a millisecond, in which a hundred others would wait, too. For
    // one alone, to hand that to another thread and back costs more.
    let started = if order.alone {
        start(&order)?
    } else {
        tokio::task::spawn_blocking(move || start(&order)).await.map_err(io::Error::other)??
    };
    let mut watch = Watch::new(started)?;
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

#[cfg(test)]
mod tests;
