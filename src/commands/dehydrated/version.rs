//! `--version`: ours, and that of the dehydrated whose behaviour is kept.

use crate::config::dehydrated::{Installation, VERSION};

/// The lines, with the words that scripts look for.
pub(super) fn version(installation: &Installation) -> String {
    let bash = installation.variables.some_text("BASH_VERSION");
    let bash = bash.unwrap_or_else(|| "not there; plain assignments are read without it".to_owned());
    format!(
        "hydrant {}\n\nDehydrated version: {VERSION}\nGIT-Revision: unknown\n\nOS: {}\nUsed software:\n bash: {bash}",
        env!("CARGO_PKG_VERSION"),
        system(),
    )
}

/// The name of the distribution, else of the kernel.
fn system() -> String {
    let named = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(value.trim_matches(['"', '\'']).to_owned())
    });
    let kernel = || {
        let name = rustix::system::uname();
        format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
    };
    named.unwrap_or_else(kernel)
}
