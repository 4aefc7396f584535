//! Tests of the module above.

use std::cell::RefCell;

use rustix::io::Errno;
use rustix::process::Pid;

use super::*;
use crate::hook::lines::Piece;
use crate::hook::program::Program;
use crate::hook::redact::Redaction;
use crate::hook::testing::{self, Scripts, alive, order};

/// Whether a process that was killed ends: that takes it a moment.
fn dies(pid: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while alive(pid) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    !alive(pid)
}

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
    // Time enough for both to say who they are.
    let limit = Duration::from_secs(2);
    let (outcome, lines) = shown(Order { limit, ..order(scripts.program(script)) }, &Stop::never()).await;
    assert_eq!((outcome.status, outcome.leaked), (Status::TimedOut, false));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|pid| dies(pid)), "{lines:?}");
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
    rustix::process::kill_process(Pid::from_raw(lines[0].parse().unwrap()).unwrap(), Signal::KILL).unwrap();
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
    let outcome =
        run(order(scripts.program(script)), &Stop::never(), Output::new(&redaction, &show)).await.unwrap();
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
