use std::fs;
use std::process::Command;
use std::time::Duration;

use super::output::Output;
use super::test::{Test, hydrant};

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// Of hydrant and of all programs it waited for.
    pub(crate) cpu: Duration,
    /// The part of it that calls of the rig's compiled hook cost; other hooks are not in it.
    pub(crate) hooks: Duration,
}

impl Measured {
    /// What hydrant itself cost, with the rig's compiled hook.
    pub(crate) fn own_cpu(&self) -> Duration {
        self.cpu.saturating_sub(self.hooks)
    }
}

impl Test {
    /// Runs hydrant with the arguments of [`args`](Self::args), and measures it.
    #[track_caller]
    pub(crate) fn run_measured(&self) -> (Output, Measured) {
        let (times, hooks) = (self.path("times"), self.path("hook-cpu"));
        drop(fs::remove_file(&hooks));
        let output = self
            .spawn(
                Command::new("bash")
                    .args(["-c", r#"TIMEFORMAT="%3R %3U %3S"; { time "$@" 2>&3; } 3>&2 2>times"#, "bash"])
                    .arg(hydrant())
                    .args(&self.arguments)
                    .env("RIG_HOOK_CPU", &hooks),
            )
            .wait();
        let seconds: Vec<f64> = fs::read_to_string(times)
            .unwrap()
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        let hooks = fs::read_to_string(&hooks).unwrap_or_default();
        let measured = Measured {
            wall: Duration::from_secs_f64(seconds[0]),
            cpu: Duration::from_secs_f64(seconds[1] + seconds[2]),
            hooks: Duration::from_nanos(hooks.lines().map(|line| line.parse::<u64>().unwrap()).sum()),
        };
        (output, measured)
    }
}
