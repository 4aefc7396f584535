//! What happens, told as dehydrated tells it: a block of lines for each certificate.
//!
//! Blocks never mix. The certificate that began first is told of at once, so that its lines stand where its hooks print;
//! those in work beside it are told of when it is their turn.

use std::collections::VecDeque;

use time::OffsetDateTime;
use time::macros::format_description;

use super::Event;
use super::event::Phase;
use crate::identifier::{CertName, Identifier};
use crate::plan::{Because, Step};

/// The certificates in work, in the order in which they are told of.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    blocks: VecDeque<Block>,
}

#[derive(Debug)]
struct Block {
    name: CertName,
    lines: Vec<String>,
    ended: bool,
}

impl Transcript {
    /// Takes note of an event; gives the lines that are to be printed now.
    pub(super) fn note(&mut self, event: &Event<'_>) -> Vec<String> {
        let Some((name, lines)) = told(event) else { return Vec::new() };
        let Some(name) = name else { return lines };
        let ended = matches!(
            event,
            Event::Finished(_) | Event::Unchanged(_) | Event::UnchangedAtAGlance { .. } | Event::Waiting(_)
        );
        let known = self.blocks.iter_mut().find(|block| block.name == *name && !block.ended);
        match known {
            Some(block) => {
                block.lines.extend(lines);
                block.ended |= ended;
            }
            // What comes after its end begins nothing anew.
            None if matches!(event, Event::Finished(_)) => {}
            None => self.blocks.push_back(Block { name: name.clone(), lines, ended }),
        }
        self.due()
    }

    /// The lines of the first block, and of those behind it for as long as the one before has ended.
    fn due(&mut self) -> Vec<String> {
        let mut due = Vec::new();
        while let Some(block) = self.blocks.front_mut() {
            due.append(&mut block.lines);
            if !block.ended {
                break;
            }
            self.blocks.pop_front();
        }
        due
    }
}

/// Whose lines, and the lines.
fn told<'e>(event: &'e Event<'_>) -> Option<(Option<&'e CertName>, Vec<String>)> {
    let of =
        |name: &'e CertName, lines: &[&str]| (Some(name), lines.iter().map(ToString::to_string).collect());
    Some(match event {
        Event::Looking { name, names } => (Some(*name), vec![processing(names)]),
        Event::Remark { name, text } => of(name, &[text]),
        Event::Unchanged(step) => (Some(&step.name), existing(step, SKIPPING)),
        Event::UnchangedAtAGlance { names, step } => {
            let mut lines = vec![processing(names)];
            lines.extend(existing(step, SKIPPING));
            (Some(&step.name), lines)
        }
        Event::Waiting(step) => (Some(&step.name), vec![format!(" + Not now: {}", step.because)]),
        Event::Started(step) => (Some(&step.name), started(step)),
        Event::Resumed { name } => of(name, &[" + Going on with the order of an earlier run..."]),
        Event::Phase { name, phase } => of(name, &[phase_line(*phase)]),
        Event::Issued { name, .. } => of(name, &[" + Done!"]),
        Event::InUse { name, address } => (Some(*name), vec![format!(" + {address} is in use, waiting...")]),
        Event::Leased { name, holder } => {
            (Some(*name), vec![format!(" + In work elsewhere ({holder}), waiting...")])
        }
        Event::Finished(name) => (Some(*name), Vec::new()),
        Event::AccountCreated { .. } => {
            let lines =
                ["+ Generating account key...", "+ Registering account key with ACME server...", "+ Done!"];
            (None, lines.map(str::to_owned).to_vec())
        }
        Event::Notice(text) => (None, vec![(*text).to_owned()]),
        _ => return None,
    })
}

/// What dehydrated says of a certificate that is not due.
const SKIPPING: &str = "Skipping renew!";

/// `Processing a.example with alternative names: b.example c.example`
fn processing(names: &[Identifier]) -> String {
    let mut names = names.iter().map(ToString::to_string);
    let primary = names.next().unwrap_or_default();
    let others: Vec<String> = names.collect();
    if others.is_empty() {
        return format!("Processing {primary}");
    }
    format!("Processing {primary} with alternative names: {}", others.join(" "))
}

fn started(step: &Step) -> Vec<String> {
    let mut lines = match &step.because {
        Because::NamesDiffer { added, removed } => {
            let mut lines = vec![
                " + Checking domain name(s) of existing cert... changed!".to_owned(),
                " + Domain name(s) are not matching!".to_owned(),
            ];
            let names =
                |names: &[Identifier]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let told = [("Names only in old certificate", removed), ("Names only configured", added)];
            let told = told.into_iter().filter(|(_, names)| !names.is_empty());
            lines.extend(told.map(|(what, which)| format!(" + {what}: {}", names(which))));
            lines.push(" + Forcing renew.".to_owned());
            lines
        }
        Because::Forced => existing(step, "Ignoring because renew was forced!"),
        Because::NotStored => Vec::new(),
        _ if step.not_after.is_some() => existing(step, "Renewing!"),
        because => vec![format!(" + {because}")],
    };
    lines.push(" + Signing domains...".to_owned());
    lines
}

/// What is said of a certificate that is stored.
fn existing(step: &Step, verdict: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(not_after) = step.not_after {
        lines.push(" + Checking domain name(s) of existing cert... unchanged.".to_owned());
        lines.push(" + Checking expire date of existing cert...".to_owned());
        lines.push(format!(" + Valid till {} ({}). {verdict}", openssl(not_after), step.because));
    }
    lines
}

fn phase_line(phase: Phase) -> &'static str {
    match phase {
        Phase::Ordering => " + Requesting new certificate order from CA...",
        Phase::Deploying => " + Deploying challenge tokens...",
        Phase::Propagating => " + Waiting until the challenges are visible in DNS...",
        Phase::Validating => " + Responding to challenges...",
        Phase::Cleaning => " + Cleaning challenge tokens...",
        Phase::Finalizing => " + Requesting certificate...",
        Phase::Storing => " + Creating fullchain.pem...",
        Phase::Delivering => " + Deploying certificate...",
    }
}

/// An instant as `openssl x509 -enddate` prints it.
fn openssl(at: OffsetDateTime) -> String {
    let form =
        format_description!("[month repr:short] [day padding:space] [hour]:[minute]:[second] [year] GMT");
    at.to_offset(time::UtcOffset::UTC).format(form).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> CertName {
        text.parse().unwrap()
    }

    #[test]
    fn blocks_of_certificates_in_work_side_by_side_do_not_mix() {
        let mut transcript = Transcript::default();
        let (a, b) = (name("a.example"), name("b.example"));
        let names = |name: &str| [name.parse::<Identifier>().unwrap()];
        let (of_a, of_b) = (names("a.example"), names("b.example"));
        let mut told = Vec::new();
        let mut tell = |event: Event<'_>| told.extend(transcript.note(&event));
        tell(Event::Looking { name: &a, names: &of_a });
        tell(Event::Looking { name: &b, names: &of_b });
        tell(Event::Phase { name: &a, phase: Phase::Ordering });
        tell(Event::Phase { name: &b, phase: Phase::Ordering });
        tell(Event::Finished(&b));
        tell(Event::Phase { name: &a, phase: Phase::Finalizing });
        tell(Event::Finished(&a));
        tell(Event::Finished(&a));
        assert_eq!(
            told,
            [
                "Processing a.example",
                " + Requesting new certificate order from CA...",
                " + Requesting certificate...",
                "Processing b.example",
                " + Requesting new certificate order from CA...",
            ]
        );
    }
}
