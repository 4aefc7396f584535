//! The command line of `hydrant`: clap's types and the help texts, nothing else.
#![expect(clippy::doc_markdown, reason = "the comments are help texts, shown as they are")]
#![expect(clippy::struct_excessive_bools, reason = "flags are independent of each other")]

mod export;
mod subcommand;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::config::StoreKind;
use crate::config::ca::Ca;
use crate::config::duration::Humane;
use crate::config::values::{ChallengeType, Contact, Count, Format, Listen, Proxy};
use crate::key::KeyType;
pub use export::{Export, ExportVaultPolicy};
pub use subcommand::{
    Account, Cleanup, Completions, Config, Deliver, Dns, DnsGc, DnsPersist, Hook, HookTest, Import,
    ImportDehydrated, Issue, Lint, Man, Place, Plan, Reason, Renew, Revoke, Run, Selection, SignCsr, Status,
    Vend, Vended,
};

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

impl Arguments {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// clap's, which also stand for what was asked of clap itself, as `--help`.
    pub fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        // What cron and CI call is read without the definitions of all other commands, and without a copy of each flag
        // that may stand anywhere in each of them: they cost more than the reading. What cannot be read so is read, and
        // explained, with all of them.
        let typed = words.iter().skip(1).find_map(|word| DAILY.iter().find(|(name, _)| word == name));
        if let Some((name, define)) = typed {
            let typed = define(clap::Command::new(name));
            let small = Options::augment_args(clap::Command::new("hydrant")).subcommand(typed);
            let read = small.try_get_matches_from(words).and_then(|matches| Self::from_arg_matches(&matches));
            if read.is_ok() {
                return read;
            }
        }
        Self::try_parse_from(words)
    }
}

/// Gives a command its arguments.
type Define = fn(clap::Command) -> clap::Command;

/// The commands that are called again and again.
const DAILY: [(&str, Define); 5] = [
    ("run", Run::augment_args),
    ("plan", Plan::augment_args),
    ("status", Status::augment_args),
    ("vend", Vend::augment_args),
    ("renew", Renew::augment_args),
];

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
    /// What keeps certificates, accounts and state: files, or vault
    #[arg(long, global = true, value_name = "STORE", help_heading = FILES)]
    pub store: Option<StoreKind>,
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
    /// How names are proved: http-01, dns-01, tls-alpn-01, dns-account-01, or dns-persist-01
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
    /// Check the configuration and the list of certificates; without network, unless --online
    #[command(after_help = "Examples:
  hydrant lint --deny-warnings                in CI, before a change is merged
  hydrant lint --domains new.txt
  hydrant lint --online                       also what Vault and the CA have to say
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
    /// See to it that a certificate is in Vault, in lecertvend's layout
    #[command(
        after_help = "What it needs to know is in the secret `lecertvend` at the prefix, or one folder above; \
`hydrant lecertvend -help` lists its fields.

Example:
  hydrant vend --prefix lecertvend/team/example.com --secret myapp --names myapp,www.myapp"
    )]
    Vend(Vend),
    /// Renew what is due of the certificates in Vault, in lecertvend's layout
    #[command(after_help = "Examples:
  hydrant renew --prefix lecertvend/team
  hydrant renew --prefix lecertvend/team/example.com --min-days 28")]
    Renew(Renew),
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
    /// Look after the records that prove names
    #[command(subcommand)]
    Dns(Dns),
    /// Print what other systems need to know
    #[command(subcommand)]
    Export(Export),
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
   75  the CA, Vault or the network could not be reached at all: try again
  129  hung up (SIGHUP), after cleaning up
  130  interrupted (SIGINT), after cleaning up
  143  terminated (SIGTERM), after cleaning up

In dehydrated's place: called as `dehydrated` (by a link), or as `hydrant dehydrated`, it takes dehydrated's command line, \
its config and its hooks, and works on its files. `hydrant dehydrated --help` lists its commands. Called as `lecertvend`, or as `hydrant lecertvend`, it takes lecertvend's.

Examples:
  hydrant run --accept-terms --challenge dns-01 --hook ./dns.sh
  hydrant plan
  hydrant lint --deny-warnings
  hydrant status --format json";

#[cfg(test)]
mod tests;
