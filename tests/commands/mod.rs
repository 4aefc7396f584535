//! Every command as a person meets it: what it prints, where, and how it ends.

mod account;
mod cleanup;
mod completions;
mod config;
mod deliver;
mod dns_gc;
mod exit_codes;
mod hook;
mod import;
mod issue;
mod lint;
mod plan;
mod revoke;
mod run;
mod sign_csr;
mod status;

use crate::support::{Rig, Test, rig_hook};

/// An instant as people read it.
const WHEN: &str = "0000-00-00 00:00:00Z";

/// A place with an account to come, a list, and the rig's compiled hook for dns-01.
fn place(rig: &Rig, domains: &str) -> Test {
    Test::new()
        .rig(rig)
        .config(&format!("accept_terms: true\n{}", dns_01("")))
        .domains(domains)
        .filter(WHEN, "[WHEN]")
}

/// What `hydrant.yml` says for dns-01 by the rig's compiled hook; `hook` are more keys of that hook.
fn dns_01(hook: &str) -> String {
    let command = rig_hook();
    let command = command.display();
    format!(
        "challenge: dns-01\nhooks:\n  - name: dns\n    command: {command}\n    \
         operations: [deploy_challenge, clean_challenge]\n{hook}"
    )
}
