//! One installation of dehydrated, which the real one and hydrant take turns with.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{Output, Rig, Test, dehydrated, hydrant};

/// An installation, and both programs under the name of dehydrated.
pub(super) struct Installed {
    pub(super) test: Test,
}

impl Installed {
    /// A list, and a configuration with dns-01; `more` is appended.
    pub(super) fn new(rig: &Rig, domains: &str, more: &str) -> Installed {
        let test = Test::new().rig(rig).domains(domains).without_env("HYDRANT_");
        let config = format!(
            "CA={}\nCURL_OPTS='--cacert {} --noproxy *'\nKEY_ALGO=prime256v1\nACCOUNT_KEY_ALGO=prime256v1\n\
             CHALLENGETYPE=dns-01\n{more}\n",
            rig.ca(),
            rig.environment()["HYDRANT_CA_ROOTS"],
        );
        let record = test.path("record");
        let test = test.write("config", config).env("RECORD", record);
        for (side, program) in [("theirs", &*dehydrated()), ("ours", Path::new(hydrant()))] {
            fs::create_dir(test.path(side)).unwrap();
            symlink(program, test.path(side).join("dehydrated")).unwrap();
        }
        Installed { test }
    }

    /// The same with a variable in the environment.
    pub(super) fn env(self, name: &str, value: &str) -> Installed {
        Installed { test: self.test.env(name, value) }
    }

    /// The same with an executable bash script.
    pub(super) fn hook_script(self, path: &str, body: &str) -> Installed {
        Installed { test: self.test.hook_script(path, body) }
    }

    /// Runs the real dehydrated.
    #[track_caller]
    pub(super) fn theirs(&self, arguments: &[&str]) -> Output {
        self.run("theirs", arguments)
    }

    /// Runs hydrant in its place.
    #[track_caller]
    pub(super) fn ours(&self, arguments: &[&str]) -> Output {
        self.run("ours", arguments)
    }

    #[track_caller]
    fn run(&self, side: &str, arguments: &[&str]) -> Output {
        let config = self.test.path("config").display().to_string();
        let all: Vec<&str> = ["--config", &config].into_iter().chain(arguments.iter().copied()).collect();
        self.test.program(self.test.path(side).join("dehydrated"), &all)
    }

    /// The operations that the hook was called for since the last time, probes left out, with the certificates'
    /// first names where the call is about one.
    #[track_caller]
    pub(super) fn calls(&self) -> Vec<String> {
        let calls = self.test.calls("record");
        if !calls.is_empty() {
            self.test.forget("record");
        }
        let calls = calls.iter().filter(|call| call.operation != "probe");
        let line = |call: &crate::support::Call| {
            let about = call.arguments.first().filter(|_| call.operation.ends_with("_cert"));
            let about = about.filter(|_| call.operation != "sync_cert");
            about.map_or(call.operation.clone(), |name| format!("{} {name}", call.operation))
        };
        calls.map(line).collect()
    }

    /// Everything that says who we are to the CA, by file.
    pub(super) fn account(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for directory in fs::read_dir(self.test.path("accounts")).unwrap() {
            for file in fs::read_dir(directory.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                files.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
        files.sort();
        files
    }
}
