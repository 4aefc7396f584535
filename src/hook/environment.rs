//! What a hook sees of the world.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};

use hydrant_hook_protocol::{PROTOCOL, env};

use super::{Facts, HookContext, HookSettings};
use crate::key::bare_url;

/// Secrets of the caller that reach only hooks whose `pass_env:` names them, and the bundled one for Vault.
pub const WITHHELD: [&str; 6] = [
    "VAULT_TOKEN",
    "BAO_TOKEN",
    "VAULT_SECRET_ID",
    "VAULT_WRAPPED_SECRET_ID",
    "VAULT_ID_TOKEN",
    "EAB_HMAC_KEY",
];

/// What a hook with `env_only` sees all the same: without these common programs misbehave.
const ALWAYS: [&str; 10] =
    ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"];

/// Linux refuses a single argument, or a single variable, of 128 KiB.
pub(super) const LONGEST_ARGUMENT: usize = 100_000;

/// What every call of one hook sees: the caller's environment by the rules, dehydrated's exports, the hook's own.
pub(super) fn base(settings: &HookSettings, context: &HookContext) -> HashMap<OsString, OsString> {
    let may_see = |name: &OsStr| may_see(settings, &context.withheld, name);
    let caller = context.environment.iter().filter(|(name, _)| may_see(name)).cloned();
    let own = context.exports.iter().chain(&settings.env).map(|(name, value)| (name, value.as_str()));
    let secret = settings.secret_env.iter().map(|(name, value)| (name, value.expose()));
    caller.chain(own.chain(secret).map(|(name, value)| (name.into(), value.into()))).collect()
}

/// Whether a hook is given a variable of the caller's, where these are withheld.
#[must_use]
pub fn may_see(settings: &HookSettings, withheld: &BTreeSet<String>, name: &OsStr) -> bool {
    let is_one_of = |names: &[String]| names.iter().any(|other| name == other.as_str());
    if env::FACTS.iter().any(|fact| name == *fact) {
        return false;
    }
    if is_one_of(&settings.pass_env) || is_meant_for(settings, name) {
        return true;
    }
    if withheld.iter().any(|other| name == other.as_str()) {
        return false;
    }
    match &settings.env_only {
        Some(only) => is_one_of(only) || ALWAYS.iter().any(|other| name == *other),
        None => true,
    }
}

/// The variables of the caller that this hook was not given although they are set.
pub(super) fn withheld(settings: &HookSettings, context: &HookContext) -> Vec<String> {
    let is_set = |name: &String| context.environment.iter().any(|(other, _)| other == name.as_str());
    let is_given =
        |name: &String| settings.pass_env.contains(name) || is_meant_for(settings, OsStr::new(name.as_str()));
    context.withheld.iter().filter(|name| !is_given(name) && is_set(name)).cloned().collect()
}

/// Whether a hook that comes with hydrant is made to have this secret.
fn is_meant_for(settings: &HookSettings, name: &OsStr) -> bool {
    let is_of_vault =
        name.to_str().is_some_and(|name| name.starts_with("VAULT_") || name.starts_with("BAO_"));
    is_of_vault && settings.command.file_name().is_some_and(|program| program == "hydrant-hook-vault")
}

/// What dehydrated exports for a certificate, under the names it has there.
pub(super) fn exports(facts: &Facts<'_>) -> Vec<(&'static str, String)> {
    let webroot = facts.webroot.map(|webroot| (WELLKNOWN, webroot.display().to_string()));
    let always = [
        (ALIAS, facts.name.to_string()),
        ("CHALLENGETYPE", facts.challenge.to_owned()),
        ("KEY_ALGO", facts.key_algo.to_owned()),
        ("PRIVATE_KEY_ROLLOVER", if facts.key_rollover { "yes" } else { "no" }.to_owned()),
        (ALTNAMES, names(facts)),
    ];
    always.into_iter().chain(webroot).collect()
}

/// The variables that dehydrated sets first.
pub(super) const ALIAS: &str = "alias";
pub(super) const WELLKNOWN: &str = "WELLKNOWN";
/// The variable that dehydrated sets only when it begins to issue.
pub(super) const ALTNAMES: &str = "altnames";

/// The facts of one call, under names of our own.
pub(super) fn facts(
    hook: &str,
    context: &HookContext,
    facts: Option<&Facts<'_>>,
) -> Vec<(&'static str, String)> {
    let mut set = vec![
        (env::PROTOCOL, PROTOCOL.to_string()),
        (env::HOOK, hook.to_owned()),
        (env::CA, bare_url(facts.map_or(&*context.ca, |facts| facts.ca)).into_owned()),
    ];
    if context.dry_run {
        set.push((env::DRY_RUN, "1".into()));
    }
    let Some(facts) = facts else { return set };
    set.extend([
        (env::CERTIFICATE, facts.name.to_string()),
        (env::NAMES, names(facts)),
        (env::CHALLENGE, facts.challenge.to_owned()),
        (env::ATTEMPT, facts.attempt.to_string()),
    ]);
    set.extend(facts.owner.map(|owner| (env::OWNER, owner.to_owned())));
    set
}

fn names(facts: &Facts<'_>) -> String {
    facts.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Text of the CA as one argument: no zero bytes, and not longer than the system takes.
pub(super) fn as_argument(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_ARGUMENT)].replace('\0', "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::hook::Stop;

    fn settings() -> HookSettings {
        HookSettings {
            name: "dns".into(),
            command: "dns".into(),
            operations: None,
            env: BTreeMap::new(),
            secret_env: BTreeMap::new(),
            pass_env: Vec::new(),
            env_only: None,
            timeout: Duration::from_secs(1),
            retries: 0,
            chain: None,
        }
    }

    fn context() -> HookContext {
        let mut context = HookContext::new("https://ca.example/directory", Stop::never());
        let variables = ["PATH", "VAULT_TOKEN", "EAB_HMAC_KEY", "CF_KEY", "HYDRANT_BATCH"];
        context.environment = variables.map(|name| (name.into(), "outer".into())).to_vec();
        context.exports = [("CERTDIR".into(), "/certs".into())].into();
        context.withheld = ["EAB_HMAC_KEY", "VAULT_SECRET_ID", "VAULT_TOKEN"].map(String::from).into();
        context
    }

    fn seen(settings: &HookSettings) -> String {
        let mut names: Vec<_> = base(settings, &context())
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        names.sort();
        names.join(" ")
    }

    #[test]
    fn secrets_of_the_caller_are_withheld_and_named() {
        assert_eq!(seen(&settings()), "CERTDIR=/certs CF_KEY=outer PATH=outer");
        assert_eq!(withheld(&settings(), &context()), ["EAB_HMAC_KEY", "VAULT_TOKEN"]);
    }

    #[test]
    fn what_pass_env_names_is_given() {
        let settings = HookSettings { pass_env: vec!["VAULT_TOKEN".into()], ..settings() };
        assert_eq!(seen(&settings), "CERTDIR=/certs CF_KEY=outer PATH=outer VAULT_TOKEN=outer");
        assert_eq!(withheld(&settings, &context()), ["EAB_HMAC_KEY"]);
    }

    #[test]
    fn the_bundled_hook_for_vault_has_what_vault_needs() {
        let settings = HookSettings { command: "/usr/bin/hydrant-hook-vault".into(), ..settings() };
        assert_eq!(seen(&settings), "CERTDIR=/certs CF_KEY=outer PATH=outer VAULT_TOKEN=outer");
        assert_eq!(withheld(&settings, &context()), ["EAB_HMAC_KEY"]);
    }

    #[test]
    fn env_only_restricts_and_own_variables_win() {
        let settings = HookSettings {
            env_only: Some(vec!["VAULT_TOKEN".into()]),
            env: [("CF_KEY".into(), "own".into()), ("CERTDIR".into(), "/else".into())].into(),
            ..settings()
        };
        assert_eq!(seen(&settings), "CERTDIR=/else CF_KEY=own PATH=outer");
    }

    #[test]
    fn an_argument_holds_no_zero_byte_and_ends_at_a_character() {
        assert_eq!(as_argument("a\0b"), "a\u{FFFD}b");
        assert_eq!(as_argument(&"ä".repeat(100_000)).len(), LONGEST_ARGUMENT);
    }
}
