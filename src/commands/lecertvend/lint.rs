//! `hydrant lint --online --prefix`: what `vend` and `renew` would stumble over.

use std::rc::Rc;

use super::survey::Found;
use super::{Looked, gathered, look, state_mount, vault_error};
use crate::cli::hydrant::Vended;
use crate::cli::lecertvend::{Action, Arguments};
use crate::commands::gather::vault_options;
use crate::commands::lint::{self, LintOptions};
use crate::config::Resolved;
use crate::config::lecertvend::Basis;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, ErrorKind, ExitCode};
use crate::report::Reporter;
use crate::runner::Signals;
use crate::vault::Client;

/// Prints every finding. Changes nothing, and orders nothing.
///
/// # Errors
/// Vault or a CA cannot be reached.
pub(in crate::commands) async fn lint(
    typed: Vended,
    options: LintOptions,
    resolved: &Resolved,
    reporter: &Rc<Reporter>,
) -> Result<ExitCode, Error> {
    let Vended { prefix, mount, secret, names } = typed;
    let mount = mount.unwrap_or_else(|| resolved.config.vault.mount.clone());
    let action = secret.map_or(Action::Renew, |secret| Action::Vend { secret, names });
    let arguments = Arguments::new(action, &mount, &prefix.unwrap_or_default(), None);
    let client = vault_options(&resolved.config).and_then(Client::new).map_err(vault_error)?;
    let (signals, stop) = Signals::watch().map_err(Error::failed)?;
    let ended = stop.unless_stopped(Box::pin(findings(&client, &arguments, resolved, reporter))).await;
    client.log_out().await;
    match ended {
        Some(ended) => {
            let (found, certificates) = ended?;
            Ok(lint::print(reporter, &found, certificates, options))
        }
        None => Ok(signals.exit_code().unwrap_or(ExitCode::Interrupted)),
    }
}

/// What is found about how many certificates.
async fn findings(
    client: &Client,
    arguments: &Arguments,
    resolved: &Resolved,
    reporter: &Rc<Reporter>,
) -> Result<(Vec<Diagnostic>, usize), Error> {
    let Looked { found, problems } = match look(client, arguments, None).await {
        Ok(looked) => looked,
        Err(error) => return Ok((vec![finding(error)?], 0)),
    };
    let mut findings = problems.into_iter().map(finding).collect::<Result<Vec<_>, _>>()?;
    let state_mount = state_mount();
    let basis = Basis { arguments, resolved, state_mount: state_mount.as_deref() };
    let mut certificates = 0;
    for Found { team, wanted } in found {
        certificates += wanted.len();
        let gathered = match gathered(client, basis, &team, &wanted, reporter) {
            Ok(gathered) => gathered,
            Err(error) => {
                findings.push(finding(error)?);
                continue;
            }
        };
        let of_team = lint::all(&gathered, true).await;
        gathered.leave().await;
        findings.extend(of_team?);
    }
    Ok((findings, certificates))
}

/// An error as a finding, unless somebody could not be reached: then nothing is known.
fn finding(error: Error) -> Result<Diagnostic, Error> {
    if error.kind == ErrorKind::Unreachable { Err(error) } else { Ok(lint::finding("vault", &error)) }
}
