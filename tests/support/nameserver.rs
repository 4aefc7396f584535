use std::io::Write;
use std::process::{Command, Stdio};

use super::rig::Rig;
use super::test::Test;

/// The hook that people copy, as it is.
pub(crate) const NSUPDATE_HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hooks/nsupdate.sh");

/// The real name servers of a rig, for the zone `example`.
pub(crate) struct Nameserver<'r> {
    rig: &'r Rig,
}

impl<'r> Nameserver<'r> {
    pub(crate) fn of(rig: &'r Rig) -> Nameserver<'r> {
        Nameserver { rig }
    }

    /// A rig with one name server.
    #[track_caller]
    pub(crate) fn alone() -> Rig {
        Rig::with(&["--nonce-reject", "0", "--nameserver"])
    }

    /// A rig with a second name server, which has the zone as it is now.
    #[track_caller]
    pub(crate) fn with_secondary() -> Rig {
        let rig = Rig::with(&["--nonce-reject", "0", "--nameserver", "--secondary"]);
        Nameserver::of(&rig).tell_secondary();
        rig
    }

    pub(crate) fn secondary(&self) -> &str {
        &self.rig.environment()["RIG_SECONDARY"]
    }

    /// Has the second name server look at the first, and waits until it has what that has.
    #[track_caller]
    pub(crate) fn tell_secondary(&self) {
        let socket = self.rig.directory().join("secondary/knot.sock");
        let told = Command::new("/usr/sbin/knotc")
            .args(["--blocking", "--socket"])
            .arg(socket)
            .args(["zone-refresh", "example"])
            .output()
            .unwrap();
        assert!(told.status.success(), "{told:?}");
    }

    /// Changes the zone by lines of nsupdate.
    #[track_caller]
    pub(crate) fn update(&self, lines: &str) {
        let mut nsupdate = Command::new("nsupdate")
            .args(["-k", &self.rig.environment()["RIG_TSIG_FILE"]])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let script = format!("server {}\n{lines}\nsend\n", self.rig.address());
        nsupdate.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(nsupdate.wait().unwrap().success());
    }

    /// A place where the hook that people copy proves names at the first name server, which is also the resolver.
    #[track_caller]
    pub(crate) fn test(&self, list: &str, settings: &str) -> Test {
        let address = self.rig.address();
        let config = format!(
            "accept_terms: true\nhooks: [{{command: {NSUPDATE_HOOK}}}]\nresolvers: {address}\n{settings}\n"
        );
        self.hook_settings(Test::new().rig(self.rig).domains(list).config(&config)).args(["run"])
    }

    /// What that hook has to know.
    pub(crate) fn hook_settings(&self, test: Test) -> Test {
        test.env("NSUPDATE_SERVER", self.rig.address())
            .env("NSUPDATE_RESOLVER", self.rig.address())
            .env("NSUPDATE_KEY_FILE", &self.rig.environment()["RIG_TSIG_FILE"])
    }
}
