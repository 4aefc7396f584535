//! A job that is killed (-9) costs the next one nothing.

use serde_json::json;

use super::{TEAM, VEND, ZONE, ZONES, assert_vended, place, rig, team};
use crate::support::{Cloudflare, Rig, Test, Vault, cloudflare_hook};

/// The next job waits for the killed one's lease no longer than it lasts, and gets the one certificate.
#[track_caller]
fn is_made_good(rig: &Rig, test: &Test, name: &str, issued: usize) {
    test.lecertvend(&VEND.replace("myapp", name)).code(0);
    assert_vended(rig, test, &format!("{ZONE}/{name}"), &[&format!("{name}.teamdomain.com")]);
    assert_eq!(rig.certificates_issued(), issued, "{name}");
}

#[test]
fn a_job_killed_at_any_request_to_the_ca_is_made_good_by_the_next() {
    let rig = rig(&["--faults"]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare).env("HYDRANT_VAULT_LEASE", "1s");
    test.lecertvend(&VEND.replace("myapp", "first")).code(0);
    for (issued, kind) in
        ["newOrder", "authorization", "challenge", "finalize", "certificate"].iter().enumerate()
    {
        let name = format!("app{issued}");
        rig.faults(&json!([{ "kind": kind, "do": "kill-after" }]));
        let killed = test.lecertvend(&VEND.replace("myapp", &name));
        assert!(killed.was_killed(), "{kind}: {}", killed.stderr);
        rig.faults(&json!([]));
        is_made_good(&rig, &test, &name, 2 + issued);
        assert!(cloudflare.records().is_empty(), "{kind}: {:?}", cloudflare.records());
    }
}

/// A place whose team has a hook that waits at its first call.
fn at_the_gate(rig: &Rig, cloudflare: &Cloudflare) -> Test {
    let script = r#"
        if [ "$1" = deploy_challenge ] && mkdir at-the-gate 2>/dev/null; then sleep 60; fi
        exec "$REAL" "$@"
    "#;
    let test = place(rig, cloudflare).env("HYDRANT_VAULT_LEASE", "1s");
    let test = test.hook_script("dns.sh", script).env("REAL", cloudflare_hook());
    let mut fields = team(cloudflare);
    fields["dnsHook"] = json!(test.path("dns.sh").display().to_string());
    Vault::new(rig).write(TEAM, &fields);
    test
}

#[test]
fn a_job_killed_by_kill_9_while_its_hook_works_is_made_good_by_the_next() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = at_the_gate(&rig, &cloudflare);
    let mut job = test.start_lecertvend(VEND);
    job.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
    job.signal("KILL");
    job.wait();
    is_made_good(&rig, &test, "myapp", 1);
    assert_eq!(rig.orders_made(), 1);
}

#[test]
fn a_job_that_is_terminated_cleans_up_and_ends_with_1() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = at_the_gate(&rig, &cloudflare);
    let mut job = test.start_lecertvend(VEND);
    job.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
    job.signal("TERM");
    job.wait().code(1);
    assert!(cloudflare.records().is_empty());
    is_made_good(&rig, &test, "myapp", 1);
}
