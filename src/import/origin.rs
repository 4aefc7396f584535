//! Which variable of dehydrated a setting comes from.

/// The settings and the variables they come from.
pub(super) const ORIGINS: [(&str, &[&str]); 28] = [
    ("ca", &["CA"]),
    ("staging", &["CA"]),
    ("ca_roots", &["CURL_OPTS"]),
    ("ca_roots_only", &["CURL_OPTS"]),
    ("insecure", &["CURL_OPTS"]),
    ("contacts", &["CONTACT_EMAIL"]),
    ("external_account", &["EAB_KID", "EAB_HMAC_KEY"]),
    ("account_key_type", &["ACCOUNT_KEY_ALGO", "ACCOUNT_KEYSIZE"]),
    ("base_dir", &["BASEDIR"]),
    ("domains", &["DOMAINS_TXT"]),
    ("certs_dir", &["CERTDIR"]),
    ("accounts_dir", &["ACCOUNTDIR"]),
    ("alpn_dir", &["ALPNCERTDIR"]),
    ("challenge", &["CHALLENGETYPE"]),
    ("webroot", &["WELLKNOWN"]),
    ("hooks", &["HOOK", "HOOK_CHAIN"]),
    ("key_type", &["KEY_ALGO", "KEYSIZE"]),
    ("reuse_key", &["PRIVATE_KEY_RENEW"]),
    ("key_rollover", &["PRIVATE_KEY_ROLLOVER"]),
    ("must_staple", &["OCSP_MUST_STAPLE"]),
    ("profile", &["ACME_PROFILE"]),
    ("preferred_chain", &["PREFERRED_CHAIN"]),
    ("renew_before", &["RENEW_DAYS"]),
    ("order_timeout", &["ORDER_TIMEOUT"]),
    ("validation_timeout", &["VALIDATION_TIMEOUT"]),
    ("ip_version", &["IP_VERSION", "CURL_OPTS"]),
    ("proxy", &["CURL_OPTS"]),
    ("auto_cleanup", &["AUTO_CLEANUP", "AUTO_CLEANUP_DELETE"]),
];

pub(super) const OF_THE_SHELL: [&str; 5] = ["_", "BASHPID", "OLDPWD", "PWD", "SHLVL"];
