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
mod tests {
    use std::cell::RefCell;

    use rustix::io::Errno;
    use rustix::process::Pid;

    use super::*;
    use crate::hook::lines::Piece;
    use crate::hook::program::Program;
    use crate::hook::redact::Redaction;
    use crate::hook::testing::{self, Scripts, alive, order};

    /// Runs it and returns how it ended and what was shown.
    async fn shown(order: Order, stop: &Stop) -> (Outcome, Vec<String>) {
        let lines = RefCell::new(Vec::new());
        let show = |piece: Piece<'_>| lines.borrow_mut().push(piece.text.to_owned());
        let redaction = Redaction::default();
        let outcome = run(order, stop, Output::new(&redaction, &show)).await.unwrap();
        (outcome, lines.into_inner())
    }

    #[tokio::test]
    async fn gives_arguments_name_and_environment_as_they_are() {
        let scripts = Scripts::new();
        let program = scripts.program("#!/bin/sh\nprintf '<%s>' \"$@\"; echo; echo $FACT >&2; cat; exit 7");
        let mut order = order(program);
        order.arguments = vec!["a b".into(), String::new(), "$(c)*".into()];
        order.environment.insert("FACT".into(), "fact".into());
        let (outcome, mut lines) = shown(order, &Stop::never()).await;
        lines.sort();
        assert_eq!(lines, ["<a b><><$(c)*>", "fact"]);
        assert_eq!((outcome.status, outcome.leaked), (Status::Exited(7), false));
    }

    #[tokio::test]
    async fn the_program_sees_the_command_as_configured() {
        let program = Program { path: "/bin/sh".into(), name: "my-hook".into() };
        let arguments = vec!["-c".into(), "cat /proc/$$/cmdline | head -c 7".into()];
        let (_, lines) = shown(Order { arguments, ..order(program) }, &Stop::never()).await;
        assert_eq!(lines, ["my-hook"]);
    }

    #[tokio::test]
    async fn a_text_without_interpreter_is_run_by_a_shell() {
        let scripts = Scripts::new();
        let mut order = order(scripts.program("echo shell $1; false"));
        order.arguments = vec!["ran".into()];
        let (outcome, lines) = shown(order, &Stop::never()).await;
        assert_eq!((outcome.status, lines), (Status::Exited(1), vec!["shell ran".to_owned()]));
        let binary = scripts.program("\u{7f}ELF nonsense \\0");
        std::fs::write(&binary.path, b"\x7fELF\0\0").unwrap();
        let redaction = Redaction::default();
        let never = Stop::never();
        let error = run(testing::order(binary), &never, Output::new(&redaction, &|_| {})).await.unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::NOEXEC));
    }

    #[tokio::test]
    async fn a_hook_that_hangs_is_killed_with_its_children_though_both_ignore_term() {
        let scripts = Scripts::new();
        let script = "#!/bin/sh\ntrap '' TERM\nsh -c 'trap \"\" TERM; echo $$; while :; do sleep 60; done' &\n\
                      echo $$\nwhile :; do sleep 60; done";
        let limit = Duration::from_millis(700);
        let (outcome, lines) = shown(Order { limit, ..order(scripts.program(script)) }, &Stop::never()).await;
        assert_eq!((outcome.status, outcome.leaked), (Status::TimedOut, false));
        assert_eq!(lines.len(), 2);
        assert!(!lines.iter().any(|pid| alive(pid)), "{lines:?}");
    }

    #[tokio::test]
    async fn a_stop_lets_a_hook_clean_up_within_the_grace() {
        let scripts = Scripts::new();
        let script = "#!/bin/sh\ntrap 'echo cleaned; exit 3' TERM\necho ready\nwhile :; do sleep 0.05; done";
        let (handle, stop) = Stop::new();
        let handle = RefCell::new(Some(handle));
        let lines = RefCell::new(Vec::new());
        let show = |piece: Piece<'_>| {
            lines.borrow_mut().push(piece.text.to_owned());
            if let Some(handle) = handle.borrow_mut().take() {
                handle.stop();
            }
        };
        let redaction = Redaction::default();
        let order = Order { grace: Duration::from_mins(1), ..order(scripts.program(script)) };
        let outcome = run(order, &stop, Output::new(&redaction, &show)).await.unwrap();
        assert_eq!(outcome.status, Status::Stopped);
        // Some shells also report the end of their `sleep`, on the other stream and so in no particular place.
        let lines = lines.into_inner();
        assert_eq!(lines[0], "ready");
        assert!(lines.iter().any(|line| line == "cleaned"), "{lines:?}");
    }

    #[tokio::test]
    async fn a_daemon_on_stdout_does_not_hold_the_run() {
        let scripts = Scripts::new();
        let script = "#!/bin/sh\nsetsid sleep 60 &\necho $!";
        let (outcome, lines) = shown(order(scripts.program(script)), &Stop::never()).await;
        assert_eq!((outcome.status, outcome.leaked), (Status::Exited(0), true));
        assert!(alive(&lines[0]));
        rustix::process::kill_process(Pid::from_raw(lines[0].parse().unwrap()).unwrap(), Signal::KILL)
            .unwrap();
    }

    #[tokio::test]
    async fn a_flood_of_output_is_passed_on_and_not_kept() {
        let scripts = Scripts::new();
        let script =
            "#!/bin/sh\nhead -c 100000000 /dev/zero | tr '\\0' x\necho\nyes | head -n 100000\necho last >&2";
        let (bytes, lines) = (RefCell::new(0), RefCell::new(0));
        let longest = RefCell::new(0);
        let show = |piece: Piece<'_>| {
            *bytes.borrow_mut() += piece.text.len();
            *lines.borrow_mut() += 1;
            let longest = &mut *longest.borrow_mut();
            *longest = piece.text.len().max(*longest);
        };
        let redaction = Redaction::default();
        let outcome = run(order(scripts.program(script)), &Stop::never(), Output::new(&redaction, &show))
            .await
            .unwrap();
        assert_eq!(outcome.status, Status::Exited(0));
        assert_eq!(bytes.into_inner(), 100_000_000 + 100_000 + 4);
        assert!(lines.into_inner() > 100_000);
        assert!(longest.into_inner() < 100_000 && outcome.tail.len() < 5_000);
    }

    #[tokio::test]
    async fn a_prompt_is_shown_before_its_line_ends() {
        let scripts = Scripts::new();
        let gate = scripts.path("gate");
        let script = format!(
            "#!/bin/sh\nprintf 'your code: '\nwhile [ ! -e {} ]; do sleep 0.02; done\necho ok",
            gate.display()
        );
        let lines = RefCell::new(Vec::new());
        let show = |piece: Piece<'_>| {
            lines.borrow_mut().push((piece.text.to_owned(), piece.partial));
            std::fs::write(&gate, "").unwrap();
        };
        let redaction = Redaction::default();
        run(order(scripts.program(&script)), &Stop::never(), Output::new(&redaction, &show)).await.unwrap();
        assert_eq!(lines.into_inner(), [("your code: ".to_owned(), true), ("ok".to_owned(), false)]);
    }

    #[tokio::test]
    async fn a_captured_output_is_kept_for_the_caller() {
        let scripts = Scripts::new();
        let program = scripts.program("#!/bin/sh\necho out\necho err >&2");
        let (outcome, lines) = shown(Order { stdout: Sink::Capture, ..order(program) }, &Stop::never()).await;
        assert_eq!((outcome.captured.as_slice(), lines.as_slice()), (&b"out\n"[..], &["err".to_owned()][..]));
    }

    #[tokio::test]
    async fn a_dropped_call_leaves_no_process() {
        let scripts = Scripts::new();
        let program = scripts.program("#!/bin/sh\necho $$\nwhile :; do sleep 60; done");
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sender = RefCell::new(Some(sender));
        let show = |piece: Piece<'_>| drop(sender.borrow_mut().take().unwrap().send(piece.text.to_owned()));
        let redaction = Redaction::default();
        let never = Stop::never();
        let pid = tokio::select! {
            _ = run(order(program), &never, Output::new(&redaction, &show)) => panic!("it ended"),
            pid = receiver => pid.unwrap(),
        };
        while alive(&pid) {
            tokio::task::yield_now().await;
        }
    }
}
