//! The program: arguments in, exit code out.

use std::process::ExitCode;

use hydrant_hook_protocol::HookCall;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("--help" | "-h" | "help") => {
            print!("{}", include_str!("help.txt"));
            return ExitCode::SUCCESS;
        }
        Some("--version" | "-V") => {
            println!("hydrant-hook-cloudflare {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let answered = HookCall::from_env().map_err(Into::into).and_then(hydrant_cloudflare::run);
    answered.unwrap_or_else(|error| {
        eprintln!("cloudflare: {error}");
        ExitCode::FAILURE
    })
}
