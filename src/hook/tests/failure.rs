//! What a hook is told to do and cannot.

use super::*;

#[tokio::test]
async fn a_hook_that_fails_at_the_probe_is_refused_with_a_hint() {
    let rig = Rig::new();
    let error =
        rig.start(vec![rig.hook("bad", "#!/bin/sh\necho \"unknown: $1\" | cut -c -13; exit 1\n")]).await;
    let error = error.unwrap_err();
    assert!(error.to_string().starts_with("hook `bad` ended with exit code 1 at `this_hookscript_is_broken"));
    assert_eq!(error.hints(), ["a hook must end with exit code 0 for operations that it does not know"]);
    let error = rig.start(vec![rig.hook("new", "#!/bin/sh\necho '{\"hydrant\": 2}'\n")]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "hook `new` cannot be used: it speaks version 2 of the hook protocol, this hydrant speaks 1"
    );
}

#[tokio::test]
async fn every_missing_hook_is_named() {
    let rig = Rig::new();
    let missing =
        |name: &str| HookSettings { command: format!("/nowhere/{name}").into(), ..rig.hook(name, "") };
    let error = rig.start(vec![missing("one"), rig.hook("fine", OLD), missing("two")]).await.unwrap_err();
    assert_eq!(error.hooks(), ["one", "two"]);
    assert_eq!(
        error.to_string(),
        "hook `one` cannot be used: `/nowhere/one` does not exist; hook `two` cannot be used: `/nowhere/two` does not exist"
    );
    assert!(rig.log("fine").is_empty());
}

#[tokio::test]
async fn a_hook_with_a_missing_interpreter_is_explained() {
    let rig = Rig::new();
    let error = rig.start(vec![rig.hook("crlf", "#!/bin/sh\r\nexit 0\r\n")]).await.unwrap_err();
    assert!(matches!(error, HookError::Start { .. }));
    assert!(error.hints()[0].contains("CR LF"));
}

#[tokio::test]
async fn cleaning_goes_on_after_a_failure_and_tells_all() {
    let rig = Rig::new();
    let script = format!(
        "{OLD}[ \"$1 $2\" != 'clean_challenge n1.c1.example' ] || {{ echo no such record; exit 4; }}\n"
    );
    let hooks = rig.start(vec![rig.hook("first", &script), rig.hook("second", &script)]).await.unwrap();
    let certificate = Certificate::new(1, 3);
    let error = hooks.clean_challenges(&certificate.facts(), &certificate.answers).await.unwrap_err();
    assert_eq!(error.hooks(), ["first", "second"]);
    assert!(error.to_string().contains("exit code 4 at `clean_challenge`: no such record; hook `second`"));
    for name in ["first", "second"] {
        assert_eq!(rig.log(name).len(), 4, "the probe and three names");
    }
    hooks.clean_challenges_of(&["second"], &certificate.facts(), &certificate.answers[..1]).await.unwrap();
    assert_eq!((rig.log("first").len(), rig.log("second").len()), (4, 5));
}

#[tokio::test]
async fn a_failure_names_what_was_withheld() {
    let mut rig = Rig::new();
    rig.context.environment.push(("VAULT_TOKEN".into(), "hvs.secret".into()));
    rig.context.withheld = ["VAULT_TOKEN".into()].into();
    let script = "#!/bin/sh\n[ $1 != startup_hook ] || [ -n \"$VAULT_TOKEN\" ]\n";
    let hooks = rig.start(vec![rig.hook("vault", script)]).await.unwrap();
    let error = hooks.startup().await.unwrap_err();
    assert_eq!(
        error.hints(),
        ["VAULT_TOKEN was withheld from it; name it in the hook's `pass_env` if it needs it"]
    );
    let allowed = HookSettings { pass_env: vec!["VAULT_TOKEN".into()], ..rig.hook("vault", script) };
    rig.start(vec![allowed]).await.unwrap().startup().await.unwrap();
}

#[tokio::test]
async fn after_a_stop_only_cleaning_and_the_exit_hook_are_called() {
    let mut rig = Rig::new();
    let (handle, stop) = Stop::new();
    rig.context.stop = stop;
    let script = format!("{OLD}[ $1 = deploy_challenge ] && {{ echo ready; exec sleep 60; }}\nexit 0\n");
    let lines = Rc::new(RefCell::new(Some(handle)));
    let sink = move |line: HookLine<'_>| {
        if line.text == "ready"
            && let Some(handle) = lines.borrow_mut().take()
        {
            handle.stop();
        }
    };
    let hooks =
        Hooks::start(vec![rig.hook("slow", &script)], rig.context.clone(), Rc::new(sink)).await.unwrap();
    let certificate = Certificate::new(1, 1);
    let facts = certificate.facts();
    let error = hooks.deploy_challenges(&facts, &certificate.answers, hooks.approach()).await.unwrap_err();
    assert!(error.is_stopped());
    assert_eq!(error.to_string(), "hook `slow` was stopped at `deploy_challenge`: ready");
    let error = hooks.deploy_cert("slow", &facts, &Certificate::files(), 1).await.unwrap_err();
    assert!(error.is_stopped());
    hooks.clean_challenges(&facts, &certificate.answers).await.unwrap();
    hooks.exit(&[], Some("interrupted")).await.unwrap();
    assert_eq!(
        rig.log("slow")[1..],
        [
            "deploy_challenge n0.c1.example token value",
            "clean_challenge n0.c1.example token value",
            "exit_hook interrupted"
        ]
    );
}
