//! Tests of the module above.

use clap::{CommandFactory as _, error::ErrorKind};

use super::*;

fn parse(words: &str) -> Result<Arguments, clap::Error> {
    Arguments::read(&words.split_whitespace().map(OsString::from).collect::<Vec<_>>())
}

#[test]
fn the_definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn flags_may_stand_on_either_side_of_the_command() {
    let before = parse("hydrant --challenge dns-01 -k ./a.sh -k ./b.sh run --only a b").unwrap();
    let after = parse("hydrant run --only a b --challenge dns-01 -k ./a.sh -k ./b.sh").unwrap();
    for parsed in [before, after] {
        assert_eq!(parsed.options.hook, ["./a.sh", "./b.sh"]);
        assert_eq!(parsed.options.challenge.unwrap().as_str(), "dns-01");
        assert!(matches!(parsed.command, Command::Run(run) if run.selection.only.len() == 2));
    }
    assert_eq!(parse("hydrant run --reuse-key").unwrap().options.reuse_key, Some(true));
    assert_eq!(parse("hydrant run --reuse-key=false").unwrap().options.reuse_key, Some(false));
}

#[test]
fn a_flag_may_have_the_name_of_a_command_as_its_value() {
    let parsed = parse("hydrant --config run plan --only lint").unwrap();
    assert_eq!(parsed.options.config, Some("run".into()));
    assert!(matches!(parsed.command, Command::Plan(plan) if plan.selection.only.len() == 1));
}

#[test]
fn daily_commands_are_defined_as_all_are() {
    let whole = Arguments::command();
    for (name, define) in DAILY {
        let defined = define(clap::Command::new(name));
        let arguments = |command: &clap::Command| {
            command.get_arguments().map(|argument| format!("{argument:?}")).collect::<Vec<_>>()
        };
        assert_eq!(arguments(&defined), arguments(whole.find_subcommand(name).unwrap()), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_about_the_whole_command_line() {
    for words in [
        "hydrant run --jbos 3",
        "hydrant run --help",
        "hydrant --only run rnu",
        "hydrant hook",
        "hydrant help run",
    ] {
        let whole = Arguments::try_parse_from(words.split_whitespace()).unwrap_err();
        assert_eq!(parse(words).unwrap_err().to_string(), whole.to_string(), "{words}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for words in [
        "hydrant",
        "hydrant rnu",
        "hydrant run --jobs 0",
        "hydrant run -4 -6",
        "hydrant run -q -v",
        "hydrant issue",
        "hydrant run --renew-before 30",
        "hydrant config",
    ] {
        assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words}");
    }
    assert_eq!(parse("hydrant --help").unwrap_err().kind(), ErrorKind::DisplayHelp);
    let message = parse("hydrant run --renew-before 30").unwrap_err().to_string();
    assert!(message.contains("`30` has no unit"), "{message}");
}

#[test]
fn help_documents_the_exit_codes_and_every_flag() {
    let help = Arguments::command().render_long_help().to_string();
    assert!(help.starts_with("A hook-driven ACME runner"), "{help}");
    for code in ["0", "1", "2", "3", "4", "5", "75", "129", "130", "143"] {
        assert!(help.lines().any(|line| line.starts_with(&format!("{code:>5}  "))), "{code} in {help}");
    }
    for command in Arguments::command().get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
    }
}

#[test]
fn the_examples_in_the_help_texts_can_be_typed() {
    let mut command = Arguments::command();
    let texts: Vec<String> = std::iter::once(command.render_long_help().to_string())
        .chain(command.get_subcommands_mut().map(|command| command.render_long_help().to_string()))
        .collect();
    let mut examples = 0;
    for line in texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("  hydrant "))
    {
        // Up to what a shell would take, or the explanation behind it.
        let words = line.split([';', '|', '>']).next().unwrap_or(line).split("  ").next().unwrap_or(line);
        let words = words.replace('\'', "");
        assert!(parse(&format!("hydrant {words}")).is_ok(), "{words}");
        examples += 1;
    }
    assert!(examples > 20, "{examples}");
}
