//! Tests of the module above.

use super::*;
use crate::hook::testing::Scripts;
use crate::hook::{HookContext, Stop};

fn order(terminal: bool, sequence: Sequence, stopped: bool, call: &HookCall) -> Order {
    let (handle, stop) = Stop::new();
    if stopped {
        handle.stop();
    }
    let mut context = HookContext::new("https://ca.example/directory", stop);
    context.sequence = sequence;
    let mut shared = Shared::new(context, Rc::new(|_| {}));
    shared.terminal = terminal;
    let shared = Rc::new(shared);
    let scripts = Scripts::new();
    let settings = HookSettings {
        name: "hook".into(),
        command: scripts.write("hook", "#!/bin/sh\n"),
        operations: None,
        env: BTreeMap::new(),
        secret_env: BTreeMap::new(),
        pass_env: Vec::new(),
        env_only: None,
        timeout: Duration::from_mins(1),
        retries: 0,
        chain: None,
    };
    Hook::find(settings, &shared).unwrap().order(call, None, &[])
}

#[test]
fn in_a_strict_sequence_a_hook_shares_hydrants_input_and_output() {
    let order = |terminal, stopped, call| {
        let order = order(terminal, Sequence::Strict, stopped, &call);
        (order.stdin, order.stdout, order.stderr, order.own_group)
    };
    let clean = || HookCall::CleanChallenge(Vec::new());
    assert_eq!(order(false, false, clean()), (Stdin::Inherit, Sink::Inherit, Sink::Inherit, true));
    assert_eq!(order(true, false, clean()), (Stdin::Inherit, Sink::Inherit, Sink::Inherit, false));
    // After Ctrl-C what cleans up is out of its reach.
    assert_eq!(order(true, true, clean()), (Stdin::Null, Sink::Inherit, Sink::Inherit, true));
    let probe = order(true, false, HookCall::Probe);
    assert_eq!(probe, (Stdin::Inherit, Sink::Capture, Sink::Inherit, false));
}

#[test]
fn where_certificates_overlap_a_hook_reads_nothing_and_its_lines_are_passed_on() {
    let order = order(true, Sequence::Overlapping, false, &HookCall::StartupHook);
    let seen = (order.stdin, order.stdout, order.stderr, order.own_group);
    assert_eq!(seen, (Stdin::Null, Sink::Lines, Sink::Lines, true));
}
