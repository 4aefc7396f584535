//! `hydrant plan`: what a run would do, and why. Asks no CA, and hooks only where that is wished for.

use serde_json::json;
use time::OffsetDateTime;

use super::gather::Gathered;
use super::run::start_hooks;
use super::tenants;
use crate::error::{Error, ExitCode};
use crate::hook::{HookSettings, Operation, Stop};
use crate::identifier::CertName;
use crate::plan::{self, Action, Circumstances, Pending, Step, Subject};
use crate::report::table::table;
use crate::report::words::{Count, List, rfc3339};
use crate::report::{Event, Verbosity};
use crate::runner::{Signals, Wanted, store_error};
use crate::store::Loaded;
use crate::tenant::{Request, Tenancy};

/// What was typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanOptions {
    /// Exit with 3 when there are changes to make.
    pub detailed_exitcode: bool,
    /// Ask hooks for names and requests, as a run does.
    pub with_hooks: bool,
}

/// Prints the plan.
///
/// # Errors
/// The store cannot be read, or a hook cannot be started.
pub async fn plan(gathered: &Gathered, options: PlanOptions) -> Result<ExitCode, Error> {
    let mut wanted = declared(gathered);
    let mut failed = 0;
    if options.with_hooks {
        let (signals, stop) = Signals::watch().map_err(Error::failed)?;
        let asked = ask_hooks(gathered, &mut wanted, &stop).await;
        if let Some(code) = signals.exit_code() {
            return Ok(code);
        }
        failed = asked?;
    }
    let tenancy = tenants::tenancy(gathered).await?;
    let steps = steps(gathered, &wanted, &tenancy).await?;
    let reporter = &gathered.reporter;
    if reporter.is_json() {
        reporter.json(&to_json(gathered, &steps, &wanted, options.with_hooks));
    } else {
        reporter.document(&to_text(&steps, reporter.verbosity() >= Verbosity::Verbose));
        let names = if options.with_hooks { None } else { names_note(gathered) };
        for note in [names, pending_note(&steps)].into_iter().flatten() {
            if reporter.verbosity() > Verbosity::Quiet {
                reporter.aside(&note);
            }
        }
    }
    let changes = steps
        .iter()
        .any(|planned| planned.is_to(&[Action::Renew, Action::Issue, Action::Resume, Action::Deliver]));
    failed +=
        steps.iter().filter(|planned| planned.seen.is_err() || planned.is_to(&[Action::Refuse])).count();
    Ok(match () {
        () if failed > 0 => ExitCode::Failed,
        () if options.detailed_exitcode && changes => ExitCode::Changes,
        () if gathered.refused() > 0 => ExitCode::Failed,
        () => ExitCode::Success,
    })
}

/// One certificate of the list.
pub(super) struct Planned {
    pub(super) name: CertName,
    /// What is to be done with it, or why that is not known: one that cannot be read hides no other.
    pub(super) seen: Result<Seen, Error>,
}

/// The step for one certificate.
pub(super) struct Seen {
    pub(super) step: Step,
    /// What it was decided from.
    pub(super) loaded: Loaded,
    /// Hooks that are owed it, and that it does not go to here.
    pub(super) owed_elsewhere: Vec<String>,
    /// Settings that it keeps without.
    pub(super) pending: Vec<Pending>,
}

impl Planned {
    /// What is to be done, in a word.
    pub(super) fn action(&self) -> &'static str {
        self.seen.as_ref().map_or(UNREADABLE, |seen| seen.step.action.as_str())
    }

    /// Why.
    pub(super) fn because(&self) -> String {
        match &self.seen {
            Ok(seen) => seen.because(),
            Err(error) => error.to_string(),
        }
    }

    fn is_to(&self, actions: &[Action]) -> bool {
        self.seen.as_ref().is_ok_and(|seen| actions.contains(&seen.step.action))
    }
}

/// Stands where the action of a certificate that cannot be read would be.
const UNREADABLE: &str = "unreadable";

impl Seen {
    /// Why, and what the renewal brings that is not due yet.
    pub(super) fn because(&self) -> String {
        let because = self.step.because.to_string();
        if self.pending.is_empty() {
            return because;
        }
        let pending: Vec<String> = self.pending.iter().map(ToString::to_string).collect();
        format!("{because}; it brings {}", pending.join(", "))
    }

    /// What the renewal brings, for machines.
    pub(super) fn pending_json(&self) -> serde_json::Value {
        let one = |pending: &Pending| json!({ "setting": pending.setting, "now": pending.now, "then": pending.then });
        self.pending.iter().map(one).collect()
    }
}

/// What the list says of every certificate.
pub(super) fn declared(gathered: &Gathered) -> Vec<Wanted> {
    gathered.entries().iter().map(Wanted::declared).collect()
}

/// The step for every certificate of the list, in its order.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn steps(
    gathered: &Gathered,
    wanted: &[Wanted],
    tenancy: &Tenancy,
) -> Result<Vec<Planned>, Error> {
    let config = &gathered.config;
    let loaded = gathered.store().load_all(&gathered.names()).await.map_err(store_error)?;
    let circumstances = Circumstances {
        now: OffsetDateTime::now_utc(),
        cadence: config.cadence(),
        force: false,
        backoff: config.backoff,
    };
    let takes_deliveries = |hook: &&HookSettings| may_want(hook, Operation::DeployCert);
    let mut steps = Vec::new();
    for ((entry, wanted), loaded) in gathered.entries().iter().zip(wanted).zip(loaded) {
        let name = entry.name.clone();
        let loaded = match loaded.map_err(store_error) {
            Ok(loaded) => loaded,
            Err(error) => {
                steps.push(Planned { name, seen: Err(error) });
                continue;
            }
        };
        let settings = config.certificate(&entry.name);
        let destinations = config.hooks.iter().filter(takes_deliveries).map(|hook| &hook.name);
        let destinations: Vec<String> =
            destinations.filter(|hook| settings.hooks.contains(hook)).cloned().collect();
        let path = config.secret_of(&entry.name);
        let request = Request::new(&entry.name, &wanted.names, &settings, path.as_deref());
        let refused = tenancy.check(&request).err();
        let subject = Subject {
            name: &entry.name,
            names: &wanted.names,
            request: wanted.csr.as_ref(),
            loaded: &loaded,
            renew_before: settings.renewal_rule(),
            destinations: &destinations,
            refused: refused.as_ref(),
        };
        let step = plan::decide(&subject, circumstances);
        let kept = loaded.stored.as_ref().filter(|_| step.action == Action::Keep);
        let pending = kept.map(|stored| plan::pending(&settings, stored, &loaded.record)).unwrap_or_default();
        let owed_elsewhere = loaded.record.owed_elsewhere(&destinations);
        steps.push(Planned { name, seen: Ok(Seen { step, loaded, owed_elsewhere, pending }) });
    }
    Ok(steps)
}

/// Replaces what is wanted by what hooks say, and gives how many of them failed: their certificates are planned with the
/// declared names.
async fn ask_hooks(gathered: &Gathered, wanted: &mut [Wanted], stop: &Stop) -> Result<usize, Error> {
    let hooks = start_hooks(gathered, "sign_domains", stop).await?;
    let mut failed = 0;
    for (entry, wanted) in gathered.entries().iter().zip(wanted) {
        let settings = gathered.config.certificate(&entry.name);
        match Wanted::of(entry, &settings, &hooks, gathered.store()).await {
            Ok(said) => *wanted = said,
            Err(error) => {
                failed += 1;
                gathered.reporter.event(&Event::Failed { name: &entry.name, error: &error });
            }
        }
        if stop.is_stopped() {
            break;
        }
    }
    Ok(failed)
}

/// Whether nothing in the configuration keeps a hook from being called for `operation`.
fn may_want(hook: &HookSettings, operation: Operation) -> bool {
    hook.operations.as_ref().is_none_or(|list| list.contains(&operation))
}

/// Of every certificate, the hooks that may choose other names than those declared.
fn not_asked(gathered: &Gathered) -> Vec<Vec<&str>> {
    let config = &gathered.config;
    let of = |entry: &crate::domains::Entry| {
        let settings = config.certificate(&entry.name);
        let hooks = config.hooks.iter().filter(|hook| may_want(hook, Operation::GenerateCsr));
        hooks.map(|hook| hook.name.as_str()).filter(|hook| settings.hooks.iter().any(|h| h == hook)).collect()
    };
    gathered.entries().iter().map(of).collect()
}

/// The line that says for which certificates hooks were not asked; none where there is nothing to ask.
fn names_note(gathered: &Gathered) -> Option<String> {
    let not_asked = not_asked(gathered);
    let mut hooks: Vec<&str> = Vec::new();
    for hook in not_asked.iter().flatten() {
        if !hooks.contains(hook) {
            hooks.push(hook);
        }
    }
    if hooks.is_empty() {
        return None;
    }
    let names: Vec<_> =
        gathered.entries().iter().zip(&not_asked).filter(|(_, hooks)| !hooks.is_empty()).collect();
    let names: Vec<&str> = names.iter().map(|(entry, _)| entry.name.as_str()).collect();
    let which = match names.len() {
        all if all == not_asked.len() => "all certificates".to_owned(),
        _ => first_of(&names),
    };
    let (hook, it) = if hooks.len() == 1 { ("hook", "it") } else { ("hooks", "them") };
    Some(format!(
        "note: the names are those declared for {which}; {hook} {} may choose others: `plan --with-hooks` asks {it}",
        List(&hooks)
    ))
}

/// The line that says which certificates do not have the settings they are declared with.
fn pending_note(steps: &[Planned]) -> Option<String> {
    let is_pending = |planned: &&Planned| planned.seen.as_ref().is_ok_and(|seen| !seen.pending.is_empty());
    let names: Vec<&str> = steps.iter().filter(is_pending).map(|planned| planned.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let which = first_of(&names);
    let has = if names.len() == 1 { "has" } else { "have" };
    Some(format!(
        "note: {which} {has} other settings than declared until the next renewal: `plan -v` shows which, `run --force \
         --only NAME` renews now"
    ))
}

/// The first few, and how many more there are.
pub(super) fn first_of(names: &[&str]) -> String {
    const NAMED: usize = 5;
    match names.len() {
        0..=NAMED => List(names).to_string(),
        many => format!("`{}` and {}", names[..NAMED].join("`, `"), Count(many - NAMED, "other")),
    }
}

fn to_text(steps: &[Planned], all: bool) -> String {
    let shown = steps.iter().filter(|planned| all || !planned.is_to(&[Action::Keep]));
    let row =
        |planned: &Planned| vec![planned.action().to_owned(), planned.name.to_string(), planned.because()];
    let mut text = table(&shown.map(row).collect::<Vec<_>>());
    let actions = [
        Action::Issue,
        Action::Renew,
        Action::Resume,
        Action::Deliver,
        Action::Wait,
        Action::Refuse,
        Action::Keep,
    ];
    let counted = actions.iter().map(|action| {
        let count = steps.iter().filter(|planned| planned.is_to(&[*action])).count();
        (count, format!("{count} to {}", action.as_str()))
    });
    let unreadable = steps.iter().filter(|planned| planned.seen.is_err()).count();
    let counted = counted.chain([(unreadable, format!("{unreadable} {UNREADABLE}"))]);
    let parts: Vec<String> = counted.filter(|(count, _)| *count > 0).map(|(_, part)| part).collect();
    let total = Count(steps.len(), "certificate").to_string();
    text.push_str(&if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) });
    text
}

fn to_json(gathered: &Gathered, steps: &[Planned], wanted: &[Wanted], asked: bool) -> serde_json::Value {
    let not_asked = if asked { Vec::new() } else { not_asked(gathered) };
    let certificate = |(index, planned): (usize, &Planned)| {
        let seen = planned.seen.as_ref().ok();
        json!({
            "name": planned.name,
            "action": planned.action(),
            "because": seen.map_or_else(|| planned.because(), |seen| seen.step.because.to_string()),
            "names": wanted[index].names,
            "names_from": if wanted[index].csr.is_some() { "hook" } else { "list" },
            "hooks_not_asked": not_asked.get(index).map_or(&[][..], Vec::as_slice),
            "not_after": seen.and_then(|seen| seen.step.not_after).map(rfc3339),
            "renewal_brings": seen.map_or_else(|| json!([]), Seen::pending_json),
        })
    };
    json!({
        "version": 1,
        "refused_lines": gathered.refused(),
        "certificates": steps.iter().enumerate().map(certificate).collect::<Vec<_>>(),
    })
}
