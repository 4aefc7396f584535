//! The command line of `hydrant`: clap's types and the help texts, nothing else.
#![expect(clippy::doc_markdown, reason = "the comments are help texts, shown as they are")]
#![expect(clippy::struct_excessive_bools, reason = "flags are independent of each other")]

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::config::Pattern;
use crate::config::ca::Ca;
use crate::config::duration::Humane;
use crate::config::values::{ChallengeType, Contact, Count, Format, Listen, Proxy};
use crate::identifier::{CertName, DnsName};
use crate::key::KeyType;

/// A hook-driven ACME runner for people who keep thousands of TLS certificates
///
/// hydrant reads a list of certificates (domains.txt), asks an ACME CA for those that are missing or due, and calls hooks
/// to answer challenges and to deliver. It is driven by hydrant.yml, by HYDRANT_* variables, and by the flags below,
/// which come first.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "hydrant",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "`hydrant help COMMAND` has examples. `hydrant dehydrated --help`: the same by dehydrated's command line.",
    after_long_help = AFTER_HELP
)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub options: Options,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// The configuration file [default: hydrant.yml here, else /etc/hydrant/hydrant.yml]
    #[arg(long, short = 'f', global = true, value_name = "FILE", help_heading = FILES)]
    pub config: Option<PathBuf>,
    /// The directory below which everything is kept
    #[arg(long, global = true, value_name = "DIR", help_heading = FILES)]
    pub base_dir: Option<PathBuf>,
    /// The list of certificates; - is standard input
    #[arg(long, global = true, value_name = "FILE", help_heading = FILES)]
    pub domains: Option<PathBuf>,
    /// Where certificates and their keys are kept
    #[arg(long, global = true, value_name = "DIR", help_heading = FILES)]
    pub certs_dir: Option<PathBuf>,

    /// A CA known by name, or the URL of an ACME directory
    #[arg(long, global = true, value_name = "CA", help_heading = AUTHORITY)]
    pub ca: Option<Ca>,
    /// Use the CA's staging twin, and directories of their own for what it issues
    #[arg(long, global = true, help_heading = AUTHORITY)]
    pub staging: bool,
    /// A PEM file with roots that the CA's own TLS certificate may chain to; may be repeated
    #[arg(long, global = true, value_name = "FILE", help_heading = AUTHORITY)]
    pub ca_roots: Vec<PathBuf>,
    /// Do not verify the CA's TLS certificate
    #[arg(long, global = true, help_heading = AUTHORITY)]
    pub insecure: bool,
    /// Agree to the CA's terms of service, so that an account can be registered
    #[arg(long, global = true, help_heading = AUTHORITY)]
    pub accept_terms: bool,
    /// An e-mail address the CA may write to; may be repeated
    #[arg(long, global = true, value_name = "EMAIL", help_heading = AUTHORITY)]
    pub contact: Vec<Contact>,
    /// An existing account key: PEM, or certbot's private_key.json
    #[arg(long, global = true, value_name = "FILE", help_heading = AUTHORITY)]
    pub account_key: Option<PathBuf>,
    /// The key identifier of an external account
    #[arg(long, global = true, value_name = "KID", help_heading = AUTHORITY)]
    pub eab_kid: Option<String>,
    /// The file that holds the external account's MAC key
    #[arg(long, global = true, value_name = "FILE", help_heading = AUTHORITY)]
    pub eab_hmac_key_file: Option<PathBuf>,
    /// Speak only IPv4 to the CA
    #[arg(long, short = '4', global = true, conflicts_with = "ipv6", help_heading = AUTHORITY)]
    pub ipv4: bool,
    /// Speak only IPv6 to the CA
    #[arg(long, short = '6', global = true, help_heading = AUTHORITY)]
    pub ipv6: bool,
    /// The proxy to the CA: a URL, or none
    #[arg(long, global = true, value_name = "URL", help_heading = AUTHORITY)]
    pub proxy: Option<Proxy>,

    /// A program that answers challenges or delivers, or the name of one in hydrant.yml; may be repeated
    #[arg(long, short = 'k', global = true, value_name = "HOOK", help_heading = CERTIFICATES)]
    pub hook: Vec<String>,
    /// How names are proved: http-01, dns-01, or tls-alpn-01
    #[arg(long, short = 't', global = true, value_name = "TYPE", help_heading = CERTIFICATES)]
    pub challenge: Option<ChallengeType>,
    /// The directory a web server hands out as /.well-known/acme-challenge/
    #[arg(long, global = true, value_name = "DIR", help_heading = CERTIFICATES)]
    pub webroot: Option<PathBuf>,
    /// Answer http-01 ourselves at this address, such as [::]:80
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = CERTIFICATES)]
    pub http_listen: Option<Listen>,
    /// Answer tls-alpn-01 ourselves at this address, such as [::]:443
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = CERTIFICATES)]
    pub tls_alpn_listen: Option<Listen>,
    /// The type of keys: p256, p384, p521, rsa2048, rsa3072, rsa4096, or rsa8192
    #[arg(long, global = true, value_name = "TYPE", help_heading = CERTIFICATES)]
    pub key_type: Option<KeyType>,
    /// Keep a certificate's key when it is renewed
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", help_heading = CERTIFICATES)]
    pub reuse_key: Option<bool>,
    /// The certificate profile to ask for
    #[arg(long, global = true, value_name = "NAME", help_heading = CERTIFICATES)]
    pub profile: Option<String>,
    /// Prefer the chain that ends at an issuer with this common name
    #[arg(long, global = true, value_name = "NAME", help_heading = CERTIFICATES)]
    pub preferred_chain: Option<String>,
    /// Renew this long before the end, such as 30d
    #[arg(long, global = true, value_name = "DURATION", help_heading = CERTIFICATES)]
    pub renew_before: Option<Humane>,
    /// How many certificates are in work at once
    #[arg(long, short = 'j', global = true, value_name = "N", help_heading = CERTIFICATES)]
    pub jobs: Option<Count>,

    /// What facts are printed as: text or json
    #[arg(long, global = true, value_name = "FORMAT", help_heading = OUTPUT)]
    pub format: Option<Format>,
    /// Say more; twice shows requests and answers
    #[arg(long, short = 'v', global = true, action = ArgAction::Count, help_heading = OUTPUT)]
    pub verbose: u8,
    /// Say only what went wrong
    #[arg(long, short = 'q', global = true, conflicts_with = "verbose", help_heading = OUTPUT)]
    pub quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, help_heading = OUTPUT)]
    pub color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// Always
    Always,
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Never
    Never,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Issue what is missing, renew what is due, deliver what is owed
    #[command(after_help = "Examples:
  hydrant run                                 the job, as cron or CI calls it
  hydrant run --dry-run                       try it against the CA's staging twin; nothing is stored
  hydrant run --only www.example.org --force  renew one certificate now
  hydrant run --hook ./dns.sh --challenge dns-01 --accept-terms")]
    Run(Run),
    /// Say what a run would do, and why
    #[command(after_help = "Examples:
  hydrant plan
  hydrant plan --detailed-exitcode || notify  3 when there are changes to make")]
    Plan(Plan),
    /// Check the configuration and the list of certificates, without network
    #[command(after_help = "Examples:
  hydrant lint --deny-warnings                in CI, before a change is merged
  hydrant lint --domains new.txt
  hydrant lint --list                         the rules")]
    Lint(Lint),
    /// Show what is stored, until when it is valid, and what is owed
    #[command(after_help = "Examples:
  hydrant status
  hydrant status '*.example.org' --format json")]
    Status(Status),
    /// Issue one certificate for names on the command line
    #[command(after_help = "Examples:
  hydrant issue example.org www.example.org
  hydrant issue '*.example.org' --alias star.example.org --challenge dns-01 --hook ./dns.sh")]
    Issue(Issue),
    /// Have a certificate signing request signed, and print the chain
    #[command(after_help = "Examples:
  hydrant sign-csr request.pem > chain.pem
  openssl req -new -key key.pem -config req.cnf | hydrant sign-csr - > chain.pem")]
    SignCsr(SignCsr),
    /// Revoke a certificate
    #[command(after_help = "Examples:
  hydrant revoke www.example.org --reason superseded
  hydrant revoke cert.pem --key privkey.pem --reason key-compromise   without an account")]
    Revoke(Revoke),
    /// Register, show or change the account at the CA
    #[command(subcommand)]
    Account(Account),
    /// Make the deliveries that are still owed, and issue nothing
    #[command(after_help = "Example:
  hydrant deliver --only www.example.org --hook ./nginx.sh")]
    Deliver(Deliver),
    /// Move superseded files of certificates to an archive
    #[command(after_help = "Example:
  hydrant cleanup --delete")]
    Cleanup(Cleanup),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(Config),
    /// Work on hooks
    #[command(subcommand)]
    Hook(Hook),
    /// Go on with what another program keeps
    #[command(subcommand)]
    Import(Import),
    /// Print the completions for a shell
    #[command(after_help = "Example:
  hydrant completions bash > /etc/bash_completion.d/hydrant")]
    Completions(Completions),
    /// Print the manual page
    #[command(after_help = "Examples:
  hydrant man > hydrant.1
  hydrant man run > hydrant-run.1")]
    Man(Man),
}

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
    /// Print the rules
    #[arg(long)]
    pub list: bool,
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

/// `sign-csr`
#[derive(Clone, Debug, Default, Args)]
pub struct SignCsr {
    /// The request as PEM; - is standard input
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
    /// The page of this command
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

const FILES: &str = "Files";
const AUTHORITY: &str = "Certification authority";
const CERTIFICATES: &str = "Certificates";
const OUTPUT: &str = "Output";

const AFTER_HELP: &str = "\
Every setting of hydrant.yml is also an environment variable: `jobs` is HYDRANT_JOBS. Flags come before the environment, \
that before settings of a certificate, those before the file's other settings. `hydrant config show` prints the result.

Exit codes:
    0  everything is as declared: issued, delivered, clean
    1  a certificate was not issued, delivered or cleaned up, or waits for its next try
    2  usage or configuration is wrong, or the list has no valid line: nothing was done;
       lint: an error was found (with --deny-warnings: or a warning)
    3  plan --detailed-exitcode: there are changes to make
    4  as 1, and a certificate will expire, or has, before hydrant is likely to mend it
    5  only the CA's limits hold something back, and nothing is in danger
   75  the CA or the network could not be reached at all: try again
  129  hung up (SIGHUP), after cleaning up
  130  interrupted (SIGINT), after cleaning up
  143  terminated (SIGTERM), after cleaning up

In dehydrated's place: called as `dehydrated` (by a link), or as `hydrant dehydrated`, it takes dehydrated's command line, \
its config and its hooks, and works on its files. `hydrant dehydrated --help` lists its commands.

Examples:
  hydrant run --accept-terms --challenge dns-01 --hook ./dns.sh
  hydrant plan
  hydrant lint --deny-warnings
  hydrant status --format json";

#[cfg(test)]
mod tests;
