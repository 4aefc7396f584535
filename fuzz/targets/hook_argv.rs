//! Hook calls: arguments that are a call come out of it as they went in, but for those that an operation has too many.

#![no_main]

use hydrant_hook_protocol::HookCall;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let arguments: Vec<&str> = text.split('\n').collect();
    let Ok(call) = HookCall::parse(arguments) else { return };
    let again = HookCall::parse(call.to_argv()).expect("what was written is read");
    assert_eq!(again, call);
});
