//! The tests trust the rig; here it is held to what it promises.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::{CertificateFacts, Output, Rig, Test, assert_good_pair, dehydrated, rig_hook};

/// Asks for the directory of the CA as a stranger's client would; gives curl's exit code and what it printed.
fn ask(rig: &Rig, options: &[&str]) -> Output {
    let arguments = [
        &[
            "--silent",
            "--noproxy",
            "*",
            "--max-time",
            "10",
            "--cacert",
            &rig.environment()["HYDRANT_CA_ROOTS"],
        ],
        options,
        &[rig.ca()],
    ];
    Test::new().rig(rig).program("curl", &arguments.concat())
}

const STATUS: [&str; 4] = ["--output", "/dev/null", "--write-out", "%{http_code}"];

#[test]
fn serves_a_directory() {
    let rig = Rig::start();
    let directory = ask(&rig, &[]).code(0).json();
    assert_eq!(directory["newOrder"], rig.ca().replace("/dir", "/order-plz"));
    assert_eq!(directory["meta"]["profiles"], json!({ "default": "default certificates" }));
    assert_eq!(rig.requests_at_ca(), ["GET /dir"]);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (0, 0));
}

#[test]
fn offers_the_profiles_and_external_accounts_it_is_told_to() {
    let rig = Rig::with(&[
        "--profile",
        "classic=7776000",
        "--profile",
        "short=518400",
        "--eab",
        "kid=c2VjcmV0",
        "--alternate-roots",
        "1",
    ]);
    let meta = &ask(&rig, &[]).code(0).json()["meta"];
    assert_eq!(meta["profiles"], json!({ "classic": "classic certificates", "short": "short certificates" }));
    assert_eq!(meta["externalAccountRequired"], true);
    assert_eq!(fs::read_to_string(rig.roots()).unwrap().matches("BEGIN CERTIFICATE").count(), 2);
}

#[test]
fn the_hook_adds_values_and_removes_only_its_own() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).env("RIG_HOOK_LOG", "calls").env("RIG_HOOK_CPU", "cpu");
    let hook = |arguments: &[&str]| test.program(rig_hook(), arguments).code(0).stdout("").stderr("");

    hook(&["deploy_challenge", "a.example", "t1", "v1", "a.example", "t2", "v2", "b.example", "t3", "v3"]);
    assert_eq!(rig.challenges("a.example"), ["v1", "v2"]);
    hook(&["clean_challenge", "a.example", "t1", "v1", "b.example", "t3", "v3"]);
    assert_eq!(rig.challenges("a.example"), ["v2"]);
    assert!(rig.challenges("b.example").is_empty());
    // Also for what was never deployed.
    hook(&["clean_challenge", "c.example", "t", "v"]);
    assert_eq!(test.read("cpu").lines().filter(|line| line.parse::<u64>().unwrap() > 0).count(), 3);
    assert_eq!(test.read("calls").lines().nth(2), Some(r#"["clean_challenge","c.example","t","v"]"#));
}

#[test]
fn the_hook_fails_the_names_it_is_told_to() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).env("RIG_HOOK_FAIL_NAMES", "b.example");
    let deploy = ["deploy_challenge", "a.example", "t", "v", "b.example", "t", "v"];
    test.program(rig_hook(), &deploy).code(1);

    let test = test.env("HYDRANT_RESULTS", "results");
    test.program(rig_hook(), &deploy).code(0);
    assert_eq!(
        test.read("results"),
        "{\"index\":0,\"outcome\":\"done\"}\n\
         {\"index\":1,\"outcome\":\"failed\",\"message\":\"told to fail b.example\"}\n"
    );
    assert!(rig.challenges("b.example").is_empty());
}

#[test]
fn the_bash_hook_adds_and_removes_values() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig);
    let hook = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/hooks/dns.sh");
    test.program(hook, &["deploy_challenge", "a.example", "t", "v"]).code(0).stdout("").stderr("");
    assert_eq!(rig.challenges("a.example"), ["v"]);
    test.program(hook, &["clean_challenge", "a.example", "t", "v"]).code(0).stdout("").stderr("");
    assert!(rig.challenges("a.example").is_empty());
    test.program(hook, &["no_such_operation"]).code(0).stdout("").stderr("");
}

/// dehydrated's settings for a rig: what it has to trust, and keys that cost little.
fn dehydrated_config(rig: &Rig, challenge: &str) -> String {
    let (ca, roots) = (rig.ca(), &rig.environment()["HYDRANT_CA_ROOTS"]);
    format!(
        "CA={ca}\nCURL_OPTS='--cacert {roots} --noproxy *'\nKEY_ALGO=prime256v1\nACCOUNT_KEY_ALGO=rsa\n\
         ACCOUNT_KEYSIZE=2048\nCHALLENGETYPE={challenge}\n"
    )
}

#[test]
fn issues_to_dehydrated_with_dns_01() {
    let rig = Rig::start();
    let test = Test::new()
        .rig(&rig)
        .write("config", dehydrated_config(&rig, "dns-01"))
        .domains("a.example *.a.example\n")
        .env("HOOK_CHAIN", "yes")
        .env("RIG_HOOK_CAPABILITIES", "none");
    let hook = rig_hook();
    let run = ["--config", "config", "--accept-terms", "--cron", "--hook", hook.to_str().unwrap()];
    test.program(dehydrated(), &run).code(0);

    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));
    assert_good_pair(&rig, &test.path("certs/a.example"), &["*.a.example", "a.example"]);
    assert!(rig.challenges("a.example").is_empty());

    let certificate = test.read("certs/a.example/cert.pem");
    let serial = CertificateFacts::of(&test.path("certs/a.example/cert.pem")).serial;
    assert_eq!(rig.certificate_status(&serial)["Status"], "Valid");
    rig.set_renewal_info(&certificate, "{}");
}

#[test]
fn issues_to_dehydrated_with_http_01_from_a_webroot() {
    let test = Test::new().write("webroot/.well-known/acme-challenge/here", "");
    let rig = Rig::with(&["--nonce-reject", "0", "--webroot", test.path("webroot").to_str().unwrap()]);
    let config = dehydrated_config(&rig, "http-01") + "WELLKNOWN=$PWD/webroot/.well-known/acme-challenge\n";
    let test = test.rig(&rig).write("config", config).domains("a.example\n");
    test.program(dehydrated(), &["--config", "config", "--accept-terms", "--cron"]).code(0);
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
}

#[test]
fn the_proxy_answers_in_the_place_of_the_ca() {
    let rig = Rig::with_faults();
    rig.faults(&json!([
        { "kind": "directory", "do": "answer", "status": 429, "problem": "rateLimited", "retry_after": 7 },
        { "do": "answer", "retry_after_date": 7 },
    ]));
    let limited = ask(&rig, &["--include"]).code(0);
    assert!(
        limited.stdout.starts_with("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n"),
        "{}",
        limited.stdout
    );
    let limited = limited.stdout_contains("Replay-Nonce: ");
    limited.stdout_contains(r#""type": "urn:ietf:params:acme:error:rateLimited""#);
    ask(&rig, &["--include"])
        .code(0)
        .stdout_contains("Retry-After: ")
        .stdout_contains(" GMT\r\n")
        .stdout_contains("<html>");
    ask(&rig, &STATUS).code(0).stdout("200");
    assert_eq!(rig.requests_at_ca(), ["HEAD /nonce-plz", "GET /dir"]);
}

#[test]
fn the_proxy_breaks_connections() {
    const RESET: i32 = 56;
    const TRUNCATED: i32 = 18;
    const NO_TIME_LEFT: i32 = 28;
    let rig = Rig::with_faults();
    let meets = |action: &str, code: i32| {
        rig.faults(&json!([{ "do": action }]));
        ask(&rig, &["--output", "/dev/null", "--max-time", "1"]).code(code);
    };
    meets("reset-before", RESET);
    assert_eq!(rig.requests_at_ca().len(), 0);
    meets("reset-after", RESET);
    assert_eq!(rig.requests_at_ca().len(), 1);
    meets("truncate", TRUNCATED);
    meets("hang", NO_TIME_LEFT);
    rig.faults(&json!([{ "do": "delay", "seconds": 0.3 }]));
    assert!(ask(&rig, &STATUS).code(0).stdout("200").elapsed.as_secs_f64() > 0.3);
    let faults: Vec<_> =
        rig.requests().into_iter().map(|request| (request.fault.unwrap(), request.status)).collect();
    let expected = [
        ("reset-before", None),
        ("reset-after", None),
        ("truncate", None),
        ("hang", None),
        ("delay", Some(200)),
    ];
    assert_eq!(faults, expected.map(|(fault, status)| (fault.to_owned(), status)));
}

#[test]
fn the_proxy_kills_the_client() {
    let rig = Rig::with_faults();
    rig.faults(&json!([{ "do": "kill-before", "skip": 1 }, { "do": "kill-after" }]));
    ask(&rig, &STATUS).signal(9);
    assert_eq!(rig.requests_at_ca(), ["GET /dir"], "killed after the request");
    ask(&rig, &STATUS).signal(9);
    assert_eq!(rig.requests_at_ca(), ["GET /dir"], "killed before the request");
    ask(&rig, &STATUS).code(0).stdout("200");
}

#[test]
fn the_proxy_counts_requests_and_connections() {
    let rig = Rig::with_faults();
    let twice = [
        rig.ca(),
        "--next",
        "--silent",
        "--noproxy",
        "*",
        "--cacert",
        &rig.environment()["HYDRANT_CA_ROOTS"],
    ];
    ask(&rig, &twice).code(0);
    ask(&rig, &["--head"]).code(0);
    let seen = |request: &crate::support::Request| {
        (request.connection, request.method.clone(), request.path.clone(), request.kind.clone())
    };
    let get = |connection: u64, method: &str| {
        (connection, method.to_owned(), "/dir".to_owned(), "directory".to_owned())
    };
    let requests: Vec<_> = rig.requests().iter().map(seen).collect();
    assert_eq!(requests, [get(1, "GET"), get(1, "GET"), get(2, "HEAD")]);
    rig.forget_requests();
    assert_eq!(rig.requests().len(), 0);
}

#[test]
fn leaves_no_process_behind() {
    let rig = Rig::with_faults();
    let pids: Vec<String> = fs::read_dir(rig.directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pid"))
        .map(|path| fs::read_to_string(path).unwrap().split_whitespace().next().unwrap().to_owned())
        .collect();
    assert_eq!(pids.len(), 3);
    drop(rig);
    for pid in pids {
        assert!(!Path::new("/proc").join(&pid).exists(), "{pid} still runs");
    }
}

#[test]
fn goes_up_and_down_by_hand() {
    let test = Test::new();
    let script = |name: &str| format!("{}/tests/rig/{name}", env!("CARGO_MANIFEST_DIR"));
    let directory = test.path("rig").display().to_string();
    let up = test.program(script("up"), &["--dir", &directory]).code(0);
    let ca = up.stdout.lines().next().unwrap().strip_prefix("export HYDRANT_CA=https://").unwrap();
    let ca = ca.strip_suffix("/dir").unwrap();
    TcpStream::connect(ca).unwrap();
    test.program(script("up"), &["--dir", &directory]).code(1).stderr_contains("one is running in [DIR]/rig");

    test.program(script("down"), &[&directory]).code(0).stdout("").stderr("");
    TcpStream::connect(ca).unwrap_err();
    test.program(script("down"), &[&directory]).code(0);
}

#[test]
fn runs_are_measured_traced_and_broken() {
    let test = Test::new().args(["--version"]);
    let (output, measured) = test.run_measured();
    output.code(0);
    assert!(measured.cpu > Duration::ZERO || measured.wall > Duration::ZERO, "{measured:?}");
    assert_eq!(measured.hooks, Duration::ZERO);
    let (output, trace) = test.run_traced("execve");
    output.code(0);
    assert_eq!(trace.matches("execve(").count(), 1, "{trace}");
    assert!(test.run_with_fault("exit_group:signal=KILL").was_killed());
}
