//! `hydrant import`: another program's installation in our words, tried out before it is written.

use std::env;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::json;

use super::dehydrated::directory_of_this_program;
use super::gather::Gathered;
use super::plan::{declared, steps};
use crate::cli::dehydrated::{Command, Parameters};
use crate::cli::hydrant::{Arguments, Command as OurCommand, ImportDehydrated, Options, Plan};
use crate::config::dehydrated::{Installation, LoadError, Typed, load};
use crate::config::environment::Environment;
use crate::config::file::Settings;
use crate::config::setting::List;
use crate::config::{CertificateSettings, Config, DomainsSource, flags, resolve};
use crate::error::{Error, ErrorKind, ExitCode};
use crate::import::dehydrated::{Import, Surroundings, import};
use crate::plan::{Action, Step};
use crate::report::words::Count;
use crate::report::{Reporter, diagnostics};
use crate::runner::store_error;
use crate::store::atomic::{Modes, write_new};
use crate::tenant::Tenancy;

/// `hydrant import dehydrated`
///
/// # Errors
/// There is no installation, or it cannot be read; something would change; the file cannot be written.
pub async fn dehydrated(
    options: &Options,
    command: &ImportDehydrated,
    reporter: &Rc<Reporter>,
) -> Result<ExitCode, Error> {
    let current_dir = env::current_dir().map_err(Error::failed)?;
    // The configuration may go elsewhere.
    let output = command.output.as_ref().map(|path| current_dir.join(path));
    if let Some(path) = output.as_ref().filter(|path| path.symlink_metadata().is_ok()) {
        return Err(exists(path));
    }
    let environment: Vec<_> = env::vars_os().collect();
    let mut installation = read_installation(options, &current_dir, reporter)?;
    let current_dir = env::current_dir().map_err(Error::failed)?;

    let gathered = Gathered::to_lint(installation.config.clone(), Rc::clone(reporter));
    let list_error = gathered.as_ref().err().map(ToString::to_string);
    let names = gathered.as_ref().map(Gathered::names).unwrap_or_default();
    let certificates = installation.certificates(&names).map_err(LoadError::into_error)?;
    // With what was said of single certificates.
    let mut theirs = gathered.ok();
    if let Some(gathered) = &mut theirs {
        gathered.config.clone_from(&installation.config);
    }
    let accounts = Gathered::without_list(installation.config.clone(), Rc::clone(reporter));
    let ca = installation.config.everywhere().ca.directory;
    let account = accounts.accounts().load(ca.as_str()).await.map_err(store_error)?;

    let surroundings = Surroundings {
        certificates: &certificates,
        more_hooks: options.hook.get(1..).unwrap_or_default(),
        has_account: account.as_ref().is_some_and(|account| account.url.is_some()),
        current_dir: &current_dir,
        environment: &environment,
    };
    let mut imported = import(&installation, &surroundings);
    imported.changes.extend(list_error);
    if !surroundings.has_account {
        imported.lost.push("there is no account yet: `hydrant account register --accept-terms`".to_owned());
    }
    let place = output.clone().unwrap_or_else(|| installation.config.base_dir.join("hydrant.yml"));
    let proven = prove(&mut imported, theirs.as_ref(), &place, reporter).await?;
    finish(&imported, output.as_deref(), command.force, installation.config.umask, proven, reporter)
}

/// Evaluates dehydrated's configuration as a run over the whole list would.
fn read_installation(
    options: &Options,
    current_dir: &Path,
    reporter: &Reporter,
) -> Result<Installation, Error> {
    let said = flags::settings(options);
    let rest =
        Settings { ca: None, challenge: None, domains: None, hooks: None, format: None, ..said.clone() };
    if rest != Settings::default() {
        let hint = "change the file afterwards, or set it in dehydrated's configuration";
        return Err(Error::config(ImportError::Flag).hint(hint));
    }
    let List(hooks) = said.hooks.unwrap_or(List(Vec::new()));
    let parameters = Parameters {
        config: options.config.as_ref().map(|path| current_dir.join(path).into()),
        ca: said.ca.map(|ca| ca.0.directory.to_string().into()),
        challenge: said.challenge.map(|challenge| challenge.0.as_str().into()),
        domains_txt: said.domains.map(Into::into),
        hook: hooks.into_iter().next().map(|hook| hook.0.command.into()),
        ..Parameters::default()
    };
    let typed = Typed {
        program: "dehydrated".into(),
        again: env::args_os().collect(),
        script_dir: directory_of_this_program(),
        command: Command::Cron,
        parameters,
        only_files: true,
    };
    // What the evaluation says is of no interest here, unless it ends it.
    load(typed, &|_| {}, &|_| {}).map_err(|error| match error {
        LoadError::Faults(faults) => {
            reporter.aside(&diagnostics::render(&faults, reporter.color()));
            Error::config(ImportError::Unreadable)
        }
        LoadError::Failed(error) => error,
        other => {
            let mut error = other.into_error();
            error.kind = ErrorKind::Config;
            error
        }
    })
}

/// Reads what would be written as a run would, and adds what it would change. Gives how many certificates it was tried
/// with.
async fn prove(
    imported: &mut Import,
    theirs: Option<&Gathered>,
    place: &Path,
    reporter: &Rc<Reporter>,
) -> Result<usize, Error> {
    let current_dir = env::current_dir().map_err(Error::failed)?;
    let arguments = Arguments { options: Options::default(), command: OurCommand::Plan(Plan::default()) };
    let file = Some((place.to_owned(), imported.text.clone()));
    let ours = match resolve::resolve(&arguments, &Environment::default(), file, &current_dir) {
        Ok(resolved) => resolved.config,
        Err(faults) => {
            imported.changes.extend(faults.into_iter().map(|fault| fault.message));
            return Ok(0);
        }
    };
    let Some(theirs) = theirs else { return Ok(0) };
    same_account(&mut imported.changes, theirs, &ours, reporter).await?;
    if theirs.refused() > 0 {
        let lines = Count(theirs.refused(), "line");
        imported.lost.push(format!("{lines} of the list cannot be used: `hydrant lint` shows them"));
    }
    let changes = &mut imported.changes;
    let DomainsSource::Path(_) = &ours.domains else { return Ok(0) };
    let ours = Gathered::to_lint(ours, Rc::clone(reporter))?;
    if ours.names() != theirs.names() {
        changes.push("the list of certificates would be another".to_owned());
        return Ok(0);
    }
    let everybody = Tenancy::default();
    let planned = async |gathered: &Gathered| -> Result<Vec<Step>, Error> {
        let steps = steps(gathered, &declared(gathered), &everybody).await?;
        steps.into_iter().map(|planned| planned.seen.map(|seen| seen.step)).collect()
    };
    let (our_steps, their_steps) = (planned(&ours).await?, planned(theirs).await?);
    for (index, entry) in theirs.entries().iter().enumerate() {
        let name = &entry.name;
        if entry.names != ours.entries()[index].names {
            changes.push(format!("{name}: other names would be ordered"));
        }
        let (wanted, had) = (ours.config.certificate(name), theirs.config.certificate(name));
        let other = differences(&wanted, &had, &current_dir);
        changes.extend(other.into_iter().map(|what| format!("{name}: {what} would be another")));
        let (ours, theirs) = (&our_steps[index], &their_steps[index]);
        if theirs.action == Action::Keep && ours.action != Action::Keep {
            changes.push(format!("{name}: {}: {}", ours.action.as_str(), ours.because));
        }
    }
    Ok(theirs.entries().len())
}

/// What of a certificate would not be as it was.
fn differences(
    ours: &CertificateSettings,
    theirs: &CertificateSettings,
    current_dir: &Path,
) -> Vec<&'static str> {
    let webroot =
        |settings: &CertificateSettings| settings.webroot.as_ref().map(|path| current_dir.join(path));
    let needs_files = theirs.challenge.as_str() == "http-01";
    let same = [
        ("its CA, key type, profile or chain", ours.fingerprint() == theirs.fingerprint()),
        ("its challenge", ours.challenge == theirs.challenge),
        ("the directory of its answers", !needs_files || webroot(ours) == webroot(theirs)),
        // Those of further passes come behind them.
        ("its hook", ours.hooks.starts_with(&theirs.hooks)),
        ("what becomes of its key", ours.reuse_key == theirs.reuse_key),
        ("its next key", ours.key_rollover == theirs.key_rollover),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
}

async fn same_account(
    changes: &mut Vec<String>,
    theirs: &Gathered,
    ours: &Config,
    reporter: &Rc<Reporter>,
) -> Result<(), Error> {
    let (our_ca, their_ca) = (ours.everywhere().ca, theirs.config.everywhere().ca);
    if our_ca.directory != their_ca.directory {
        changes.push(format!("the CA would be {}, not {}", our_ca.shown(), their_ca.shown()));
        return Ok(());
    }
    let ours = Gathered::without_list(ours.clone(), Rc::clone(reporter));
    let of = async |gathered: &Gathered| -> Result<_, Error> {
        let stored = gathered.accounts().load(our_ca.directory.as_str()).await.map_err(store_error)?;
        let facts = stored.map(|account| (account.key_pem.expose().to_owned(), account.url));
        Ok((gathered.accounts().place(our_ca.directory.as_str()), facts))
    };
    let (ours, theirs) = (of(&ours).await?, of(theirs).await?);
    if ours != theirs {
        changes.push(format!("the account would be that in {}, not in {}", ours.0, theirs.0));
    }
    Ok(())
}

/// Writes, or refuses to.
fn finish(
    imported: &Import,
    output: Option<&Path>,
    force: bool,
    umask: u32,
    certificates: usize,
    reporter: &Reporter,
) -> Result<ExitCode, Error> {
    let refused = !imported.changes.is_empty() && !force;
    if let Some(path) = output.filter(|_| !refused) {
        let mode = Modes::of_umask(umask).file;
        if !write_new(path, imported.text.as_bytes(), mode).map_err(Error::failed)? {
            return Err(exists(path));
        }
    }
    if reporter.is_json() {
        reporter.json(&json!({
            "version": 1,
            "written": output.filter(|_| !refused),
            "settings": if refused { None } else { Some(&imported.text) },
            "certificates": certificates,
            "lost": imported.lost,
            "changes": imported.changes,
        }));
    } else {
        for line in &imported.lost {
            reporter.aside(&format!("note: {line}"));
        }
        for line in &imported.changes {
            reporter.aside(&format!("{}: {line}", if refused { "error" } else { "warning" }));
        }
        let proven = Count(certificates, "certificate");
        match (refused, output) {
            (true, _) => {
                reporter.aside("nothing is written: this would change; --force writes it all the same");
            }
            (false, None) => reporter.document(&imported.text),
            (false, Some(path)) => {
                reporter.document(&format!("{}: {proven} kept as they are", path.display()));
            }
        }
    }
    Ok(if refused { ExitCode::Failed } else { ExitCode::Success })
}

fn exists(path: &Path) -> Error {
    Error::config(ImportError::Exists(path.to_owned()))
        .hint("move it away, or write another one with --output")
}

/// Why there is nothing to write.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    #[error("`import` takes no flags of settings but --ca, --challenge, --domains and --hook")]
    Flag,
    #[error("dehydrated's configuration cannot be read")]
    Unreadable,
}
