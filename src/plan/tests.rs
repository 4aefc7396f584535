//! Tests of the module above.

use proptest::prelude::*;
use time::Duration as Span;

use super::*;
use crate::chain::Leaf;
use crate::ledger::{Failures, Intent, Renewal, Staged};

const NOW: OffsetDateTime = time::macros::datetime!(2027-01-10 12:00 UTC);

fn at(now: OffsetDateTime) -> Circumstances {
    Circumstances { now, cadence: Duration::from_hours(24), force: false, backoff: true }
}

fn names(text: &str) -> Vec<Identifier> {
    text.split(' ').map(|name| name.parse().unwrap()).collect()
}

/// A certificate of `lifetime` that has `left` at [`NOW`].
fn stored(carried: &str, lifetime: Span, left: Span) -> Loaded {
    let leaf = Leaf {
        names: names(carried),
        has_unnamed: false,
        not_before: NOW + left - lifetime,
        not_after: NOW + left,
        serial: vec![1],
        renewal_id: Some("aki.serial".to_owned()),
        issuer: "Issuer".to_owned(),
        public_key_der: Vec::new(),
        fingerprint: String::new(),
    };
    let stored = Stored { leaf, timestamp: Some(1) };
    Loaded { stored: Some(stored), ..Loaded::default() }
}

fn decide_for(declared: &str, loaded: &Loaded, circumstances: Circumstances) -> Step {
    let names = names(declared);
    let name = CertName::try_from(&names[0]).unwrap();
    let subject = Subject {
        name: &name,
        names: &names,
        request: None,
        loaded,
        renew_before: None,
        destinations: &["vault".to_owned()],
        refused: None,
    };
    decide(&subject, circumstances)
}

fn reason(declared: &str, loaded: &Loaded) -> (Action, String) {
    let step = decide_for(declared, loaded, at(NOW));
    (step.action, step.because.to_string())
}

fn window(loaded: &mut Loaded, chosen: OffsetDateTime) {
    loaded.record.renewal = Some(Renewal {
        certificate: "aki.serial".to_owned(),
        start: (chosen - Span::HOUR).unix_timestamp(),
        end: (chosen + Span::HOUR).unix_timestamp(),
        chosen: chosen.unix_timestamp(),
        next_check: 0,
        explanation_url: None,
        failures: 0,
    });
}

#[test]
fn issues_what_is_not_stored() {
    let nothing = Loaded::default();
    assert_eq!(reason("a.example", &nothing), (Action::Issue, "nothing is stored".to_owned()));
}

#[test]
fn keeps_what_is_neither_changed_nor_due() {
    let loaded = stored("a.example", Span::days(90), Span::days(60));
    let (action, because) = reason("a.example", &loaded);
    assert_eq!(action, Action::Keep);
    assert_eq!(because, "a renewal is due 2027-02-09 12:00:00Z");
}

#[test]
fn renews_at_a_third_of_the_lifetime_and_at_half_of_a_short_one() {
    let cases =
        [(90, 31, Action::Keep), (90, 30, Action::Renew), (6, 4, Action::Keep), (6, 3, Action::Renew)];
    for (lifetime, left, expected) in cases {
        let loaded = stored("a.example", Span::days(lifetime), Span::days(left));
        assert_eq!(reason("a.example", &loaded).0, expected, "{left} of {lifetime} days left");
    }
}

#[test]
fn the_order_of_names_is_no_reason_and_their_set_is() {
    let loaded = stored("a.example b.example", Span::days(90), Span::days(80));
    assert_eq!(reason("b.example a.example", &loaded).0, Action::Keep);
    let (action, because) = reason("a.example c.example", &loaded);
    assert_eq!(action, Action::Issue);
    assert_eq!(because, "names were added: `c.example`, and removed: `b.example`");
    assert_eq!(reason("a.example", &loaded).1, "names were removed: `b.example`");
}

#[test]
fn the_chosen_instant_decides_over_the_lifetime() {
    let mut loaded = stored("a.example", Span::days(90), Span::days(20));
    window(&mut loaded, NOW + Span::days(3));
    assert_eq!(reason("a.example", &loaded).0, Action::Keep);
    window(&mut loaded, NOW - Span::MINUTE);
    assert_eq!(reason("a.example", &loaded).0, Action::Renew);
}

#[test]
fn says_where_the_ca_explains_its_window() {
    const PAGE: &str = "https://ca.example/why";
    let mut loaded = stored("a.example", Span::days(90), Span::days(20));
    for (chosen, action) in
        [(Span::days(3), Action::Keep), (Span::hours(1), Action::Renew), (-Span::DAY, Action::Renew)]
    {
        window(&mut loaded, NOW + chosen);
        loaded.record.renewal.as_mut().unwrap().explanation_url = Some(PAGE.to_owned());
        let (decided, because) = reason("a.example", &loaded);
        assert_eq!(decided, action);
        assert!(because.ends_with(&format!(", explained at {PAGE}")), "{because}");
    }
}

#[test]
fn renews_now_when_the_next_run_would_be_too_late() {
    let mut loaded = stored("a.example", Span::days(45), Span::days(15));
    window(&mut loaded, NOW + Span::hours(23));
    let step = decide_for("a.example", &loaded, at(NOW));
    assert_eq!(step.action, Action::Renew);
    assert_eq!(step.because, Because::NextRunTooLate { due: NOW + Span::hours(23), explained: None });
    assert_eq!(step.replaces.as_deref(), Some("aki.serial"));
    let hourly = Circumstances { cadence: Duration::from_hours(1), ..at(NOW) };
    assert_eq!(decide_for("a.example", &loaded, hourly).action, Action::Keep);
}

#[test]
fn a_window_of_another_certificate_counts_for_nothing() {
    let mut loaded = stored("a.example", Span::days(90), Span::days(60));
    window(&mut loaded, NOW - Span::DAY);
    loaded.record.renewal.as_mut().unwrap().certificate = "of.another".to_owned();
    assert_eq!(reason("a.example", &loaded).0, Action::Keep);
}

#[test]
fn the_persons_own_rule_comes_before_the_window() {
    let mut loaded = stored("a.example", Span::days(90), Span::days(20));
    window(&mut loaded, NOW - Span::DAY);
    let declared = names("a.example");
    let name = CertName::try_from(&declared[0]).unwrap();
    let rule = |days: i64| Subject {
        name: &name,
        names: &declared,
        request: None,
        loaded: &loaded,
        renew_before: Some(time::Duration::days(days)),
        destinations: &[],
        refused: None,
    };
    assert_eq!(decide(&rule(10), at(NOW)).action, Action::Keep);
    assert_eq!(decide(&rule(20), at(NOW)).because, Because::RenewBefore(NOW));
}

#[test]
fn a_failure_holds_back_until_its_time_unless_forced() {
    let mut loaded = Loaded::default();
    loaded.record.failures = Some(Failures {
        count: 2,
        last: "the CA said no".to_owned(),
        at: NOW.unix_timestamp(),
        not_before: (NOW + Span::minutes(10)).unix_timestamp(),
        ca_not_before: None,
    });
    let (action, because) = reason("a.example", &loaded);
    assert_eq!(action, Action::Wait);
    assert_eq!(because, "failed 2 times, next attempt from 2027-01-10 12:10:00Z: the CA said no");
    assert_eq!(decide_for("a.example", &loaded, at(NOW + Span::minutes(10))).action, Action::Issue);
    let forced = Circumstances { force: true, ..at(NOW) };
    assert_eq!(decide_for("a.example", &loaded, forced).action, Action::Issue);
    let obeyed = Circumstances { backoff: false, ..at(NOW) };
    assert_eq!(decide_for("a.example", &loaded, obeyed).action, Action::Issue);
}

#[test]
fn what_a_clock_that_was_ahead_noted_holds_nothing_back() {
    let mut loaded = Loaded::default();
    let ahead = NOW.unix_timestamp() + 400 * 86_400;
    let failed_at = |at: i64| Failures {
        count: 2,
        last: "it rained".to_owned(),
        at,
        not_before: ahead + 60,
        ca_not_before: Some(ahead),
    };
    loaded.record.failures = Some(failed_at(ahead));
    assert_eq!(reason("a.example", &loaded).0, Action::Issue);
    // Clocks may differ a little.
    loaded.record.failures = Some(failed_at(NOW.unix_timestamp() + 60));
    assert_eq!(reason("a.example", &loaded).0, Action::Wait);
}

#[test]
fn a_window_at_the_end_of_the_life_or_behind_it_leaves_the_last_tenth() {
    let mut loaded = stored("a.example", Span::days(90), Span::days(10));
    window(&mut loaded, NOW + Span::days(3650));
    assert_eq!(
        reason("a.example", &loaded),
        (Action::Keep, "a renewal is due 2027-01-11 12:00:00Z".to_owned())
    );
    let mut loaded = stored("a.example", Span::days(90), Span::days(9));
    window(&mut loaded, NOW + Span::days(8));
    assert_eq!(reason("a.example", &loaded).0, Action::Renew);
}

#[test]
fn a_rule_that_is_always_met_is_called_so() {
    let loaded = stored("a.example", Span::days(6), Span::days(6));
    let names = names("a.example");
    let name = CertName::try_from(&names[0]).unwrap();
    let subject = Subject {
        name: &name,
        names: &names,
        request: None,
        loaded: &loaded,
        renew_before: Some(Span::days(30)),
        destinations: &[],
        refused: None,
    };
    let step = decide(&subject, at(NOW));
    assert_eq!((step.action, step.because), (Action::Renew, Because::RenewAlways));
}

#[test]
fn the_cas_own_limit_holds_back_even_without_backoff() {
    let mut loaded = Loaded::default();
    let until = (NOW + Span::minutes(10)).unix_timestamp();
    loaded.record.failures = Some(Failures {
        count: 1,
        last: "too many".to_owned(),
        at: 0,
        not_before: until,
        ca_not_before: Some(until),
    });
    let obeyed = Circumstances { backoff: false, ..at(NOW) };
    assert_eq!(decide_for("a.example", &loaded, obeyed).action, Action::Wait);
}

#[test]
fn unfinished_work_is_resumed_before_anything_is_ordered() {
    let mut loaded = Loaded::default();
    loaded.record.intent = Some(Intent {
        ca: String::new(),
        account: String::new(),
        names: vec!["a.example".to_owned()],
        profile: None,
        replaces: None,
        timestamp: 1,
        key: crate::ledger::CertificateKey::Kept,
        csr: None,
        order: Some("https://ca.example/order/1".to_owned()),
        started: 0,
    });
    assert_eq!(reason("a.example", &loaded).1, "an earlier run was cut off");
    assert_eq!(reason("b.example", &loaded).1, "nothing is stored", "it was ordered for other names");
    let intent = loaded.record.intent.clone();
    loaded = stored("a.example", Span::days(90), Span::days(80));
    loaded.record.intent = intent;
    assert_eq!(reason("a.example", &loaded).1, "an earlier run was cut off", "though nothing is due");
    loaded.record.staged = Some(Staged { timestamp: 1, key: crate::ledger::KeySource::New, switch: true });
    assert_eq!(
        reason("a.example", &loaded),
        (Action::Resume, "new files wait to be put in place".to_owned())
    );
}

#[test]
fn delivers_what_hooks_of_this_run_are_owed() {
    let mut loaded = stored("a.example", Span::days(90), Span::days(60));
    loaded.record.owe_delivery("vault", 1, 0);
    loaded.record.owe_delivery("elsewhere", 1, 0);
    assert_eq!(reason("a.example", &loaded).1, "not yet delivered to `vault`");
    loaded.record.delivered("vault", false, 0);
    assert_eq!(reason("a.example", &loaded).0, Action::Keep);
}

#[test]
fn issues_anew_what_is_damaged() {
    let mut loaded = stored("a.example", Span::days(90), Span::days(60));
    loaded.damage = Some(Damage::KeyMissing);
    let step = decide_for("a.example", &loaded, at(NOW));
    assert_eq!(step.action, Action::Issue);
    assert_eq!(step.replaces, None);
}

proptest! {
    #[test]
    fn a_certificate_is_never_kept_past_its_end(
        lifetime in 1_i64..400, left in -10_i64..400, cadence in 1_u64..40,
        chosen in -400_i64..400, ahead in proptest::bool::ANY,
    ) {
        let mut loaded = stored("a.example", Span::days(lifetime), Span::days(left.min(lifetime)));
        if ahead {
            window(&mut loaded, NOW + Span::days(chosen));
        }
        let cadence = Duration::from_hours(cadence * 24);
        let step = decide_for("a.example", &loaded, Circumstances { cadence, ..at(NOW) });
        if step.action == Action::Keep {
            let not_after = loaded.stored.as_ref().unwrap().leaf.not_after;
            prop_assert!(not_after > NOW + cadence, "{step:?}");
        }
    }
}
