//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    hydrant::commands::main(std::env::args_os()).into()
}
