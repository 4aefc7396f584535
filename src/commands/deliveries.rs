//! Where in Vault the hooks of a configuration deliver to, and who they are there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::run::withheld;
use crate::config::Config;
use crate::config::delivery::{BASE, BadSetting, Base, Said};
use crate::hook::{HookSettings, Program, may_see};
use crate::vault::{self, Options};

/// Where a hook delivers to.
pub(super) struct Destination {
    /// The folder with the secrets.
    pub(super) base: Base,
    /// Whether secrets are called as certificates are, and not by the first name on them.
    pub(super) is_by_certificate: bool,
    /// How the hook reaches Vault, and who it is there.
    pub(super) options: Result<Options, vault::Error>,
}

/// Where each hook delivers to that is the bundled one for Vault, or is told of a folder there as that one is. What they
/// see of the environment is what a run shows them.
pub(super) fn destinations(config: &Config) -> Vec<Result<Destination, BadSetting>> {
    let withheld = withheld(config);
    let of_hook = |hook: &HookSettings| {
        let own = |name: &str| {
            let secret = || hook.secret_env.get(name).map(|value| value.expose().to_owned());
            hook.env.get(name).cloned().or_else(secret)
        };
        if !is_bundled(&hook.command) && own(BASE).is_none() {
            return None;
        }
        let variable = |name: &str| {
            let of_caller = || may_see(hook, &withheld, OsStr::new(name)).then(|| config.variable(name));
            own(name).or_else(|| of_caller().flatten())
        };
        destination(variable).transpose()
    };
    config.hooks.iter().filter_map(of_hook).collect()
}

fn destination(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Destination>, BadSetting> {
    let said = Said::read(variable)?;
    let Some(base) = said.base()? else { return Ok(None) };
    Ok(Some(Destination { base, is_by_certificate: said.is_by_certificate()?, options: said.options() }))
}

/// Whether it is the hook that comes with hydrant, perhaps by another name.
fn is_bundled(command: &Path) -> bool {
    let is_it = |path: &Path| path.file_name().is_some_and(|name| name == HOOK);
    let path = std::env::var_os("PATH");
    let target = || Program::find(command, path.as_deref()).ok()?.path().canonicalize().ok();
    is_it(command) || target().is_some_and(|target: PathBuf| is_it(&target))
}

const HOOK: &str = "hydrant-hook-vault";
