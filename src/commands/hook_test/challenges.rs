//! Deploying and cleaning: one by one, chained, and in a batch.

use std::collections::BTreeSet;
use std::io;

use hydrant_hook_protocol::{
    BatchFact, Chaining, HookCall, Operation, Triple, TripleOutcome, env, read_results, write_batch,
};

use super::Tester;

impl Tester<'_> {
    pub(super) async fn challenges(&mut self) -> io::Result<()> {
        if !self.wants(Operation::DeployChallenge) {
            self.skip("deploys challenges", "it does not want `deploy_challenge`");
            return Ok(());
        }
        let most = self.report.announced.as_ref().map_or(
            // Batches are only for hooks that announce them.
            self.options.chain.min(Chaining::Certificate),
            |said| said.challenges,
        );
        self.one_by_one().await;
        if most >= Chaining::Certificate {
            self.chained().await;
        }
        if most == Chaining::Batch {
            self.batch(Operation::DeployChallenge).await?;
            self.batch(Operation::CleanChallenge).await?;
        }
        if self.wants(Operation::CleanChallenge) {
            let call = HookCall::CleanChallenge(self.triples(1));
            let trial = self.call_for_certificate(&call, &[]).await;
            // After a crash the next run cleans what may be clean already.
            self.judge("cleans what is not there any more", trial);
        }
        Ok(())
    }

    /// Both answers of a name and its wildcard are deployed before the first is cleaned.
    async fn one_by_one(&mut self) {
        for (triple, what) in self.triples(2).into_iter().zip(["", ", a second value for the same name"]) {
            let trial = self.call_for_certificate(&HookCall::DeployChallenge(vec![triple]), &[]).await;
            self.judge(&format!("deploys one challenge{what}"), trial);
        }
        if self.wants(Operation::CleanChallenge) {
            for (triple, what) in self.triples(2).into_iter().zip(["", ", and the second value"]) {
                let trial = self.call_for_certificate(&HookCall::CleanChallenge(vec![triple]), &[]).await;
                self.judge(&format!("cleans one challenge{what}"), trial);
            }
        }
    }

    async fn chained(&mut self) {
        let trial = self.call_for_certificate(&HookCall::DeployChallenge(self.triples(3)), &[]).await;
        self.judge("deploys three challenges of one certificate in one call", trial);
        if self.wants(Operation::CleanChallenge) {
            let trial = self.call_for_certificate(&HookCall::CleanChallenge(self.triples(3)), &[]).await;
            self.judge("cleans three challenges of one certificate in one call", trial);
        }
    }

    async fn batch(&mut self, operation: Operation) -> io::Result<()> {
        if !self.wants(operation) {
            return Ok(());
        }
        let triples = self.triples(3);
        let fact = |certificate: &str, triples: Vec<usize>| BatchFact {
            certificate: certificate.into(),
            names: vec![self.options.domain.to_string()],
            challenge: self.options.challenge.clone(),
            ca: "https://ca.invalid/directory".into(),
            attempt: 1,
            owner: None,
            triples,
        };
        let (batch, results) = (self.scratch.path().join("batch"), self.scratch.path().join("results"));
        let facts = vec![fact("hook-test-1", vec![0, 2]), fact("hook-test-2", vec![1])];
        std::fs::write(&batch, write_batch(facts)?)?;
        std::fs::write(&results, "")?;
        let extra = [
            (env::BATCH, batch.display().to_string()),
            (env::RESULTS, results.display().to_string()),
            (env::CHALLENGE, self.options.challenge.clone()),
        ];
        let (call, verb) = match operation {
            Operation::CleanChallenge => (HookCall::CleanChallenge(triples), "cleans"),
            _ => (HookCall::DeployChallenge(triples), "deploys"),
        };
        let trial = self.trials.call(&call, None, &extra).await;
        let name = format!("{verb} the challenges of several certificates in one call");
        if self.judge(&name, trial).is_none() {
            return Ok(());
        }
        let said = read_results(&std::fs::read_to_string(&results).unwrap_or_default());
        let reported: BTreeSet<_> = said.iter().map(|result| result.index).collect();
        let name = "writes a result for each challenge of a batch";
        if let Some(bad) = said.iter().find(|result| result.outcome != TripleOutcome::Done) {
            let message = bad.message.as_deref().unwrap_or("without a message");
            self.fail(name, format!("challenge {} was not done: {message}", bad.index));
        } else if reported == BTreeSet::from([0, 1, 2]) {
            self.ok(name, None);
        } else {
            self.fail(name, format!("of the challenges 0, 1 and 2 it reported {reported:?}"));
        }
        Ok(())
    }

    /// Answers that look real: tokens and values of 43 characters of base64url.
    pub(super) fn triples(&self, count: usize) -> Vec<Triple> {
        let one = |index: usize| {
            let token = format!("hydrant-hook-test-token-{index}-{}", "t".repeat(17));
            let value = match self.options.challenge.as_str() {
                "http-01" => format!("{token}.{}", "p".repeat(43)),
                "tls-alpn-01" => vec![format!("0{index}"); 32].join(":"),
                _ => format!("hydrant-hook-test-value-{index}-{}", "v".repeat(17)),
            };
            Triple { identifier: self.options.domain.base().to_owned(), token, value }
        };
        (0..count).map(one).collect()
    }
}
