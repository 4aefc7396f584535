//! Which calls a hook gets, in which order, with what around them.

use super::pair::Pair;
use crate::support::Rig;

const LIST: &str = "a.example\n*.b.example b.example > both\nC.example www.c.example\n";

#[test]
fn a_hook_gets_the_calls_of_a_first_pass_and_of_one_with_nothing_due() {
    for chain in ["no", "yes"] {
        let rig = Rig::start();
        let pair = Pair::new(&rig, LIST, &format!("HOOK_CHAIN={chain}\nexport MY_KEY=secret")).registered();
        pair.both(&["--cron"], 0);
        let calls = pair.same_calls(&format!("a first pass, chain {chain}"));
        assert_eq!(calls.iter().filter(|call| *call == "deploy_cert").count(), 3);
        pair.same_files("a first pass");
        pair.both(&["--cron"], 0);
        let calls = pair.same_calls("nothing due");
        assert_eq!(calls.iter().filter(|call| *call == "unchanged_cert").count(), 3);
        pair.both(&["--cron", "--force", "--keep-going"], 0);
        pair.same_calls("forced");
    }
}
