//! OCSP responses: asked for, checked, kept, given to hooks.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hydrant::config::Ocsp;
use hydrant::error::ExitCode;
use hydrant::hook::{HookSettings, Operation};
use hydrant::ocsp::{OcspError, Subject};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::support::{CertificateFacts, Engine, RECORD_HOOK, Rig, Test, openssl};

/// A CA made by openssl, with a certificate and what is needed to answer for it.
struct Authority {
    directory: TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self { directory: tempfile::tempdir().unwrap() };
        authority.write("leaf.ext", "authorityInfoAccess=OCSP;URI:http://ocsp.example/\n");
        authority.write("signer.ext", "extendedKeyUsage=OCSPSigning\n");
        authority.write("no.ext", "extendedKeyUsage=serverAuth\n");
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj /CN=Root -days 30",
        );
        for (name, serial, extensions) in
            [("leaf", "0x87654321", "leaf"), ("signer", "2", "signer"), ("stranger", "3", "no")]
        {
            authority.openssl(&format!(
                "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
            ));
            authority.openssl(&format!(
                "x509 -req -in {name}.csr -CA root.pem -CAkey root.key -set_serial {serial} -days 20 \
                 -extfile {extensions}.ext -out {name}.pem"
            ));
        }
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    #[track_caller]
    fn openssl(&self, arguments: &str) -> String {
        openssl(Command::new("openssl").args(arguments.split_whitespace()).current_dir(self.directory.path()))
    }

    fn subject(&self) -> Subject {
        Subject::of_chain(&(self.read("leaf.pem") + &self.read("root.pem"))).unwrap()
    }

    /// The answer of a responder that has this to say of the certificate, signed by `signer`.
    fn answer(&self, status: &str, signer: &str) -> Vec<u8> {
        let line = match status {
            "V" => "V\t400101000000Z\t\t87654321\tunknown\t/CN=leaf\n",
            "R" => "R\t400101000000Z\t260101000000Z\t87654321\tunknown\t/CN=leaf\n",
            _ => "",
        };
        self.write("index.txt", line);
        self.write("request.der", self.subject().request().unwrap());
        self.openssl(&format!(
            "ocsp -index index.txt -CA root.pem -rsigner {signer}.pem -rkey {signer}.key -reqin request.der \
             -respout response.der -ndays 1 -no_nonce"
        ));
        fs::read(self.path("response.der")).unwrap()
    }
}

#[test]
fn a_response_is_believed_that_the_issuer_or_whom_it_made_for_that_has_signed() {
    let authority = Authority::new();
    let subject = authority.subject();
    assert_eq!(subject.responder(), Some("http://ocsp.example/"));
    let now = OffsetDateTime::now_utc();
    for signer in ["root", "signer"] {
        let good = subject.check(&authority.answer("V", signer), now).unwrap();
        assert!((now - good.this_update).abs() < time::Duration::MINUTE, "{good:?}");
        assert_eq!(good.next_update.unwrap() - good.this_update, time::Duration::DAY);
    }
    let stranger = authority.answer("V", "stranger");
    assert_eq!(subject.check(&stranger, now), Err(OcspError::BadSignature));
}

#[test]
fn any_other_response_is_refused_with_the_reason() {
    let authority = Authority::new();
    let subject = authority.subject();
    let now = OffsetDateTime::now_utc();
    let good = authority.answer("V", "root");
    assert_eq!(subject.check(&authority.answer("R", "root"), now), Err(OcspError::Revoked));
    assert_eq!(subject.check(&authority.answer("", "root"), now), Err(OcspError::Unknown));
    for days in [-1, 2] {
        assert_eq!(subject.check(&good, now + time::Duration::days(days)), Err(OcspError::NotInForce));
    }
    let mut changed = good.clone();
    let last = changed.len() - 600;
    changed[last] ^= 1;
    subject.check(&changed, now).unwrap_err();
    subject.check(&good[..good.len() - 1], now).unwrap_err();
    subject.check(b"", now).unwrap_err();
    // OCSPResponse { tryLater }
    let refused = subject.check(&[0x30, 3, 0x0a, 1, 3], now).unwrap_err();
    assert_eq!(refused.to_string(), "the OCSP responder refuses to answer: TryLater");

    let other = Subject::of_chain(&(authority.read("signer.pem") + &authority.read("root.pem"))).unwrap();
    assert_eq!(other.check(&good, now), Err(OcspError::Other));
    assert_eq!(other.responder(), None);
    let alone = Subject::of_chain(&authority.read("leaf.pem")).unwrap_err();
    assert_eq!(alone, OcspError::Chain);
}

/// `openssl ocsp` as the responder of the rig's CA. Ends when dropped.
struct Responder(Child);

impl Responder {
    /// Knows the certificates in `index.txt`. It listens on every address: openssl takes a port alone.
    fn start(port: u16, directory: &Path) -> Self {
        let child = Command::new("openssl")
            .args(["ocsp", "-index", "index.txt", "-CA", "issuer.pem", "-rsigner", "issuer.pem"])
            .args(["-rkey", "issuer.key", "-ndays", "3", "-no_nonce", "-port", &port.to_string()])
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut responder = Self(child);
        // A connection that only looks whether it listens would keep it busy for good.
        let mut line = String::new();
        BufReader::new(responder.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ACCEPT"), "openssl ocsp says: {line}");
        responder
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn recorder(test: &Test, failing: bool) -> HookSettings {
    let mut env = std::collections::BTreeMap::new();
    env.insert("RECORD".to_owned(), test.path("record").display().to_string());
    env.insert("RECORD_ENVIRONMENT".to_owned(), "altnames".to_owned());
    if failing {
        env.insert("RECORD_EXIT_deploy_ocsp".to_owned(), "3".to_owned());
    }
    HookSettings {
        name: "recorder".to_owned(),
        command: RECORD_HOOK.into(),
        operations: Some(vec![Operation::DeployOcsp, Operation::UnchangedCert, Operation::DeployCert]),
        env,
        pass_env: Vec::new(),
        env_only: None,
        timeout: Duration::from_secs(30),
        retries: 0,
        chain: None,
    }
}

#[test]
fn a_response_is_kept_fresh_and_given_to_hooks() {
    let port = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid", "--ocsp", &port.to_string()]);
    let test = Test::new().rig(&rig).domains("a.example www.a.example\n");
    let mut engine = Engine::new(&test, &rig);
    let operations = |test: &Test| -> Vec<String> {
        let calls = test.calls("record").into_iter().map(|call| call.operation).collect();
        test.forget("record");
        calls
    };
    engine.config.hooks = vec![recorder(&test, false)];
    engine.config.certificates.base.hooks = vec!["recorder".to_owned()];
    engine.config.certificates.base.ocsp = Some(Ocsp { max_age: Duration::from_hours(120) });
    // Nobody listens: the certificate is in place, and the run says what is missing.
    assert_eq!(engine.run(false).unwrap(), ExitCode::Failed);
    assert_eq!(rig.certificates_issued(), 1);
    assert_eq!(operations(&test), ["probe", "deploy_cert"]);
    assert!(!test.path("certs/a.example/ocsp.der").exists());

    let serial = CertificateFacts::of(&test.path("certs/a.example/cert.pem")).serial;
    let line = |status: &str, revoked: &str| {
        format!("{status}\t400101000000Z\t{revoked}\t{serial}\tunknown\t/CN=a\n")
    };
    test.put("issuer.key", &rig.issuing_key());
    test.put("issuer.pem", &test.read("certs/a.example/chain.pem"));
    test.put("index.txt", &line("V", ""));
    let responder = Responder::start(port, &test.path(""));
    engine.config.hooks = vec![recorder(&test, true)];
    // A hook that fails is owed the response.
    assert_eq!(engine.run(false).unwrap(), ExitCode::Failed);
    assert_eq!(operations(&test), ["probe", "unchanged_cert", "deploy_ocsp"]);
    engine.config.hooks = vec![recorder(&test, false)];
    assert_eq!(engine.run(false).unwrap(), ExitCode::Success);
    let call = test.calls("record").pop().unwrap();
    let link = test.path("certs/a.example/ocsp.der");
    let file = fs::read_link(&link).unwrap().display().to_string();
    let timestamp = file.strip_prefix("ocsp-").unwrap().strip_suffix(".der").unwrap();
    assert_eq!(call.arguments, ["a.example", &link.display().to_string(), timestamp]);
    assert_eq!(call.environment["altnames"], "a.example www.a.example");
    assert_eq!(operations(&test), ["probe", "unchanged_cert", "deploy_ocsp"]);
    let dir = test.path("certs/a.example");
    let said = openssl(
        Command::new("openssl")
            .args([
                "ocsp",
                "-no_nonce",
                "-issuer",
                "chain.pem",
                "-verify_other",
                "chain.pem",
                "-cert",
                "cert.pem",
            ])
            .args(["-respin", "ocsp.der", "-CAfile"])
            .arg(rig.roots())
            .current_dir(&dir),
    );
    assert!(said.contains("cert.pem: good"), "{said}");

    // It is good and young: nobody is asked.
    drop(responder);
    assert_eq!(engine.run(false).unwrap(), ExitCode::Success);
    assert_eq!(operations(&test), ["probe", "unchanged_cert"]);
    // It is not young enough.
    engine.config.certificates.base.ocsp = Some(Ocsp { max_age: Duration::ZERO });
    assert_eq!(engine.run(false).unwrap(), ExitCode::Failed);
    assert_eq!(fs::read_link(&link).unwrap().display().to_string(), file, "the old one stays");
    // What a responder says of a revoked certificate is not kept.
    test.put("index.txt", &line("R", "260101000000Z"));
    let _responder = Responder::start(port, &test.path(""));
    assert_eq!(engine.run(false).unwrap(), ExitCode::Failed);
    assert_eq!(fs::read_link(&link).unwrap().display().to_string(), file);
}

#[test]
fn a_ca_without_responders_is_no_failure() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = Test::new().rig(&rig).domains("a.example\n");
    let mut engine = Engine::new(&test, &rig);
    engine.config.certificates.base.ocsp = Some(Ocsp { max_age: Duration::from_hours(120) });
    for _ in 0..2 {
        assert_eq!(engine.run(false).unwrap(), ExitCode::Success);
    }
    assert_eq!(rig.certificates_issued(), 1);
    assert!(!test.path("certs/a.example/ocsp.der").exists());
}
