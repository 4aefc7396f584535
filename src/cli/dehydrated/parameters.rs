//! What a command can be told, by options or by dehydrated's `PARAM_*` variables.
#![expect(clippy::struct_excessive_bools, reason = "options are independent of each other")]

use std::ffi::OsString;

/// What a command was told. Values are as they were typed; nothing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// `--accept-terms`
    pub accept_terms: bool,
    /// `--acme-profile`
    pub acme_profile: Option<OsString>,
    /// `--algo`
    pub algo: Option<OsString>,
    /// `--alias`
    pub alias: Option<OsString>,
    /// `--alpn`
    pub alpn: Option<OsString>,
    /// `--ca`
    pub ca: Option<OsString>,
    /// `--challenge`
    pub challenge: Option<OsString>,
    /// `--cleanup` deletes, as `--cleanup-delete` does. Only the environment says so.
    pub cleanup_delete: bool,
    /// `--config`
    pub config: Option<OsString>,
    /// `--domain`: all values, separated by blanks.
    pub domain: Option<OsString>,
    /// `--domains-txt`
    pub domains_txt: Option<OsString>,
    /// `--force`
    pub force: bool,
    /// `--force-validation`
    pub force_validation: bool,
    /// `--full-chain`
    pub full_chain: bool,
    /// `--hook`
    pub hook: Option<OsString>,
    /// `--ipv4` is `4`, `--ipv6` is `6`.
    pub ip_version: Option<OsString>,
    /// `--keep-going` is `yes`.
    pub keep_going: Option<OsString>,
    /// `--lock-suffix`
    pub lock_suffix: Option<OsString>,
    /// `--no-lock`
    pub no_lock: bool,
    /// `--ocsp` is `yes`.
    pub ocsp_must_staple: Option<OsString>,
    /// `--order-timeout`
    pub order_timeout: Option<OsString>,
    /// `--out`
    pub out: Option<OsString>,
    /// `--preferred-chain`
    pub preferred_chain: Option<OsString>,
    /// `--privkey`
    pub privkey: Option<OsString>,
    /// `--validation-timeout`
    pub validation_timeout: Option<OsString>,
}

impl Parameters {
    /// What the environment says: dehydrated keeps its options in variables that it does not clear first, and people use
    /// that.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_set = |name: &str| value(name).is_some();
        let is_yes = |name: &str| value(name).is_some_and(|value| value == "yes");
        Self {
            accept_terms: is_yes("PARAM_ACCEPT_TERMS"),
            acme_profile: value("PARAM_ACME_PROFILE"),
            algo: value("PARAM_KEY_ALGO"),
            alias: value("PARAM_ALIAS"),
            alpn: value("PARAM_ALPNCERTDIR"),
            ca: value("PARAM_CA"),
            challenge: value("PARAM_CHALLENGETYPE"),
            cleanup_delete: is_yes("PARAM_CLEANUPDELETE"),
            config: value("CONFIG"),
            domain: value("PARAM_DOMAIN"),
            domains_txt: value("PARAM_DOMAINS_TXT"),
            // Anything but its default.
            force: value("PARAM_FORCE").is_some_and(|value| value != "no"),
            force_validation: is_yes("PARAM_FORCE_VALIDATION"),
            full_chain: is_set("PARAM_FULL_CHAIN"),
            hook: value("PARAM_HOOK"),
            ip_version: value("PARAM_IP_VERSION"),
            keep_going: value("PARAM_KEEP_GOING"),
            lock_suffix: value("PARAM_LOCKFILE_SUFFIX"),
            no_lock: is_set("PARAM_NO_LOCK"),
            ocsp_must_staple: value("PARAM_OCSP_MUST_STAPLE"),
            order_timeout: value("PARAM_ORDER_TIMEOUT"),
            out: value("PARAM_CERTDIR"),
            preferred_chain: value("PARAM_PREFERRED_CHAIN"),
            privkey: value("PARAM_ACCOUNT_KEY"),
            validation_timeout: value("PARAM_VALIDATION_TIMEOUT"),
        }
    }

    /// Whether nothing at all is to be done: scripts read dehydrated for its functions that way.
    #[must_use]
    pub fn is_noop(variable: impl Fn(&str) -> Option<OsString>) -> bool {
        variable("DEHYDRATED_NOOP").is_some_and(|value| value == "NOOP")
    }
}
