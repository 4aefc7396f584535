//! The help text, in dehydrated's form.

/// The help; `program` is what the person typed to get here.
#[must_use]
pub fn help(program: &str) -> String {
    let mut text = format!(
        "Usage: {program} [-h] [command [argument]] [parameter [argument]] [parameter [argument]] ...\n\n\
         Default command: help\n\nCommands:\n"
    );
    let rows = |text: &mut String, rows: &[(&str, &str)]| {
        for (usage, what) in rows {
            text.push_str(&format!(" {usage:<32} {what}\n"));
        }
    };
    rows(&mut text, &COMMANDS);
    text.push_str("\nParameters:\n");
    rows(&mut text, &PARAMETERS);
    text
}

const COMMANDS: [(&str, &str); 12] = [
    ("--version (-v)", "Print versions"),
    ("--display-terms", "Print the URL of the CA's terms of service"),
    ("--register", "Make an account key and register it"),
    ("--account", "Send the contact address of the configuration to the CA"),
    ("--cron (-c)", "Issue what is missing, renew what is due"),
    ("--signcsr (-s) path/to/csr.pem", "Have a certificate signing request signed, print the certificate"),
    ("--revoke (-r) path/to/cert.pem", "Revoke a certificate"),
    ("--deactivate", "Deactivate the account"),
    ("--cleanup (-gc)", "Move superseded files to the archive directory"),
    ("--cleanup-delete (-gcd)", "Delete superseded files"),
    ("--help (-h)", "Print this text"),
    ("--env (-e)", "Print the configuration for use in scripts"),
];

const PARAMETERS: [(&str, &str); 25] = [
    ("--accept-terms", "Agree to the CA's terms of service"),
    ("--full-chain (-fc)", "With --signcsr, print the issuer's certificate as well"),
    ("--ipv4 (-4)", "Speak only IPv4 to the CA"),
    ("--ipv6 (-6)", "Speak only IPv6 to the CA"),
    ("--domain (-d) domain.tld", "These names, as one certificate, in place of domains.txt; may be repeated"),
    ("--ca url/preset", "The CA: its directory URL, or a name such as letsencrypt-test"),
    ("--alias certalias", "With --domain, the directory to keep the certificate in"),
    ("--keep-going (-g)", "Go on with the next certificate when one fails"),
    ("--force (-x)", "Renew what is not due as well"),
    ("--force-validation", "With --force, have the names validated again"),
    ("--no-lock (-n)", "Take no lock file; two runs at once may get in each other's way"),
    ("--lock-suffix example.com", "Append this to the name of the lock file"),
    ("--ocsp", "Ask for certificates that demand OCSP stapling"),
    ("--privkey (-p) path/to/key.pem", "Use this account key"),
    ("--domains-txt path/to/domains.txt", "Use this list of certificates"),
    ("--config (-f) path/to/config", "Use this configuration file"),
    ("--hook (-k) path/to/hook.sh", "Use this hook"),
    ("--preferred-chain issuer-cn", "Prefer the chain whose last certificate has this issuer"),
    ("--out (-o) certs/directory", "Keep certificates in this directory"),
    ("--alpn alpn-certs/directory", "Put the certificates that answer tls-alpn-01 into this directory"),
    ("--challenge (-t) http-01|dns-01|tls-alpn-01", "How names are proved"),
    ("--algo (-a) rsa|prime256v1|secp384r1", "The type of keys"),
    ("--acme-profile profile_name", "The certificate profile to ask for"),
    ("--order-timeout seconds", "How long to wait for the CA to issue"),
    ("--validation-timeout seconds", "How long to wait for the CA to validate names"),
];
