//! Jobs of one team at the same time.

use std::time::Duration;

use super::{RENEW, TEAM, VEND, ZONE, ZONES, assert_vended, place, put_aged, rig};
use crate::concurrency::accounts;
use crate::support::{Cloudflare, Vault};

#[test]
fn two_first_jobs_make_one_account_key_and_one_account() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    let jobs = ["a", "b"].map(|name| test.start_lecertvend(&VEND.replace("myapp", name)));
    for job in jobs {
        job.wait().code(0).stderr("");
    }
    assert_eq!((accounts(&rig), rig.certificates_issued(), vault.versions(TEAM)), (1, 2, 2));
    for name in ["a", "b"] {
        assert_vended(&rig, &test, &format!("{ZONE}/{name}"), &[&format!("{name}.teamdomain.com")]);
    }
}

#[test]
fn twenty_jobs_of_one_team_get_a_certificate_a_name_and_none_fails() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare).deadline(Duration::from_mins(3));
    // Ten names, each wanted by two jobs.
    let jobs: Vec<_> = (0..20)
        .map(|number| test.start_lecertvend(&VEND.replace("myapp", &format!("app{}", number % 10))))
        .collect();
    for job in jobs {
        job.wait().code(0).stderr("");
    }
    assert_eq!((accounts(&rig), rig.certificates_issued()), (1, 10));
    for number in 0..10 {
        let (secret, name) = (format!("{ZONE}/app{number}"), format!("app{number}.teamdomain.com"));
        assert_vended(&rig, &test, &secret, &[&name]);
        assert_eq!(Vault::new(&rig).versions(&secret), 1);
    }
    assert!(cloudflare.records().is_empty(), "{:?}", cloudflare.records());
}

#[test]
fn a_renewal_of_all_and_a_job_for_one_share_the_work() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    for name in ["myapp", "b", "c"] {
        put_aged(&rig, &test, &format!("{ZONE}/{name}"), &[&format!("{name}.teamdomain.com")], 80, 10);
    }
    let jobs = [RENEW.to_owned(), RENEW.to_owned(), format!("{VEND} -mindays 28")];
    let jobs = jobs.map(|line| test.start_lecertvend(&line));
    for job in jobs {
        job.wait().code(0).stderr("");
    }
    assert_eq!(rig.certificates_issued(), 3);
}
