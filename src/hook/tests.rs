//! What `Hooks` promises, with real scripts.

mod batch;
mod failure;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::testing::Scripts;
use super::*;

/// Takes many certificates in one call; `$EACH` says what becomes of a triple (`$1 $2 $3`), `$LATE` what happens at the
/// end of a call.
const BATCH: &str = r#"#!/bin/sh
operation=$1
shift
case "$operation" in
this_hookscript_is_broken__*) echo '{"hydrant": 1, "challenges": "batch"}' ;;
deploy_challenge | clean_challenge)
    echo "$operation $(($# / 3)) $1 ${HYDRANT_CERTIFICATE:-batch}" >>"$LOG"
    index=0
    while [ $# -gt 0 ]; do
        outcome=done
        eval "$EACH"
        [ -n "$HYDRANT_RESULTS" ] && echo "{\"index\": $index, \"outcome\": \"$outcome\"}" >>"$HYDRANT_RESULTS"
        index=$((index + 1))
        shift 3
    done
    eval "$LATE"
    ;;
esac
"#;

/// Writes down its calls.
const OLD: &str = "#!/bin/sh\necho \"$*\" >>\"$LOG\"\n";

struct Rig {
    scripts: Scripts,
    lines: Rc<RefCell<Vec<String>>>,
    context: HookContext,
}

impl Rig {
    fn new() -> Self {
        let mut context = HookContext::new("https://ca.example/directory", Stop::never());
        context.grace = Duration::from_millis(100);
        Self { scripts: Scripts::new(), lines: Rc::default(), context }
    }

    /// Settings for a hook that logs to a file of its own name.
    fn hook(&self, name: &str, script: &str) -> HookSettings {
        let command = self.scripts.write(name, script);
        let log = self.scripts.path(&format!("{name}.log")).display().to_string();
        HookSettings {
            name: name.into(),
            command,
            operations: None,
            env: [("LOG".into(), log)].into(),
            secret_env: BTreeMap::new(),
            pass_env: Vec::new(),
            env_only: None,
            timeout: Duration::from_mins(1),
            retries: 0,
            chain: None,
        }
    }

    async fn start(&self, settings: Vec<HookSettings>) -> Result<Hooks, HookError> {
        let lines = Rc::clone(&self.lines);
        let sink = move |line: HookLine<'_>| {
            let certificate = line.certificate.unwrap_or("-");
            lines.borrow_mut().push(format!("{} {certificate}: {}", line.hook, line.text));
        };
        Hooks::start(settings, self.context.clone(), Rc::new(sink)).await
    }

    fn log(&self, name: &str) -> Vec<String> {
        self.scripts.lines(&format!("{name}.log"))
    }
}

/// A certificate `c7.example` with `names` names.
struct Certificate {
    name: CertName,
    names: Vec<Identifier>,
    answers: Vec<Answer>,
}

impl Certificate {
    fn new(number: usize, names: usize) -> Self {
        let names: Vec<Identifier> =
            (0..names).map(|name| format!("n{name}.c{number}.example").parse().unwrap()).collect();
        let answers = names.iter().map(|name| Answer {
            identifier: name.value(),
            token: "token".into(),
            value: "value".into(),
            wildcard: false,
            record: None,
        });
        Self { name: format!("c{number}").parse().unwrap(), answers: answers.collect(), names }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            name: &self.name,
            names: &self.names,
            challenge: "dns-01",
            key_algo: "prime256v1",
            key_rollover: false,
            ca: "https://ca.example/directory",
            attempt: 1,
            webroot: None,
            owner: None,
            hooks: None,
        }
    }

    fn files() -> CertificateFiles<'static> {
        CertificateFiles {
            key: Path::new("/c/privkey.pem"),
            cert: Path::new("/c/cert.pem"),
            fullchain: Path::new("/c/fullchain.pem"),
            chain: Path::new("/c/chain.pem"),
            csr: Path::new("/c/cert.csr"),
        }
    }
}

fn certificates(count: usize) -> Vec<Certificate> {
    (0..count).map(|number| Certificate::new(number, 1)).collect()
}

async fn deploy_all(hooks: &Hooks, certificates: &[Certificate]) -> Vec<Result<(), HookError>> {
    // As the runner does: all are announced before the first arrives.
    let approaching: Vec<_> = certificates.iter().map(|_| hooks.approach()).collect();
    let deploys = certificates.iter().zip(approaching).map(async |(certificate, approach)| {
        hooks.deploy_challenges(&certificate.facts(), &certificate.answers, approach).await
    });
    join_all(deploys).await
}

#[tokio::test]
async fn a_silent_hook_gets_dehydrateds_calls_in_dehydrateds_order() {
    let rig = Rig::new();
    let hooks = rig.start(vec![rig.hook("old", OLD)]).await.unwrap();
    let certificate = Certificate::new(1, 2);
    let (facts, files) = (certificate.facts(), Certificate::files());
    hooks.startup().await.unwrap();
    assert_eq!(hooks.generate_csr(&facts, Path::new("/c")).await.unwrap(), None);
    hooks.deploy_challenges(&facts, &certificate.answers, hooks.approach()).await.unwrap();
    hooks.clean_challenges(&facts, &certificate.answers).await.unwrap();
    hooks.invalid_challenge(&facts, &certificate.names[0], &json!({ "error": "no\0pe" })).await.unwrap();
    hooks.sync_cert(&facts, &files).await.unwrap();
    assert!(!hooks.deploy_cert("old", &facts, &files, 17).await.unwrap().verified);
    hooks.unchanged_cert("old", &facts, &files).await.unwrap();
    let failure = RequestFailure { status: 503, method: "head", body: "", headers: "Server: x" };
    hooks.request_failure(None, &failure).await.unwrap();
    hooks.exit(&[], None).await.unwrap();
    let expected = [
        "this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script",
        "startup_hook",
        "generate_csr n0.c1.example /c n0.c1.example n1.c1.example",
        "deploy_challenge n0.c1.example token value",
        "deploy_challenge n1.c1.example token value",
        "clean_challenge n0.c1.example token value",
        "clean_challenge n1.c1.example token value",
        "invalid_challenge n0.c1.example [\"error\"]\t\"no\\u0000pe\"",
        "sync_cert /c/privkey.pem /c/cert.pem /c/fullchain.pem /c/chain.pem /c/cert.csr",
        "deploy_cert n0.c1.example /c/privkey.pem /c/cert.pem /c/fullchain.pem /c/chain.pem 17",
        "unchanged_cert n0.c1.example /c/privkey.pem /c/cert.pem /c/fullchain.pem /c/chain.pem",
        "request_failure 503 Server: x head ",
        "exit_hook",
    ];
    assert_eq!(rig.log("old"), expected);
}

#[tokio::test]
async fn chain_yes_gives_a_silent_hook_all_names_of_a_certificate() {
    let rig = Rig::new();
    let chained = HookSettings { chain: Some(Chaining::Batch), ..rig.hook("old", OLD) };
    let hooks = rig.start(vec![chained]).await.unwrap();
    let certificate = Certificate::new(1, 2);
    deploy_all(&hooks, std::slice::from_ref(&certificate)).await.remove(0).unwrap();
    assert_eq!(rig.log("old")[1..], ["deploy_challenge n0.c1.example token value n1.c1.example token value"]);
}

#[tokio::test]
async fn a_call_carries_its_facts_in_the_environment() {
    let mut rig = Rig::new();
    rig.context.exports = [("BASEDIR".into(), "/base".into())].into();
    rig.context.dry_run = true;
    let script = "#!/bin/sh\nenv | grep -E '^(HYDRANT_|BASEDIR|alias|altnames|CHALL|KEY_|PRIV)' | sort\n";
    let hooks = rig.start(vec![rig.hook("facts", script)]).await.unwrap();
    rig.lines.borrow_mut().clear();
    let certificate = Certificate::new(1, 1);
    deploy_all(&hooks, std::slice::from_ref(&certificate)).await.remove(0).unwrap();
    let expected = [
        "BASEDIR=/base",
        "CHALLENGETYPE=dns-01",
        "HYDRANT_ATTEMPT=1",
        "HYDRANT_CA=https://ca.example/directory",
        "HYDRANT_CERTIFICATE=c1",
        "HYDRANT_CHALLENGE=dns-01",
        "HYDRANT_DRY_RUN=1",
        "HYDRANT_HOOK=facts",
        "HYDRANT_NAMES=n0.c1.example",
        "HYDRANT_PROTOCOL=1",
        "HYDRANT_RECORD_NAME=_acme-challenge.n0.c1.example",
        "HYDRANT_RECORD_NAMES=_acme-challenge.n0.c1.example",
        "KEY_ALGO=prime256v1",
        "PRIVATE_KEY_ROLLOVER=no",
        "alias=c1",
        "altnames=n0.c1.example",
    ];
    let mut lines = rig.lines.take();
    lines.sort();
    assert_eq!(lines, expected.map(|line| format!("facts c1: {line}")));
}

#[tokio::test]
async fn exit_code_75_is_tried_again() {
    let rig = Rig::new();
    let script =
        "#!/bin/sh\necho $1 >>\"$LOG\"\n[ $1 != deploy_cert ] || [ $(wc -l <\"$LOG\") -gt 2 ] || exit 75\n";
    let settings = HookSettings { retries: 1, ..rig.hook("later", script) };
    let without = HookSettings { retries: 0, ..rig.hook("once", script) };
    let hooks = rig.start(vec![settings, without]).await.unwrap();
    let certificate = Certificate::new(1, 1);
    let deliver = async |to| hooks.deploy_cert(to, &certificate.facts(), &Certificate::files(), 1).await;
    deliver("later").await.unwrap();
    assert_eq!(rig.log("later").len(), 3);
    let error = deliver("once").await.unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(error.to_string(), "hook `once` ended with exit code 75 at `deploy_cert`");
}

#[tokio::test]
async fn calls_of_one_hook_never_overlap() {
    let rig = Rig::new();
    let script = "#!/bin/sh\nmkdir \"$LOG.busy\" || exit 9\nsleep 0.02\nrmdir \"$LOG.busy\"\n";
    let hooks = rig.start(vec![rig.hook("alone", script)]).await.unwrap();
    let certificates = certificates(8);
    let deliveries = certificates.iter().map(async |certificate| {
        hooks.deploy_cert("alone", &certificate.facts(), &Certificate::files(), 1).await
    });
    for result in join_all(deliveries).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn a_hook_that_announces_parallel_runs_several_times_at_once() {
    let rig = Rig::new();
    // Each of the two waits until the other is there.
    let script = "#!/bin/sh\ncase $1 in this_*) echo '{\"hydrant\": 1, \"parallel\": true, \"verifies_delivery\": true}' ;;\n\
                  deploy_cert) : >\"$LOG.$2\"; while [ $(ls \"$LOG\".* | wc -l) -lt 2 ]; do sleep 0.01; done ;; esac\n";
    let hooks = rig.start(vec![rig.hook("both", script)]).await.unwrap();
    let certificates = certificates(2);
    let deliveries = certificates.iter().map(async |certificate| {
        hooks.deploy_cert("both", &certificate.facts(), &Certificate::files(), 1).await
    });
    for result in join_all(deliveries).await {
        assert!(result.unwrap().verified);
    }
}

#[tokio::test]
async fn only_what_is_wanted_is_called() {
    let rig = Rig::new();
    let script = format!(
        "{OLD}case $1 in this_*) echo '{{\"hydrant\": 1, \"operations\": [\"exit_hook\", \"startup_hook\", \"new_one\"]}}' ;; esac\n"
    );
    let settings = HookSettings {
        operations: Some(vec![Operation::ExitHook, Operation::DeployCert]),
        ..rig.hook("some", &script)
    };
    let hooks = rig.start(vec![settings]).await.unwrap();
    assert!(hooks.wants(Operation::ExitHook));
    assert!(!hooks.wants(Operation::StartupHook) && !hooks.wants(Operation::DeployCert));
    assert!(hooks.wanting_ever(Operation::DeployCert).is_empty());
    hooks.startup().await.unwrap();
    hooks.exit(&["a".parse().unwrap()], Some("")).await.unwrap();
    assert_eq!(rig.log("some")[1..], ["exit_hook "]);
}

#[tokio::test]
async fn exit_hook_is_told_of_more_names_than_a_variable_can_hold() {
    let rig = Rig::new();
    let script = "#!/bin/sh\n[ \"$1\" = exit_hook ] || exit 0\n\
                  echo \"${#HYDRANT_CHANGED} ${HYDRANT_CHANGED##* }\" >>\"$LOG\"\n\
                  [ -z \"$HYDRANT_CHANGED_FILE\" ] || sed -n '1p; $=' \"$HYDRANT_CHANGED_FILE\" >>\"$LOG\"\n";
    let hooks = rig.start(vec![rig.hook("told", script)]).await.unwrap();
    let names: Vec<CertName> =
        (0..10_000).map(|number| format!("customer-{number:05}.shops.example").parse().unwrap()).collect();
    hooks.exit(&names, None).await.unwrap();
    hooks.exit(&names[..2], None).await.unwrap();
    // 28 letters and a blank each; the last one has no blank.
    let (fit, first) = (100_001 / 29, "customer-00000.shops.example");
    let told = [
        format!("{} customer-{:05}.shops.example", fit * 29 - 1, fit - 1),
        first.to_owned(),
        "10000".to_owned(),
    ];
    assert_eq!(rig.log("told")[..3], told);
    assert_eq!(rig.log("told")[3..], ["57 customer-00001.shops.example"]);
}

#[tokio::test]
async fn what_a_silent_hook_prints_at_the_probe_is_passed_on() {
    let rig = Rig::new();
    rig.start(vec![rig.hook("talker", "#!/bin/sh\necho hello; echo there >&2\n")]).await.unwrap();
    let mut lines = rig.lines.take();
    lines.sort();
    assert_eq!(lines, ["talker -: hello", "talker -: there"]);
}

#[tokio::test]
async fn what_another_hook_is_given_does_not_leak() {
    let rig = Rig::new();
    let print = "#!/bin/sh\necho \"${SECRET-none}\"\n";
    let mut first = rig.hook("first", print);
    first.env = BTreeMap::from([("SECRET".into(), "hunter22".into())]);
    rig.context.redaction.hide("hunter22");
    rig.start(vec![first, rig.hook("second", print)]).await.unwrap();
    assert_eq!(rig.lines.take(), ["first -: [secret]", "second -: none"]);
}

#[tokio::test]
async fn a_csr_may_have_text_before_it_and_anything_else_is_none() {
    let rig = Rig::new();
    let csr =
        "Certificate Request:\n-----BEGIN CERTIFICATE REQUEST-----\nMII\n-----END CERTIFICATE REQUEST-----\n";
    let script = format!("#!/bin/sh\n[ $1 = generate_csr ] && printf '{csr}'\nexit 0\n");
    let talker = rig.hook("talker", "#!/bin/sh\necho no CSR today\n");
    let hooks = rig.start(vec![talker, rig.hook("csr", &script)]).await.unwrap();
    let certificate = Certificate::new(1, 1);
    let text = hooks.generate_csr(&certificate.facts(), Path::new("/c")).await.unwrap();
    assert_eq!(text.as_deref(), Some(csr));
}
