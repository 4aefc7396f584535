//! The program: arguments in, exit code out.

use std::process::ExitCode;

use hydrant_hook_protocol::HookCall;

fn main() -> ExitCode {
    let answered = HookCall::from_env().map_err(Into::into).and_then(hydrant_vault::run);
    answered.unwrap_or_else(|error| {
        eprintln!("vault: {error}");
        ExitCode::FAILURE
    })
}
