use std::rc::Rc;

use hydrant::commands::gather::Gathered;
use hydrant::commands::run::{self, RunOptions};
use hydrant::config::{ChallengeType, Config, Format, Proxy};
use hydrant::error::{Error, ExitCode};
use hydrant::report::{ReportOptions, Reporter, Verbosity, Words};

use super::{Rig, Test};

/// The engine behind the doors, with values that not every door has a word for. It runs in the test's own process.
pub(crate) struct Engine {
    pub(crate) config: Config,
}

impl Engine {
    /// In the test's directory, at the rig's CA, with http-01 and a web server's directory.
    pub(crate) fn new(test: &Test, rig: &Rig) -> Engine {
        let mut config = Config::in_directory(test.path("www").parent().unwrap());
        config.network.roots = vec![rig.environment()["HYDRANT_CA_ROOTS"].clone().into()];
        config.network.proxy = Proxy::None;
        config.account.accept_terms = true;
        std::fs::create_dir_all(test.path("www")).unwrap();
        let base = &mut config.certificates.base;
        base.ca = rig.ca().parse().unwrap();
        base.challenge = ChallengeType::http_01();
        base.webroot = Some(test.path("www"));
        Engine { config }
    }

    /// `hydrant run`.
    pub(crate) fn run(&self, force: bool) -> Result<ExitCode, Error> {
        let options = RunOptions { force, ..RunOptions::default() };
        self.with(async |gathered| run::run(&gathered, options).await)
    }

    /// Anything else on the same configuration.
    pub(crate) fn with<T: Send>(
        &self,
        work: impl AsyncFnOnce(Gathered) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        // A test's thread has a smaller stack than the main thread of a program.
        let in_a_thread = || -> Result<T, Error> {
            let options = ReportOptions {
                format: Format::Text,
                verbosity: Verbosity::Quiet,
                color: Some(false),
                only_documents: false,
                words: Words::Hydrant,
            };
            let reporter = Rc::new(Reporter::new(options));
            let gathered = Gathered::with_list(self.config.clone(), reporter)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, work(gathered))
        };
        std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().stack_size(16 << 20);
            builder.spawn_scoped(scope, in_a_thread).unwrap().join().unwrap()
        })
    }
}
