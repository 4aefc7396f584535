//! `hydrant completions` and `hydrant man`: both from the command line's own definition.

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::hydrant::Arguments;

/// The completions for `shell`, to be sourced or installed.
#[must_use]
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page in roff: of `command` (`account register` too), or of the whole program without one. `None` if there is
/// no such command.
#[must_use]
pub fn man(command: &str) -> Option<String> {
    let mut page = without_help(Arguments::command());
    // Gives subcommands the name of their page: `hydrant-account-register`.
    page.build();
    for word in command.split_whitespace() {
        page = page.find_subcommand(word)?.clone();
    }
    let mut roff = Vec::new();
    // Writing to a vector cannot fail.
    clap_mangen::Man::new(page).render(&mut roff).ok()?;
    Some(String::from_utf8_lossy(&roff).into_owned())
}

/// Without the subcommands `help`: pages are for those that have some.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

const NAME: &str = "hydrant";

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_gets_completions() {
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            assert!(script.contains("sign-csr") && script.contains("accept-terms"), "{shell}");
        }
    }

    #[test]
    fn every_command_has_a_page() {
        let page = man("").unwrap();
        assert!(page.contains(".TH hydrant 1"), "{}", &page[..200]);
        assert!(page.contains("Exit codes"));
        for command in Arguments::command().get_subcommands() {
            let page = man(command.get_name()).unwrap();
            let heading = format!(".TH hydrant-{} 1", command.get_name());
            assert!(page.contains(&heading), "{page}");
        }
        assert!(man("account register").is_some());
        assert_eq!(man("acount"), None);
    }
}
