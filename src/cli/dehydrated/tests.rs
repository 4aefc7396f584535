use super::*;

fn parse(words: &[&str]) -> Result<Arguments, Refusal> {
    let words: Vec<OsString> = words.iter().map(Into::into).collect();
    Arguments::parse(&words, Parameters::default())
}

fn refusal(words: &[&str]) -> String {
    parse(words).unwrap_err().to_string()
}

#[test]
fn takes_the_line_that_cron_jobs_have() {
    let line = ["--config", "/etc/dehydrated/config", "--cron", "--hook", "/path/hook.sh", "--keep-going"];
    let expected = Parameters {
        config: Some("/etc/dehydrated/config".into()),
        hook: Some("/path/hook.sh".into()),
        keep_going: Some("yes".into()),
        ..Parameters::default()
    };
    let parsed = parse(&line).unwrap();
    assert_eq!(parsed, Arguments { command: Some(Command::Cron), parameters: expected });
}

#[test]
fn the_first_fault_from_the_left_is_told() {
    assert_eq!(refusal(&["-c", "-cx", "-e"]), "Unknown parameter detected: -cx");
    assert_eq!(refusal(&["-c", "-e", "-cx"]), SECOND);
    assert_eq!(refusal(&["-c", "-s"]), SECOND);
    assert_eq!(refusal(&["--config=x"]), "Unknown parameter detected: --config=x");
    assert_eq!(refusal(&["-f", "-x"]), "Invalid argument: -x");
    assert_eq!(refusal(&["-f", ""]), refusal(&["-f"]));
    assert_eq!(refusal(&["--ca", "a", "--ca", "b"]), "CA can only be specified once!");
    assert_eq!(refusal(&["--alias", "a", "--alias", "b"]), "Alias can only be specified once!");
}

#[test]
fn help_ends_the_reading() {
    assert_eq!(parse(&["-c", "-h", "--nonsense"]).unwrap().command, Some(Command::Help));
    assert_eq!(parse(&[]).unwrap().command, Some(Command::Help));
    assert_eq!(parse(&[""]).unwrap().command, Some(Command::Help));
    assert_eq!(refusal(&["", ""]), "Unknown parameter detected: ");
    assert_eq!(parse(&["-x"]).unwrap().command, None);
}

#[test]
fn names_of_several_options_are_one_line() {
    let parsed = parse(&["-c", "-d", "a.example b.example", "-d", "c.example > x"]).unwrap();
    assert_eq!(parsed.parameters.domain, Some("a.example b.example c.example > x".into()));
}

const SECOND: &str = "Only one command can be executed at a time. See help (-h) for more information.";
