//! Tests of the module above.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::key::Secret;

const NOW: i64 = 1_700_000_000;

fn intent() -> Intent {
    Intent {
        ca: "https://ca.example/directory".to_owned(),
        account: "https://ca.example/account/1".to_owned(),
        names: vec!["a.example".to_owned()],
        profile: None,
        replaces: None,
        timestamp: 17,
        key: CertificateKey::New(Secret::new("PEM")),
        csr: Some("CSR".to_owned()),
        order: None,
        started: NOW,
    }
}

fn owed(value: &str, hook: &str) -> Owed {
    let answer = Answer {
        identifier: "a.example".to_owned(),
        token: "token".to_owned(),
        value: value.to_owned(),
        wildcard: false,
        record: None,
    };
    Owed { challenge: "dns-01".to_owned(), hooks: vec![hook.to_owned()], answer }
}

#[test]
fn an_issue_from_intent_to_delivery() {
    let mut record = Record::default();
    record.begin(intent());
    record.ordered("https://ca.example/order/1");
    assert_eq!(record.intent.as_ref().unwrap().order.as_deref(), Some("https://ca.example/order/1"));
    record.failed("the name does not resolve", NOW, None);

    record.stage(17, KeySource::New, ["dns", "reload"], NOW);
    assert!(record.intent.is_none(), "the key stays in the record");
    assert!(record.failures.is_none());
    assert_eq!(record.owed_deliveries().map(|(to, _)| to).collect::<Vec<_>>(), ["dns", "reload"]);
    record.decide_switch();
    assert!(record.staged.as_ref().unwrap().switch);
    record.switched();
    assert!(record.staged.is_none());

    record.delivered("dns", true, NOW);
    record.delivery_failed("reload", "exit status 1", NOW);
    record.delivery_failed("reload", "exit status 2", NOW);
    assert_eq!(record.deliveries["dns"].state, DeliveryState::Verified);
    let still: Vec<_> = record.owed_deliveries().collect();
    assert_eq!((still[0].0, still[0].1.attempts), ("reload", 2));
    assert_eq!(still[0].1.last_error.as_deref(), Some("exit status 2"));

    record.delivered("reload", false, NOW);
    assert_eq!(record.owed_deliveries().count(), 0);
    record.owe_delivery("reload", 18, NOW);
    assert_eq!(record.owed_deliveries().next().unwrap().1.timestamp, 18);
}

#[test]
fn cleaning_is_owed_until_it_was_done() {
    let mut record = Record::default();
    record.owe_cleaning([owed("1", "dns"), owed("2", "dns")]);
    record.owe_cleaning([owed("1", "dns"), owed("1", "other")]);
    assert_eq!(record.owed_cleaning.len(), 2);
    assert_eq!(record.owed_cleaning[0].hooks, ["dns", "other"]);
    let answers = [owed("1", "dns").answer];
    assert_eq!(record.owed_for(&answers), record.owed_cleaning[..1]);
    record.cleaned(&answers);
    assert_eq!(record.owed_cleaning, [owed("2", "dns")]);
}

#[test]
fn answers_in_dns_are_remembered_after_they_were_cleaned() {
    let mut record = Record::default();
    let http = Owed { challenge: "http-01".to_owned(), ..owed("file", "web") };
    record.deploying([owed("1", "dns"), owed("2", "dns"), http], NOW);
    record.cleaned(&record.owed_cleaning.iter().map(|owed| owed.answer.clone()).collect::<Vec<_>>());
    let known = |record: &Record| -> Vec<_> {
        record.deployed.iter().map(|deployed| (deployed.answer.value.clone(), deployed.at - NOW)).collect()
    };
    assert_eq!(known(&record), [("1".to_owned(), 0), ("2".to_owned(), 0)]);
    // The same value again: it is as old as its last time.
    record.deploying([owed("1", "dns")], NOW + 5);
    assert_eq!(known(&record), [("2".to_owned(), 0), ("1".to_owned(), 5)]);
    record.forget(&[owed("1", "dns").answer]);
    assert_eq!(known(&record), [("2".to_owned(), 0)]);
    // Neither for ever nor without end.
    record.deploying((0..400).map(|number| owed(&number.to_string(), "dns")), NOW + 366 * 86_400);
    assert_eq!(record.deployed.len(), 300);
    assert_eq!(record.deployed[0].answer.value, "100");
    assert_eq!(record.owed_cleaning.len(), 400, "what is owed is never forgotten");
}

#[test]
fn backs_off_up_to_a_day_and_as_long_as_the_ca_says() {
    let mut record = Record::default();
    let mut waits = Vec::new();
    for _ in 0..6 {
        record.failed("no", NOW, None);
        waits.push(record.failures.as_ref().unwrap().not_before - NOW);
    }
    assert_eq!(waits, [60, 600, 6_000, 72_000, 72_000, 72_000]);
    assert_eq!(record.failures.as_ref().unwrap().count, 6);
    assert_eq!(record.failures.as_ref().unwrap().ca_not_before, None);

    let mut record = Record::default();
    record.failed("rate limited", NOW, Some(7_200));
    let failures = record.failures.unwrap();
    assert_eq!((failures.not_before, failures.ca_not_before), (NOW + 7_200, Some(NOW + 7_200)));

    let mut record = Record::default();
    record.failed("busy", NOW, Some(5));
    let failures = record.failures.unwrap();
    assert_eq!((failures.not_before, failures.ca_not_before), (NOW + 60, Some(NOW + 5)));
}

#[test]
fn refuses_the_record_of_a_newer_program() {
    let newer = br#"{"format": 2, "fence": 1, "moon": "full"}"#;
    let error = Record::parse(newer).unwrap_err();
    assert_eq!(error.to_string(), "the record has format 2; this version reads format 1");
    let error = Record::parse(br#"{"format": 2, "fence": 1}"#).unwrap_err();
    assert!(matches!(error, RecordError::Format { found: 2 }));
    for malformed in [&b"{\"format\": 1, \"fence\": 1, \"moon\": 1}"[..], b"", b"{", b"null", b"\xff"] {
        assert!(matches!(Record::parse(malformed), Err(RecordError::Malformed(_))));
    }
}

#[test]
fn the_newest_whole_line_counts() {
    let line = |fence| Record { fence, ..Record::default() }.to_json().to_vec();
    let parse = |parts: &[&[u8]]| Record::parse(&parts.concat()).map(|record| record.fence);
    let (old, new) = (line(1), line(2));
    assert_eq!(parse(&[&old, &new]).unwrap(), 2);
    for length in 1..new.len() - 1 {
        assert_eq!(parse(&[&old, &new[..length]]).unwrap(), 1, "{length} octets of the second");
    }
    // Some file systems give back zeros for what was not yet written.
    assert_eq!(parse(&[&old, &[0; 100]]).unwrap(), 1);
    assert_eq!(parse(&[&old, &[0; 100], b"}\n"]).unwrap(), 1);
    let newer = br#"{"format": 2, "fence": 1, "moon": "full"}"#;
    assert!(matches!(parse(&[&old, newer, b"\n"]), Err(RecordError::Format { found: 2 })));
}

#[test]
fn a_record_may_be_spread_over_lines() {
    let mut record = Record { fence: 3, ..Record::default() };
    record.begin(intent());
    assert_eq!(Record::parse(&serde_json::to_vec_pretty(&record).unwrap()).unwrap(), record);
}

#[test]
fn the_form_on_disk_does_not_change() {
    let mut record = Record::default();
    record.begin(intent());
    record.owe_cleaning([owed("v", "dns")]);
    let expected = concat!(
        r#"{"format":1,"fence":0,"intent":{"ca":"https://ca.example/directory","account":"https://ca.example/account/1","names":["a.example"],"timestamp":17,"#,
        r#""key":{"new":"PEM"},"csr":"CSR","started":1700000000},"#,
        r#""owed_cleaning":[{"challenge":"dns-01","hooks":["dns"],"answer":{"identifier":"a.example","token":"token","value":"v","wildcard":false}}]}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(record.to_json().to_vec()).unwrap(), expected);
    assert!(!format!("{record:?}").contains("PEM"));
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn keys() -> impl Strategy<Value = CertificateKey> {
    prop_oneof![
        Just(CertificateKey::Foreign),
        Just(CertificateKey::Kept),
        text().prop_map(|pem| CertificateKey::New(Secret::new(pem))),
    ]
}

fn intents() -> impl Strategy<Value = Intent> {
    let optional = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    (text(), text(), vec(text(), 0..3), optional, any::<u64>(), keys(), any::<i64>()).prop_map(
        |(ca, account, names, (profile, replaces, csr, order), timestamp, key, started)| Intent {
            ca,
            account,
            names,
            profile,
            replaces,
            timestamp,
            key,
            csr,
            order,
            started,
        },
    )
}

fn deliveries() -> impl Strategy<Value = Delivery> {
    let states = prop_oneof![
        Just(DeliveryState::Delivered),
        Just(DeliveryState::Failed),
        Just(DeliveryState::Owed),
        Just(DeliveryState::Verified),
    ];
    (states, any::<u64>(), any::<u32>(), option::of(text()), any::<i64>()).prop_map(
        |(state, timestamp, attempts, last_error, at)| Delivery {
            state,
            timestamp,
            attempts,
            last_error,
            at,
        },
    )
}

fn renewals() -> impl Strategy<Value = Renewal> {
    (text(), any::<[i64; 4]>(), option::of(text()), any::<u32>()).prop_map(
        |(certificate, [start, end, chosen, next_check], explanation_url, failures)| Renewal {
            certificate,
            start,
            end,
            chosen,
            next_check,
            explanation_url,
            failures,
        },
    )
}

fn failures() -> impl Strategy<Value = Failures> {
    (any::<u32>(), text(), any::<i64>(), any::<i64>(), option::of(any::<i64>())).prop_map(
        |(count, last, at, not_before, ca_not_before)| Failures {
            count,
            last,
            at,
            not_before,
            ca_not_before,
        },
    )
}

prop_compose! {
    fn records()(
        fence in any::<u64>(),
        intent in option::of(intents()),
        answers in vec((text(), text(), any::<i64>(), any::<bool>()), 0..3),
        staged in option::of((any::<u64>(), keys(), any::<bool>())),
        deliveries in btree_map(text(), deliveries(), 0..3),
        renewal in option::of(renewals()),
        failures in option::of(failures()),
        settings in option::of(text()),
        revoked in option::of((text(), any::<bool>())),
        foreign_key in any::<bool>(),
        owed_response in option::of((any::<u64>(), vec(text(), 0..3))),
        without_responder in option::of(text()),
    ) -> Record {
        let owed_cleaning = answers.iter().filter(|(.., cleaned)| !cleaned);
        let owed_cleaning = owed_cleaning.map(|(value, hook, ..)| owed(value, hook)).collect();
        let deployed = answers.into_iter().map(|(value, hook, at, _)| {
            let Owed { challenge, hooks, answer } = owed(&value, &hook);
            Deployed { challenge, hooks, answer, at }
        }).collect();
        let owed_response = owed_response.map(|(timestamp, hooks)| OwedResponse { timestamp, hooks });
        let staged = staged.map(|(timestamp, key, switch)| Staged { timestamp, key: key.source(), switch });
        let revoked = revoked.map(|(fingerprint, key_compromised)| Revoked { fingerprint, key_compromised });
        Record {
            format: FORMAT, fence, intent, owed_cleaning, deployed, staged, deliveries, renewal, failures, settings,
            revoked, foreign_key, owed_response, without_responder,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(record in records()) {
        prop_assert_eq!(Record::parse(&record.to_json()).unwrap(), record);
    }

    #[test]
    fn reading_anything_does_not_panic(bytes in vec(any::<u8>(), 0..64)) {
        let _ = Record::parse(&bytes);
    }

    #[test]
    fn failing_at_any_time_does_not_overflow(now in any::<i64>(), retry in option::of(any::<i64>())) {
        let mut record = Record::default();
        record.failed("no", now, retry);
        prop_assert!(record.failures.unwrap().not_before >= now);
    }
}
