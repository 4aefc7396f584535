//! Finding the hook that a team's secret names.

use std::path::{Path, PathBuf};

use crate::commands::dehydrated::directory_of_this_program;

/// What a name stands for: `route53` is `hydrant-hook-route53`, beside this program or in `PATH`; what holds a slash is a
/// path. What is not there is told of when it is looked for.
pub(super) fn find(name: &str) -> PathBuf {
    if name.contains('/') {
        return PathBuf::from(name);
    }
    let whole = if name.starts_with(BUNDLED) { name.to_owned() } else { format!("{BUNDLED}{name}") };
    let beside = directory_of_this_program().join(&whole);
    if beside.is_file() {
        return beside;
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |name: &str| std::env::split_paths(&search).any(|directory| directory.join(name).is_file());
    if is_there(&whole) || !is_there(name) { PathBuf::from(whole) } else { Path::new(name).to_owned() }
}

/// What hooks that come with hydrant are called.
const BUNDLED: &str = "hydrant-hook-";
