//! Telling which values there are: what was deployed is listed, and what was cleaned is not.

use std::io;

use hydrant_hook_protocol::{HookCall, Listed, NotListed, Operation, Triple, env, read_listing};

use super::Tester;

impl Tester<'_> {
    pub(super) async fn listing(&mut self) -> io::Result<()> {
        // Nobody has to announce it.
        if !self.report.announced.as_ref().is_some_and(|said| said.wants(Operation::ListChallenges)) {
            return Ok(());
        }
        if !self.options.challenge.starts_with("dns-") {
            self.skip("lists challenges", "values in DNS are listed alone: `--challenge dns-01` tries it");
            return Ok(());
        }
        if !self.wants(Operation::DeployChallenge) || !self.wants(Operation::CleanChallenge) {
            self.skip("lists challenges", "it does not want `deploy_challenge` and `clean_challenge`");
            return Ok(());
        }
        let triples = self.triples(1);
        let deploy = self.call_for_certificate(&HookCall::DeployChallenge(triples.clone()), &[]).await;
        if self.judge("deploys a challenge to list", deploy).is_some() {
            self.look("lists the challenge that it deployed", &triples[0], true).await?;
        }
        let clean = self.call_for_certificate(&HookCall::CleanChallenge(triples.clone()), &[]).await;
        if self.judge("cleans the challenge that it listed", clean).is_some() {
            self.look("no longer lists the challenge that it cleaned", &triples[0], false).await?;
        }
        Ok(())
    }

    /// Has the hook list what is there for the name of this challenge, and compares.
    async fn look(&mut self, check: &str, triple: &Triple, expected: bool) -> io::Result<()> {
        let results = self.scratch.path().join("listed");
        std::fs::write(&results, "")?;
        let extra = [(env::RESULTS, results.display().to_string())];
        let call = HookCall::ListChallenges(vec![triple.identifier.clone()]);
        let trial = self.trials.call(&call, None, &extra).await;
        if self.judge("takes `list_challenges` with names", trial).is_none() {
            return Ok(());
        }
        let mut listed = Vec::new();
        for line in read_listing(&std::fs::read_to_string(&results).unwrap_or_default()) {
            match line {
                Listed::Value(found) => listed.push((found.name, found.value)),
                Listed::Failed(NotListed { name, message }) => {
                    self.fail(check, format!("it could not look at {name}: {message}"));
                    return Ok(());
                }
            }
        }
        match (listed.contains(&(triple.identifier.clone(), triple.value.clone())), expected) {
            (true, false) => self.fail(check, "it is still among what it lists"),
            (false, true) => {
                self.fail(check, format!("it is not among the {} values that it lists", listed.len()));
            }
            _ => self.ok(check, None),
        }
        Ok(())
    }
}
