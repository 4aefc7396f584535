//! What each subcommand takes.
#![expect(clippy::struct_excessive_bools, reason = "flags are independent of each other")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::config::Pattern;
use crate::config::duration::Humane;
use crate::identifier::{CertName, DnsName, Identifier};

/// `run`
#[derive(Clone, Debug, Default, Args)]
pub struct Run {
    /// Go through the CA's staging twin; store and deliver nothing
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// Renew even what is not due
    #[arg(long, short = 'x')]
    pub force: bool,
    /// Try again what failed, although its time has not come
    #[arg(long)]
    pub ignore_backoff: bool,
    /// Do nothing when any line of the list has a fault
    #[arg(long)]
    pub strict: bool,
    /// Some of the certificates.
    #[command(flatten)]
    pub selection: Selection,
}

/// `plan`
#[derive(Clone, Debug, Default, Args)]
pub struct Plan {
    /// End with 3 when there are changes to make
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Let hooks choose names and requests, as a run would
    #[arg(long)]
    pub with_hooks: bool,
    /// Some of the certificates.
    #[command(flatten)]
    pub selection: Selection,
}

/// Some of the certificates.
#[derive(Clone, Debug, Default, Args)]
pub struct Selection {
    /// Only these certificates: names, or globs with * and ?
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub only: Vec<Pattern>,
}

/// `lint`
#[derive(Clone, Debug, Default, Args)]
pub struct Lint {
    /// End with 2 for warnings too
    #[arg(long)]
    pub deny_warnings: bool,
    /// Also ask Vault whether the token may do what a run will do, and the CAs for their profiles; nothing is ordered
    #[arg(long)]
    pub online: bool,
    /// Print the rules
    #[arg(long)]
    pub list: bool,
    /// What `vend` and `renew` would work on.
    #[command(flatten)]
    pub vended: Vended,
}

/// What `vend` and `renew` take, to be looked at beforehand.
#[derive(Clone, Debug, Default, Args)]
pub struct Vended {
    /// With --online: not the list, but what `renew` would work on below this folder
    #[arg(long, value_name = "PREFIX", requires = "online")]
    pub prefix: Option<String>,
    /// With --prefix: the KV mount [default: as the settings say, else secret]
    #[arg(long, value_name = "MOUNT", requires = "prefix")]
    pub mount: Option<String>,
    /// With --prefix: what `vend` would do for this secret
    #[arg(long, value_name = "NAME", requires_all = ["prefix", "names"])]
    pub secret: Option<String>,
    /// With --secret: its names in the zone, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "secret")]
    pub names: Vec<String>,
}

/// `status`
#[derive(Clone, Debug, Default, Args)]
pub struct Status {
    /// Only these certificates: names, or globs with * and ?
    #[arg(value_name = "NAME")]
    pub names: Vec<Pattern>,
}

/// `issue`
#[derive(Clone, Debug, Default, Args)]
pub struct Issue {
    /// The names of the certificate, the first one primary
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// What to keep the certificate under; needed when the first name is a wildcard
    #[arg(long, value_name = "NAME")]
    pub alias: Option<String>,
    /// Issue even if it is there and not due
    #[arg(long, short = 'x')]
    pub force: bool,
}

/// `vend`
#[derive(Clone, Debug, Args)]
pub struct Vend {
    /// Where it is kept.
    #[command(flatten)]
    pub place: Place,
    /// What the certificate's secret is called, in the folder of its zone
    #[arg(long, value_name = "NAME")]
    pub secret: String,
    /// Its names in the zone, with commas between them; . is the zone itself
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    pub names: Vec<String>,
}

/// `renew`
#[derive(Clone, Debug, Args)]
pub struct Renew {
    /// Where they are kept.
    #[command(flatten)]
    pub place: Place,
}

/// Where certificates are in lecertvend's layout.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The KV mount [default: as the settings say, else secret]
    #[arg(long, value_name = "MOUNT")]
    pub mount: Option<String>,
    /// The folder of a zone, such as lecertvend/team/example.com, or to renew, one above those of zones
    #[arg(long, value_name = "PREFIX")]
    pub prefix: String,
    /// Renew what is valid for fewer days than this [default: when the CA says so, else at a third of the lifetime]
    #[arg(long, value_name = "DAYS")]
    pub min_days: Option<i64>,
}

/// `sign-csr`
#[derive(Clone, Debug, Default, Args)]
pub struct SignCsr {
    /// The request, PEM or DER; - is standard input
    #[arg(value_name = "FILE")]
    pub csr: PathBuf,
}

/// `revoke`
#[derive(Clone, Debug, Default, Args)]
pub struct Revoke {
    /// The name of a stored certificate, or a PEM file
    #[arg(value_name = "NAME|FILE")]
    pub certificate: String,
    /// Why
    #[arg(long, value_enum, value_name = "REASON")]
    pub reason: Option<Reason>,
    /// Sign with the certificate's own key in this file instead of the account's
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// The reasons of RFC 5280 §5.3.1 that a CA takes from a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reason {
    /// The names belong to somebody else now
    AffiliationChanged,
    /// The names are not used any more
    CessationOfOperation,
    /// Somebody else may have the key
    KeyCompromise,
    /// A new certificate has taken its place
    Superseded,
    /// No reason is given
    Unspecified,
}

impl Reason {
    /// The number in the protocol.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
        }
    }
}

/// `account`
#[derive(Clone, Debug, Subcommand)]
pub enum Account {
    /// Register an account, or find it again by its key
    #[command(after_help = "Examples:
  hydrant account register --accept-terms --contact ops@example.org
  hydrant account register --account-key private_key.json   go on with certbot's account")]
    Register,
    /// Show the account as the CA has it
    #[command(after_help = "Example:
  hydrant account show --format json")]
    Show,
    /// Send the contacts of the configuration to the CA
    #[command(after_help = "Example:
  hydrant account update --contact ops@example.org")]
    Update,
    /// Give the account a new key
    #[command(after_help = "Example:
  hydrant account rollover                                  the old key may be known to others")]
    Rollover {
        /// The new key as PEM [default: a fresh one]
        #[arg(long, value_name = "FILE")]
        new_key: Option<PathBuf>,
    },
    /// Close the account for good
    #[command(after_help = "Example:
  hydrant account deactivate --ca zerossl                   it can never be used again")]
    Deactivate,
}

/// `deliver`
#[derive(Clone, Debug, Default, Args)]
pub struct Deliver {
    /// Some of the certificates.
    #[command(flatten)]
    pub selection: Selection,
}

/// `cleanup`
#[derive(Clone, Debug, Default, Args)]
pub struct Cleanup {
    /// Delete the files
    #[arg(long)]
    pub delete: bool,
}

/// `config`
#[derive(Clone, Debug, Subcommand)]
pub enum Config {
    /// Read the configuration and say everything that is wrong with it
    #[command(after_help = "Example:
  hydrant config check --config new.yml")]
    Check,
    /// Show what is in effect, and where it comes from
    #[command(after_help = "Examples:
  hydrant config show
  hydrant config show www.example.org         what holds for one certificate")]
    Show {
        /// The name of a certificate
        #[arg(value_name = "NAME")]
        name: Option<CertName>,
    },
    /// Print the JSON Schema of hydrant.yml, for editors
    #[command(after_help = "Example:
  hydrant config schema > hydrant.schema.json")]
    Schema,
}

/// `dns`
#[derive(Clone, Debug, Subcommand)]
pub enum Dns {
    /// Find challenge records that were left behind, and clean them up
    ///
    /// What the ledger still owes is cleaned, as the next run would do it. Then hooks that can do so tell which values there
    /// are at the challenge records of the certificates, and each is shown with its age and its owner. With --older-than,
    /// those that hydrant put there itself and that are older are removed. Values of others are shown and never removed,
    /// and certificates that another run has in work are left alone.
    #[command(after_help = "Examples:
  hydrant dns gc --dry-run                    look, and change nothing
  hydrant dns gc                              clean what is owed, show what else is there
  hydrant dns gc --older-than 7d              also remove what hydrant left there a week ago")]
    Gc(DnsGc),
    /// Print the records that prove names for good (dns-persist-01), or look whether they are there
    ///
    /// Such a record is set once, by hand or by whoever has the zone; with `challenge: dns-persist-01` names that have one
    /// are then proved without any hook. It names the CA and the ACME account, so the account must be registered. For CAs
    /// that offer this challenge.
    #[command(after_help = "Examples:
  hydrant dns persist                                   the records of all names in the list
  hydrant dns persist example.org '*.example.org'       those of these names
  hydrant dns persist --valid-for 400d                  that are good for so long only
  hydrant dns persist --check                           look whether they are there and right")]
    Persist(DnsPersist),
}

/// `dns persist`
#[derive(Clone, Debug, Default, Args)]
pub struct DnsPersist {
    /// The names to prove, instead of those of the list
    #[arg(value_name = "NAME")]
    pub names: Vec<Identifier>,
    /// How long the records are to be good for, such as 400d
    #[arg(long, value_name = "DURATION")]
    pub valid_for: Option<Humane>,
    /// Ask DNS for them; ends with 1 where one is missing or wrong
    #[arg(long)]
    pub check: bool,
}

/// `dns gc`
#[derive(Clone, Debug, Default, Args)]
pub struct DnsGc {
    /// Also remove values that hydrant put there and that are older than this, such as 7d
    #[arg(long, value_name = "DURATION")]
    pub older_than: Option<Humane>,
    /// Only say what would be done
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// Some of the certificates.
    #[command(flatten)]
    pub selection: Selection,
}

/// `import`
#[derive(Clone, Debug, Subcommand)]
pub enum Import {
    /// Write a hydrant.yml that means what dehydrated's configuration means
    ///
    /// --config names dehydrated's configuration; without it, it is looked for where dehydrated looks. --hook, --challenge,
    /// --ca, and --domains are those of the command line that dehydrated is called with; the hook of a second pass is a
    /// second --hook. No certificate is issued and no hook called.
    ///
    /// What is written is tried out at once: nothing may be due that was not due before, no certificate may have other
    /// names, and the account must be the same. Else nothing is written, and what would change is listed.
    #[command(after_help = "Examples:
  hydrant import dehydrated                   look at it
  hydrant import dehydrated --config /etc/dehydrated/config --output /etc/hydrant/hydrant.yml
  hydrant import dehydrated --hook ./dns.sh --hook ./vault.sh   what two passes did, in one")]
    Dehydrated(ImportDehydrated),
}

/// `import dehydrated`
#[derive(Clone, Debug, Default, Args)]
pub struct ImportDehydrated {
    /// Where to write, a file that is not there yet [default: standard output]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write it although something would change
    #[arg(long, short = 'x')]
    pub force: bool,
}

/// `hook`
#[derive(Clone, Debug, Subcommand)]
pub enum Hook {
    /// Check a program against the contract of hooks, without a CA
    #[command(after_help = "Examples:
  hydrant hook test ./dns.sh --challenge dns-01 --domain test.example.org
  hydrant hook test ./nginx.sh --deliver")]
    Test(HookTest),
}

/// `hook test`
#[derive(Clone, Debug, Args)]
pub struct HookTest {
    /// The program
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Deploy and clean challenges for this name; a hook that changes a zone needs one of that zone
    #[arg(long, value_name = "NAME", default_value = "hydrant-hook-test.invalid")]
    pub domain: DnsName,
    /// Also give several challenges in one call to a hook that announces nothing (`chain: yes`)
    #[arg(long)]
    pub chain: bool,
    /// Also deliver a self-signed certificate: the hook may install it
    #[arg(long)]
    pub deliver: bool,
}

/// `completions`
#[derive(Clone, Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Clone, Debug, Default, Args)]
pub struct Man {
    /// The page of this command, as `account register`
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
}
