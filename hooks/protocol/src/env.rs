//! The names of the environment variables that hydrant adds to what dehydrated exports.
//!
//! Each is set where its fact exists and absent elsewhere. Those of dehydrated (`alias`, `altnames`, `BASEDIR`,
//! `CERTDIR`, `ALPNCERTDIR`, `WELLKNOWN`, `CONFIG`, `COMMAND`, `CHALLENGETYPE`, `KEY_ALGO`, `PRIVATE_KEY_ROLLOVER`) are
//! set as dehydrated sets them.

/// The version of the protocol, in every call: `1`.
pub const PROTOCOL: &str = "HYDRANT_PROTOCOL";
/// The configured name of this hook, in every call.
pub const HOOK: &str = "HYDRANT_HOOK";
/// `1` when nothing is to be stored or delivered, else absent.
pub const DRY_RUN: &str = "HYDRANT_DRY_RUN";
/// The directory URL of the CA.
pub const CA: &str = "HYDRANT_CA";
/// The name the certificate is kept under: alias or first name.
pub const CERTIFICATE: &str = "HYDRANT_CERTIFICATE";
/// All names of the certificate, separated by blanks, as `domains.txt` writes them.
pub const NAMES: &str = "HYDRANT_NAMES";
/// The type of the challenge: `dns-01`.
pub const CHALLENGE: &str = "HYDRANT_CHALLENGE";
/// Which attempt at this certificate it is, from 1.
pub const ATTEMPT: &str = "HYDRANT_ATTEMPT";
/// Who owns the certificate, where the configuration says so.
pub const OWNER: &str = "HYDRANT_OWNER";
/// The name of the TXT record, in calls with a single challenge in DNS: `_acme-challenge.a.example`.
pub const RECORD_NAME: &str = "HYDRANT_RECORD_NAME";
/// The names of the TXT records, in calls with challenges in DNS: one for each triple, in their order, separated by blanks.
pub const RECORD_NAMES: &str = "HYDRANT_RECORD_NAMES";
/// In `exit_hook`: the names of the certificates that changed in this run, separated by blanks. Only the first of them
/// where they are more than one variable can hold; [`CHANGED_FILE`] is then set.
pub const CHANGED: &str = "HYDRANT_CHANGED";
/// In `exit_hook`, where [`CHANGED`] cannot hold all names: a file that has them, a line each.
pub const CHANGED_FILE: &str = "HYDRANT_CHANGED_FILE";
/// In `invalid_challenge`: the CA's problem document, JSON, where it gave one.
pub const PROBLEM: &str = "HYDRANT_PROBLEM";
/// In a batch: the file with the facts of its certificates ([`batch_facts`](crate::batch_facts)).
pub const BATCH: &str = "HYDRANT_BATCH";
/// In a batch: the file to which the hook writes a line for each challenge ([`Results`](crate::Results)). In
/// `list_challenges`: that for a line for each value ([`Listing`](crate::Listing)).
pub const RESULTS: &str = "HYDRANT_RESULTS";

/// Those that tell of one call alone: they are never handed on from hydrant's own environment.
pub const FACTS: [&str; 15] = [
    PROTOCOL,
    HOOK,
    DRY_RUN,
    CERTIFICATE,
    NAMES,
    CHALLENGE,
    ATTEMPT,
    OWNER,
    RECORD_NAME,
    RECORD_NAMES,
    CHANGED,
    CHANGED_FILE,
    PROBLEM,
    BATCH,
    RESULTS,
];
