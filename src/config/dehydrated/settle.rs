//! From dehydrated's variables to a [`Config`], and what is wrong with them in dehydrated's words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::variables::RENEW_DAYS;
use super::{Typed, Variables};
use crate::cli::dehydrated::Command;
use crate::config::account::HmacKey;
use crate::config::propagation::PROPAGATION_TIMEOUT;
use crate::config::setting::Setting as _;
use crate::config::values::Contact;
use crate::config::{
    AccountSettings, AutoCleanup, Ca, CertificateSettings, ChallengeType, Config, DomainsSource, ExitCodes,
    ExternalAccount, HookSequence, IpVersion, MacAlgorithm, Ocsp, OnFailure, Propagation, Renewal,
};
use crate::hook::{Chaining, HookSettings, Operation};
use crate::key::{KeyType, Secret};

/// What dehydrated checks before it starts, and again for every certificate with settings of its own.
pub(super) fn verify(variables: &Variables, command: &Command) -> Result<(), String> {
    let text = |name: &str| variables.text(name);
    let is_one_of = |name: &str, all: &[&str]| all.iter().any(|one| variables.value(name) == *one);
    if !ChallengeType::WORDS.contains(&variables.text("CHALLENGETYPE").as_str()) {
        return Err(format!("Unknown challenge type {}... cannot continue.", text("CHALLENGETYPE")));
    }
    if matches!(command, Command::Cron | Command::SignCsr(_)) {
        if variables.value("CHALLENGETYPE") == "dns-01" && variables.is_empty("HOOK") {
            return Err(
                "Challenge type dns-01 needs a hook script for deployment... cannot continue.".to_owned()
            );
        }
        if variables.value("CHALLENGETYPE") == "http-01" && !variables.path("WELLKNOWN").is_dir() {
            return Err(format!(
                "WELLKNOWN directory doesn't exist, please create {} and set appropriate permissions.",
                text("WELLKNOWN")
            ));
        }
    }
    if !is_one_of("KEY_ALGO", &ALGORITHMS) {
        return Err(format!("Unknown public key algorithm {}... cannot continue.", text("KEY_ALGO")));
    }
    if !is_one_of("IP_VERSION", &["", "4", "6"]) {
        return Err(format!("Unknown IP version {}... cannot continue.", text("IP_VERSION")));
    }
    if !is_one_of("API", &["auto", "1", "2"]) {
        return Err(format!("Unsupported API version defined in config: {}", text("API")));
    }
    for name in ["OCSP_DAYS", "ORDER_TIMEOUT", "VALIDATION_TIMEOUT"] {
        number(variables, name)?;
    }
    Ok(())
}

/// What is odd about them, a line each.
pub(super) fn warnings(variables: &Variables) -> Vec<String> {
    let mut warnings = Vec::new();
    if variables.value("API") == "1" {
        warnings.push("API=1: the first version of the protocol is gone; version 2 is spoken".to_owned());
    }
    if days(variables).is_none() {
        let text = variables.text("RENEW_DAYS");
        warnings.push(format!("RENEW_DAYS: `{text}` is no number, so that every certificate is renewed"));
    }
    warnings
}

/// All but hooks, environment and network.
pub(super) fn config(variables: &Variables, typed: &Typed) -> Result<Config, String> {
    let parameters = &typed.parameters;
    let path = |name: &str| variables.path(name);
    let mut config = Config::in_directory(&path("BASEDIR"));
    config.certs_dir = path("CERTDIR");
    config.accounts_dir = path("ACCOUNTDIR");
    config.alpn_dir = path("ALPNCERTDIR");
    config.domains = match &parameters.domain {
        None => DomainsSource::Path(path("DOMAINS_TXT")),
        Some(names) => {
            let mut line = names.to_string_lossy().into_owned();
            if let Some(alias) = &parameters.alias {
                line.push_str(&format!(" > {}", alias.to_string_lossy()));
            }
            DomainsSource::Text(line)
        }
    };
    config.config_path = Some(path("CONFIG")).filter(|path| !path.as_os_str().is_empty());
    config.network.family = match variables.text("IP_VERSION").as_str() {
        "4" => Some(IpVersion::V4),
        "6" => Some(IpVersion::V6),
        _ => None,
    };
    config.account = account(variables, typed)?;
    config.hook_sequence = HookSequence::Overlapping;
    config.on_failure = on_failure(variables);
    config.backoff = false;
    config.lock = Some(path("LOCKFILE")).filter(|path| !path.as_os_str().is_empty());
    config.exit_codes = ExitCodes::Dehydrated;
    config.withhold_secrets = false;
    config.auto_cleanup = match (variables.is_yes("AUTO_CLEANUP"), variables.is_yes("AUTO_CLEANUP_DELETE")) {
        (false, _) => AutoCleanup::No,
        (true, false) => AutoCleanup::Archive,
        (true, true) => AutoCleanup::Delete,
    };
    config.certificates.base = certificate(variables)?;
    config.renewal = match config.certificates.base.renew_days {
        Some(_) => Renewal::Days,
        None => Renewal::Window,
    };
    Ok(config)
}

/// What holds for a certificate with these variables; its hooks are left out.
pub(super) fn certificate(variables: &Variables) -> Result<CertificateSettings, String> {
    let some = |name: &str| variables.some_text(name);
    Ok(CertificateSettings {
        ca: variables.text("CA").parse::<Ca>().map_err(|error| error.to_string())?,
        key_type: key_type(variables, "KEY_ALGO", "KEYSIZE")?,
        reuse_key: !variables.is_yes("PRIVATE_KEY_RENEW"),
        key_rollover: variables.is_yes("PRIVATE_KEY_ROLLOVER"),
        must_staple: variables.is_yes("OCSP_MUST_STAPLE"),
        profile: some("ACME_PROFILE"),
        challenge: variables
            .text("CHALLENGETYPE")
            .parse::<ChallengeType>()
            .map_err(|error| error.to_string())?,
        propagation: Propagation::No,
        propagation_timeout: PROPAGATION_TIMEOUT,
        hooks: Vec::new(),
        preferred_chain: some("PREFERRED_CHAIN"),
        renew_before: None,
        renew_days: Some(days(variables).unwrap_or(i64::MAX))
            .filter(|_| variables.value("RENEW_DAYS") != RENEW_DAYS),
        ocsp: if variables.is_yes("OCSP_FETCH") {
            let days = number(variables, "OCSP_DAYS")?;
            Some(Ocsp { max_age: Duration::from_secs(days.saturating_mul(24 * 60 * 60)) })
        } else {
            None
        },
        on_failure: Some(on_failure(variables)),
        owner: None,
        webroot: Some(variables.path("WELLKNOWN")),
        http_listen: None,
        tls_alpn_listen: None,
        order_timeout: timeout(variables, "ORDER_TIMEOUT")?,
        validation_timeout: timeout(variables, "VALIDATION_TIMEOUT")?,
    })
}

/// A hook as dehydrated calls it: as long as it takes, and once.
pub(super) fn hook(name: &str, command: PathBuf, chain: bool) -> HookSettings {
    HookSettings {
        name: name.to_owned(),
        command,
        operations: None,
        env: BTreeMap::new(),
        secret_env: BTreeMap::new(),
        pass_env: Vec::new(),
        env_only: None,
        timeout: UNLIMITED,
        retries: 0,
        chain: chain.then_some(Chaining::Certificate),
    }
}

fn account(variables: &Variables, typed: &Typed) -> Result<AccountSettings, String> {
    let parameters = &typed.parameters;
    let external_account = match (variables.some_text("EAB_KID"), variables.some_text("EAB_HMAC_KEY")) {
        (Some(kid), Some(key)) => Some(ExternalAccount {
            kid,
            key: HmacKey::Given(Secret::new(key)),
            algorithm: MacAlgorithm::Hs256,
        }),
        _ => None,
    };
    let contact = variables.some_text("CONTACT_EMAIL").map(|address| Contact::read(&address));
    let contact = contact.transpose().map_err(|error| format!("CONTACT_EMAIL: {error}"))?;
    Ok(AccountSettings {
        // To register one's own key is to agree, without a question (contract 1.2).
        accept_terms: parameters.accept_terms
            || typed.command == Command::Register && parameters.privkey.is_some(),
        contacts: contact.iter().map(Contact::url).collect(),
        external_account,
        key_file: parameters.privkey.as_ref().map(PathBuf::from),
        stays_with_key: parameters.privkey.is_some(),
        key_type: key_type(variables, "ACCOUNT_KEY_ALGO", "ACCOUNT_KEYSIZE")?,
    })
}

fn key_type(variables: &Variables, algorithm: &str, size: &str) -> Result<KeyType, String> {
    let text = variables.text(algorithm);
    if text == "rsa" {
        let bits = number(variables, size)?;
        return usize::try_from(bits).map(KeyType::rsa).map_err(|_| format!("{size} must be a number"));
    }
    let known = ALGORITHMS.contains(&text.as_str());
    let kind = text.parse().ok().filter(|_| known);
    kind.ok_or_else(|| format!("{algorithm}: unknown key algorithm {text}"))
}

fn on_failure(variables: &Variables) -> OnFailure {
    if variables.is_yes("KEEP_GOING") { OnFailure::GoOn } else { OnFailure::Stop }
}

fn timeout(variables: &Variables, name: &str) -> Result<Duration, String> {
    match number(variables, name)? {
        0 => Ok(UNLIMITED),
        seconds => Ok(Duration::from_secs(seconds).min(UNLIMITED)),
    }
}

/// Digits alone, however many.
fn number(variables: &Variables, name: &str) -> Result<u64, String> {
    let text = variables.text(name);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{name} must be a number"));
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// `RENEW_DAYS` as bash counts: nothing is 0, and what begins with 0 is octal. `None` where bash would stumble, which
/// dehydrated takes for a certificate that is due.
fn days(variables: &Variables) -> Option<i64> {
    let text = variables.text("RENEW_DAYS");
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits.trim_start()),
        None => (false, text.strip_prefix('+').map_or(text, str::trim_start)),
    };
    let days = match digits {
        "" if text.is_empty() => 0,
        digits if digits.starts_with("0x") => i64::from_str_radix(&digits[2..], 16).ok()?,
        digits if digits.starts_with(['+', '-']) => return None,
        digits if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
        digits => digits.parse().ok()?,
    };
    Some(if negative { -days } else { days })
}

const ALGORITHMS: [&str; 4] = ["rsa", "prime256v1", "secp384r1", "secp521r1"];

/// What concerns a certificate and not the run.
pub(super) const OF_CERTIFICATES: [Operation; 9] = [
    Operation::GenerateCsr,
    Operation::DeployChallenge,
    Operation::CleanChallenge,
    Operation::InvalidChallenge,
    Operation::SyncCert,
    Operation::DeployCert,
    Operation::DeployOcsp,
    Operation::UnchangedCert,
    Operation::RequestFailure,
];

/// dehydrated waits for ever; nothing that cron starts every day waits longer than this.
const UNLIMITED: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_bash_counts() {
        let days = |text: &str| {
            let mut variables = Variables::default();
            variables.set("RENEW_DAYS", text);
            days(&variables)
        };
        assert_eq!(days(""), Some(0));
        assert_eq!(days(" 30 "), Some(30));
        assert_eq!(days("-7"), Some(-7));
        assert_eq!(days("+7"), Some(7));
        assert_eq!(days("010"), Some(8));
        assert_eq!(days("0x10"), Some(16));
        assert_eq!(days("09"), None);
        assert_eq!(days("soon"), None);
        assert_eq!(days("3 days"), None);
        assert_eq!(days("-"), None);
    }
}
