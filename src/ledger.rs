//! What is owed for one certificate: the order begun, challenges to clean, files to switch to, deliveries to make,
//! failures to back off from.
//!
//! A record is written before the act it describes, so that a run killed at any point is resumed by the next one:
//!
//! | # | written | before |
//! |---|---|---|
//! | 1 | [`Record::begin`]: the intent with key and CSR | newOrder |
//! | 2 | [`Record::ordered`]: the order's URL | anything else is asked of the CA |
//! | 3 | [`Record::deploying`]: the answers, whose cleaning is owed from here on | `deploy_challenge` |
//! | 4 | [`Record::cleaned`] | |
//! | 5 | [`Record::stage`]: all files are durable; the intent goes, deliveries are owed | `sync_cert` |
//! | 6 | [`Record::decide_switch`] | the links move (in one write with 5 when no hook wants `sync_cert`) |
//! | 7 | [`Record::switched`], [`Record::delivered`] and the rest | |
//!
//! Pure: no I/O and no clock. Times are seconds since the Unix epoch.

mod member;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::hook::Answer;
pub use member::{
    CertificateKey, Delivery, DeliveryState, Deployed, Failures, Intent, KeySource, Owed, OwedResponse,
    Renewal, Revoked, Staged,
};

/// The format this program reads and writes. A higher one in a record is refused.
pub const FORMAT: u32 = 1;

/// The record of one certificate. The default is the record of a certificate nothing is known about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// Counts the writes of this record. Set by the store, which refuses to replace a record it has not read.
    pub fence: u64,
    /// The issue that was begun and whose certificate is not stored yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Answers deployed, or about to be, and not yet cleaned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed_cleaning: Vec<Owed>,
    /// Answers that were ever given to hooks that write DNS records, the newest last: what is found there later is then
    /// known to be ours. Not all, see [`Record::deploying`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployed: Vec<Deployed>,
    /// Files that are durable and that the links do not all point to yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<Staged>,
    /// The last delivery of each destination.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deliveries: BTreeMap<String, Delivery>,
    /// What the CA last said about when to renew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
    /// Failures since the last certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Failures>,
    /// The certificate that was revoked, until another takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
    /// Whether the key of what is stored is with the hook that made the request, and so is not missed here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign_key: bool,
    /// Fingerprint of the settings that the stored certificate was issued with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// The OCSP response that hooks have yet to be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed_response: Option<OwedResponse>,
    /// Fingerprint of the certificate of which it was said that it names no OCSP responder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_responder: Option<String>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            format: FORMAT,
            fence: 0,
            intent: None,
            owed_cleaning: Vec::new(),
            deployed: Vec::new(),
            staged: None,
            deliveries: BTreeMap::new(),
            renewal: None,
            failures: None,
            revoked: None,
            foreign_key: false,
            settings: None,
            owed_response: None,
            without_responder: None,
        }
    }
}

impl Record {
    /// Reads a record: the newest that is whole of those that follow each other, a line each. One that a person spread
    /// over several lines is one too.
    ///
    /// # Errors
    ///
    /// When it is no record, or one of a newer program.
    pub fn parse(json: &[u8]) -> Result<Self, RecordError> {
        let lines = json.rsplit(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for line in lines {
            match Self::parse_one(line) {
                // The write of this one was cut short, or it is part of one.
                Err(RecordError::Malformed(_)) => {}
                parsed => return parsed,
            }
        }
        Self::parse_one(json)
    }

    fn parse_one(json: &[u8]) -> Result<Self, RecordError> {
        match serde_json::from_slice::<Self>(json) {
            Ok(record) if record.format == FORMAT => Ok(record),
            Ok(record) => Err(RecordError::Format { found: record.format }),
            Err(error) => match serde_json::from_slice::<Head>(json) {
                Ok(Head { format }) if format != FORMAT => Err(RecordError::Format { found: format }),
                _ => Err(RecordError::Malformed(error)),
            },
        }
    }

    /// The record as a line of JSON, its newline included. It may hold a private key.
    ///
    /// # Panics
    ///
    /// Never: every member has a JSON form.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Serializing fails only for maps with keys that are no strings, and a writer that fails.
        let mut json = serde_json::to_vec(self).expect("a record has a JSON form");
        json.push(b'\n');
        Zeroizing::new(json)
    }

    /// Where the key of the certificate to come is from, if one is to come: the record holds it when it is a new one.
    #[must_use]
    pub fn key(&self) -> Option<&CertificateKey> {
        self.intent.as_ref().map(|intent| &intent.key)
    }

    /// An issue is about to begin; replaces one that came to nothing.
    pub fn begin(&mut self, intent: Intent) {
        self.intent = Some(intent);
    }

    /// The order is to be finalized with another request than the intent began with.
    pub fn request(&mut self, key: CertificateKey, csr: String) {
        if let Some(intent) = &mut self.intent {
            intent.key = key;
            intent.csr = Some(csr);
        }
    }

    /// The CA made the order. Without an intent there is nothing to remember it for.
    pub fn ordered(&mut self, url: &str) {
        if let Some(intent) = &mut self.intent {
            intent.order = Some(url.to_owned());
        }
    }

    /// The begun issue comes to nothing: its order is invalid, gone, or for something no longer wanted.
    pub fn abandon(&mut self) {
        self.intent = None;
    }

    /// The answers are about to be deployed: from here on their cleaning is owed. Those in DNS are remembered beyond that,
    /// for a year and up to 300 of them: a hook may say that they are gone while they are not.
    pub fn deploying(&mut self, owed: impl IntoIterator<Item = Owed>, now: i64) {
        let owed: Vec<Owed> = owed.into_iter().collect();
        for Owed { challenge, hooks, answer } in &owed {
            if challenge.starts_with("dns-") && !hooks.is_empty() {
                self.forget(std::slice::from_ref(answer));
                let (challenge, hooks, answer) = (challenge.clone(), hooks.clone(), answer.clone());
                self.deployed.push(Deployed { challenge, hooks, answer, at: now });
            }
        }
        self.deployed.retain(|deployed| deployed.at > now.saturating_sub(REMEMBERED_FOR));
        self.deployed.drain(..self.deployed.len().saturating_sub(REMEMBERED));
        self.owe_cleaning(owed);
    }

    /// These answers are not in DNS any more: that was seen.
    pub fn forget(&mut self, answers: &[Answer]) {
        self.deployed.retain(|deployed| !answers.contains(&deployed.answer));
    }

    /// The answers have to be cleaned. One that is owed already also becomes owed to the new hooks.
    pub fn owe_cleaning(&mut self, owed: impl IntoIterator<Item = Owed>) {
        for new in owed {
            let known = self
                .owed_cleaning
                .iter_mut()
                .find(|o| o.challenge == new.challenge && o.answer == new.answer);
            let Some(known) = known else {
                self.owed_cleaning.push(new);
                continue;
            };
            for hook in new.hooks {
                if !known.hooks.contains(&hook) {
                    known.hooks.push(hook);
                }
            }
        }
    }

    /// What is owed of these answers, also by hooks of earlier runs that deployed the same.
    #[must_use]
    pub fn owed_for(&self, answers: &[Answer]) -> Vec<Owed> {
        self.owed_cleaning.iter().filter(|owed| answers.contains(&owed.answer)).cloned().collect()
    }

    /// These answers were cleaned by every hook they were deployed with.
    pub fn cleaned(&mut self, answers: &[Answer]) {
        self.owed_cleaning.retain(|owed| !answers.contains(&owed.answer));
    }

    /// The files of `timestamp` are durable: the intent is carried out, and each destination is owed a delivery.
    /// Failures, and the revocation of what was there before, are forgotten.
    pub fn stage<D: Into<String>>(
        &mut self,
        timestamp: u64,
        key: KeySource,
        destinations: impl IntoIterator<Item = D>,
        now: i64,
    ) {
        self.intent = None;
        self.failures = None;
        self.revoked = None;
        self.foreign_key = key == KeySource::Foreign;
        self.staged = Some(Staged { timestamp, key, switch: false });
        for destination in destinations {
            self.owe_delivery(destination, timestamp, now);
        }
    }

    /// The certificate of this fingerprint was revoked. A key that others may have is in no certificate to come.
    pub fn revoked(&mut self, fingerprint: impl Into<String>, key_compromised: bool) {
        let known = self.revoked.take().is_some_and(|revoked| revoked.key_compromised);
        let key_compromised = key_compromised || known;
        if key_compromised {
            self.abandon();
        }
        self.revoked = Some(Revoked { fingerprint: fingerprint.into(), key_compromised });
    }

    /// Every hook that wants `sync_cert` had it: from here on the links follow, whatever happens.
    pub fn decide_switch(&mut self) {
        if let Some(staged) = &mut self.staged {
            staged.switch = true;
        }
    }

    /// All links point to the staged files. What failed on the way there holds nothing back any more.
    pub fn switched(&mut self) {
        self.staged = None;
        self.failures = None;
    }

    /// The staged files are gone: the certificate in them is lost.
    pub fn lost(&mut self) {
        self.staged = None;
    }

    /// The files of `timestamp` have to reach `destination`. Replaces what was owed for older files.
    pub fn owe_delivery(&mut self, destination: impl Into<String>, timestamp: u64, now: i64) {
        let owed = Delivery { state: DeliveryState::Owed, timestamp, attempts: 0, last_error: None, at: now };
        self.deliveries.insert(destination.into(), owed);
    }

    /// The owed delivery succeeded; `verified` when the hook announces that it verifies.
    pub fn delivered(&mut self, destination: &str, verified: bool, now: i64) {
        if let Some(delivery) = self.deliveries.get_mut(destination) {
            delivery.state = if verified { DeliveryState::Verified } else { DeliveryState::Delivered };
            delivery.attempts += 1;
            delivery.last_error = None;
            delivery.at = now;
        }
    }

    /// The owed delivery failed, and stays owed.
    pub fn delivery_failed(&mut self, destination: &str, error: impl Into<String>, now: i64) {
        if let Some(delivery) = self.deliveries.get_mut(destination) {
            delivery.state = DeliveryState::Failed;
            delivery.attempts += 1;
            delivery.last_error = Some(error.into());
            delivery.at = now;
        }
    }

    /// The destinations that a delivery is owed to, with that delivery.
    pub fn owed_deliveries(&self) -> impl Iterator<Item = (&str, &Delivery)> {
        self.deliveries
            .iter()
            .filter(|(_, delivery)| delivery.is_owed())
            .map(|(destination, delivery)| (destination.as_str(), delivery))
    }

    /// The destinations, none of these, that a delivery of the newest certificate is owed to. What they were owed of an
    /// earlier one ended when others took its successor.
    #[must_use]
    pub fn owed_elsewhere(&self, destinations: &[String]) -> Vec<String> {
        let newest = self.deliveries.values().map(|delivery| delivery.timestamp).max();
        let is_one = |(destination, delivery): &(&str, &Delivery)| {
            Some(delivery.timestamp) == newest && !destinations.iter().any(|ours| ours == destination)
        };
        self.owed_deliveries().filter(is_one).map(|(destination, _)| destination.to_owned()).collect()
    }

    /// An attempt to issue failed. The next one waits 1, 10, 100 minutes, then 20 hours, so that the daily run of tomorrow
    /// makes it although this one took a while; longer when the CA said so (`retry_after`, seconds from now).
    pub fn failed(&mut self, problem: impl Into<String>, now: i64, retry_after: Option<i64>) {
        const WAITS: [i64; 4] = [60, 600, 6_000, 72_000];
        let before = self.failures.as_ref().map_or(0, |failures| failures.count);
        let wait = usize::try_from(before).ok().and_then(|step| WAITS.get(step)).unwrap_or(&72_000);
        let asked = retry_after.map(|seconds| now.saturating_add(seconds.max(0)));
        self.failures = Some(Failures {
            count: before.saturating_add(1),
            last: problem.into(),
            at: now,
            not_before: now.saturating_add(*wait).max(asked.unwrap_or(i64::MIN)),
            ca_not_before: asked,
        });
    }
}

/// How long, in seconds, and how many answers are remembered after they were cleaned.
const REMEMBERED_FOR: i64 = 366 * 86_400;
const REMEMBERED: usize = 300;

/// Enough of a record to tell whose it is.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Why a record cannot be used.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A newer program wrote it.
    #[error("the record has format {found}; this version reads format {FORMAT}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// It is no record at all.
    #[error("the record is malformed")]
    Malformed(#[source] serde_json::Error),
}

#[cfg(test)]
mod tests;
