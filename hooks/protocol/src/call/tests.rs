//! Tests of the module above.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[test]
fn writes_the_words_that_dehydrated_writes() {
    let words = |call: HookCall| call.to_argv();
    let single = HookCall::GenerateCsr {
        domain: "a.example".into(),
        certdir: "/c".into(),
        names: vec!["a.example".into()],
    };
    assert_eq!(words(single), ["generate_csr", "a.example", "/c", "a.example "]);
    let two = HookCall::GenerateCsr {
        domain: "a.example".into(),
        certdir: "/c".into(),
        names: vec!["a.example".into(), "*.a.example".into()],
    };
    assert_eq!(words(two)[3], "a.example *.a.example");
    assert_eq!(words(HookCall::ExitHook { error: None }), ["exit_hook"]);
    assert_eq!(words(HookCall::ExitHook { error: Some(String::new()) }), ["exit_hook", ""]);
    assert_eq!(words(HookCall::Probe), [PROBE]);
}

#[test]
fn says_what_is_missing() {
    let error = |words: &[&str]| HookCall::parse(words.iter().copied()).unwrap_err().to_string();
    assert_eq!(error(&[]), "the first argument, the operation, is missing");
    assert_eq!(
        error(&["deploy_challenge", "a", "b"]),
        "`deploy_challenge` takes identifier, token and value, once or several times; 2 arguments were given"
    );
    assert_eq!(error(&["deploy_cert", "a"]), "`deploy_cert` takes 6 arguments, 1 were given");
    assert_eq!(error(&["list_challenges"]), "`list_challenges` takes 1 arguments, 0 were given");
    assert_eq!(error(&["deploy_ocsp", "a", "b", "soon"]), "the timestamp `soon` is not a number of seconds");
}

#[test]
fn an_added_argument_breaks_no_hook() {
    let call = HookCall::parse(["invalid_challenge", "a.example", "no", "more"]).unwrap();
    let expected = HookCall::InvalidChallenge { domain: "a.example".into(), response: "no".into() };
    assert_eq!(call, expected);
}

fn triples() -> impl Strategy<Value = Vec<Triple>> {
    let triple = (any::<String>(), any::<String>(), any::<String>())
        .prop_map(|(identifier, token, value)| Triple { identifier, token, value });
    vec(triple, 1..5)
}

fn calls() -> impl Strategy<Value = HookCall> {
    let text = any::<String>;
    let csr = (text(), text(), vec("[^ ]{1,20}", 1..5))
        .prop_map(|(domain, certdir, names)| HookCall::GenerateCsr { domain, certdir, names });
    let invalid =
        (text(), text()).prop_map(|(domain, response)| HookCall::InvalidChallenge { domain, response });
    let sync = (text(), text(), text(), text(), text()).prop_map(|(key, cert, fullchain, chain, csr)| {
        HookCall::SyncCert { key, cert, fullchain, chain, csr }
    });
    let deploy = (text(), text(), text(), text(), text(), any::<u64>()).prop_map(
        |(domain, key, cert, fullchain, chain, timestamp)| HookCall::DeployCert {
            domain,
            key,
            cert,
            fullchain,
            chain,
            timestamp,
        },
    );
    let ocsp = (text(), text(), any::<u64>()).prop_map(|(domain, ocsp, timestamp)| HookCall::DeployOcsp {
        domain,
        ocsp,
        timestamp,
    });
    let unchanged =
        (text(), text(), text(), text(), text()).prop_map(|(domain, key, cert, fullchain, chain)| {
            HookCall::UnchangedCert { domain, key, cert, fullchain, chain }
        });
    let failure = (text(), text(), text(), text()).prop_map(|(status, body, method, headers)| {
        HookCall::RequestFailure { status, body, method, headers }
    });
    let unknown = ("[a-z_]{1,8}", vec(text(), 0..4))
        .prop_map(|(operation, arguments)| HookCall::Unknown { operation, arguments });
    prop_oneof![
        Just(HookCall::Probe),
        Just(HookCall::StartupHook),
        csr,
        triples().prop_map(HookCall::DeployChallenge),
        triples().prop_map(HookCall::CleanChallenge),
        vec(text(), 1..5).prop_map(HookCall::ListChallenges),
        invalid,
        sync,
        deploy,
        ocsp,
        unchanged,
        failure,
        proptest::option::of(text()).prop_map(|error| HookCall::ExitHook { error }),
        unknown,
    ]
}

proptest! {
    #[test]
    fn arguments_and_call_are_inverse(call in calls()) {
        prop_assert_eq!(HookCall::parse(call.to_argv()), Ok(call));
    }

    #[test]
    fn any_arguments_are_a_call_or_an_error(words in vec(any::<String>(), 0..8)) {
        let _ = HookCall::parse(words);
    }
}
