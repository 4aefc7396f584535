//! Challenges of many certificates in one call.

use super::*;

#[tokio::test]
async fn fifty_certificates_share_one_call_and_one_for_cleaning() {
    let rig = Rig::new();
    let hooks = rig.start(vec![rig.hook("a", BATCH), rig.hook("b", BATCH)]).await.unwrap();
    let certificates = certificates(50);
    for result in deploy_all(&hooks, &certificates).await {
        result.unwrap();
    }
    let cleans = certificates
        .iter()
        .map(async |certificate| hooks.clean_challenges(&certificate.facts(), &certificate.answers).await);
    for result in join_all(cleans).await {
        result.unwrap();
    }
    for name in ["a", "b"] {
        let expected = ["deploy_challenge 50 n0.c0.example batch", "clean_challenge 50 n0.c0.example batch"];
        assert_eq!(rig.log(name), expected, "{name}");
    }
}

#[tokio::test]
async fn a_challenge_without_company_comes_in_a_plain_call() {
    let rig = Rig::new();
    let mut hook = rig.hook("batch", BATCH);
    hook.retries = 1;
    hook.env.insert("EACH".into(), "[ \"$HYDRANT_BATCH$HYDRANT_RESULTS\" ] && echo files >>\"$LOG\"".into());
    let later = "[ -e \"$LOG.seen\" ] || { : >\"$LOG.seen\"; exit 75; }";
    hook.env.insert("LATE".into(), later.into());
    let hooks = rig.start(vec![hook]).await.unwrap();
    let certificate = Certificate::new(0, 1);
    deploy_all(&hooks, std::slice::from_ref(&certificate)).await.remove(0).unwrap();
    hooks.clean_challenges(&certificate.facts(), &certificate.answers).await.unwrap();
    let plain = ["deploy_challenge", "deploy_challenge", "clean_challenge"];
    assert_eq!(rig.log("batch"), plain.map(|operation| format!("{operation} 1 n0.c0.example c0")));

    // Two of one certificate are company: one can fail without the other.
    deploy_all(&hooks, &[Certificate::new(1, 2)]).await.remove(0).unwrap();
    assert_eq!(rig.log("batch")[3..], ["deploy_challenge 2 n0.c1.example batch", "files", "files"]);
}

#[tokio::test]
async fn a_batch_does_not_wait_for_one_that_will_not_come() {
    let rig = Rig::new();
    let hooks = rig.start(vec![rig.hook("batch", BATCH)]).await.unwrap();
    let certificates = certificates(2);
    let gone = hooks.approach();
    let begun = std::time::Instant::now();
    let (results, ()) = tokio::join!(deploy_all(&hooks, &certificates), async { drop(gone) });
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(rig.log("batch").len(), 1);
    assert!(begun.elapsed() < Duration::from_millis(200), "it waited");
    // One that stays away for ever holds a batch for a moment only.
    let _gone = hooks.approach();
    deploy_all(&hooks, &certificates).await.into_iter().for_each(|result| result.unwrap());
}

#[tokio::test]
async fn a_zones_names_stay_together_and_every_certificate_knows_its_own() {
    let rig = Rig::new();
    let script = BATCH
        .replace("    index=0", "    echo \"$*\" >>\"$LOG\"; cat \"$HYDRANT_BATCH\" >>\"$LOG\"\n    index=0");
    let hooks = rig.start(vec![rig.hook("batch", &script)]).await.unwrap();
    let mut certificates = certificates(2);
    for (certificate, names) in certificates.iter_mut().zip([["b.x.org", "a.com"], ["a.x.org", "z.com"]]) {
        for (answer, name) in certificate.answers.iter_mut().zip(names) {
            name.clone_into(&mut answer.identifier);
        }
        let mut second = certificate.answers[0].clone();
        names[1].clone_into(&mut second.identifier);
        certificate.answers.push(second);
    }
    deploy_all(&hooks, &certificates).await.into_iter().for_each(|result| result.unwrap());
    let log = rig.log("batch");
    assert_eq!(log[1], "a.com token value z.com token value a.x.org token value b.x.org token value");
    let facts: serde_json::Value = serde_json::from_str(&log[2]).unwrap();
    assert_eq!(facts["certificates"][0]["certificate"], "c0");
    assert_eq!(facts["certificates"][0]["triples"], serde_json::json!([0, 3]));
    assert_eq!(facts["certificates"][1]["triples"], serde_json::json!([1, 2]));
}

#[tokio::test]
async fn a_call_has_less_than_a_hundred_kilobytes_of_arguments() {
    let rig = Rig::new();
    let hooks = rig.start(vec![rig.hook("batch", BATCH)]).await.unwrap();
    let mut certificates = certificates(30);
    for certificate in &mut certificates {
        certificate.answers[0].value = "v".repeat(8_000);
    }
    for result in deploy_all(&hooks, &certificates).await {
        result.unwrap();
    }
    let counts: Vec<_> =
        rig.log("batch").iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(counts, ["12", "12", "6"]);
}

#[tokio::test]
async fn a_bad_name_in_a_batch_fails_alone() {
    let rig = Rig::new();
    let mut hook = rig.hook("batch", BATCH);
    hook.env.insert("EACH".into(), "[ \"$1\" = n0.c7.example ] && outcome=failed".into());
    // Also when the hook says with its exit code that not all went well.
    hook.env.insert("LATE".into(), "exit 1".into());
    let hooks = rig.start(vec![hook]).await.unwrap();
    let results = deploy_all(&hooks, &certificates(20)).await;
    for (number, result) in results.into_iter().enumerate() {
        if number == 7 {
            let error = result.unwrap_err();
            assert_eq!(error.to_string(), "hook `batch` failed at `deploy_challenge` for `n0.c7.example`");
            assert!(!error.is_temporary());
        } else {
            result.unwrap();
        }
    }
    assert_eq!(rig.log("batch").len(), 1);
}

#[tokio::test]
async fn a_batch_without_a_complete_result_is_cleaned_and_repeated_for_each_certificate() {
    let rig = Rig::new();
    let mut hook = rig.hook("batch", BATCH);
    hook.env
        .insert("EACH".into(), "[ \"${HYDRANT_CERTIFICATE-}\" ] || { [ $index = 2 ] && kill -9 $$; }".into());
    let hooks = rig.start(vec![hook]).await.unwrap();
    for result in deploy_all(&hooks, &certificates(3)).await {
        result.unwrap();
    }
    let mut log = rig.log("batch");
    assert_eq!(log.remove(0), "deploy_challenge 3 n0.c0.example batch");
    for number in 0..3 {
        let mut calls = log.iter().filter(|line| line.ends_with(&format!(" c{number}")));
        assert_eq!(calls.next().unwrap(), &format!("clean_challenge 1 n0.c{number}.example c{number}"));
        assert_eq!(calls.next().unwrap(), &format!("deploy_challenge 1 n0.c{number}.example c{number}"));
        assert_eq!(calls.next(), None);
    }
}

#[tokio::test]
async fn a_triple_to_retry_is_called_again_without_the_others() {
    let rig = Rig::new();
    let mut hook = rig.hook("batch", BATCH);
    hook.retries = 1;
    hook.env.insert(
        "EACH".into(),
        "case \"$1\" in n0.c0.*) outcome=retry ;; n0.c1.*) [ -e \"$LOG.seen\" ] || outcome=retry ;; esac"
            .into(),
    );
    hook.env.insert("LATE".into(), ": >\"$LOG.seen\"".into());
    let hooks = rig.start(vec![hook]).await.unwrap();
    let mut results = deploy_all(&hooks, &certificates(3)).await;
    assert!(results.remove(0).unwrap_err().is_temporary());
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(rig.log("batch").len(), 2);
    assert_eq!(rig.log("batch")[1], "deploy_challenge 2 n0.c0.example batch");
}

#[tokio::test]
async fn a_certificate_that_goes_away_does_not_take_the_batch_with_it() {
    let rig = Rig::new();
    let hooks = rig.start(vec![rig.hook("batch", BATCH)]).await.unwrap();
    let certificates = certificates(3);
    let [first, second, third] = certificates.as_slice() else { unreachable!() };
    let approaches: Vec<_> = certificates.iter().map(|_| hooks.approach()).collect();
    let [one, two, three] = <[Approach; 3]>::try_from(approaches).unwrap();
    // The first joins, and is dropped while the batch still waits for the third.
    let (first_facts, second_facts, third_facts) = (first.facts(), second.facts(), third.facts());
    let mut gone = Box::pin(hooks.deploy_challenges(&first_facts, &first.answers, one));
    assert!(futures_util::poll!(&mut gone).is_pending());
    let mut stays = Box::pin(hooks.deploy_challenges(&second_facts, &second.answers, two));
    assert!(futures_util::poll!(&mut stays).is_pending());
    drop(gone);
    let last = hooks.deploy_challenges(&third_facts, &third.answers, three);
    let (second, third) = tokio::join!(stays, last);
    second.unwrap();
    third.unwrap();
    assert_eq!(rig.log("batch"), ["deploy_challenge 2 n0.c1.example batch"]);
}
