//! Tests of the module above.

use super::*;

fn parse(line: &str) -> Result<Asked, Refusal> {
    Asked::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
}

fn arguments(line: &str) -> Arguments {
    match parse(line) {
        Ok(Asked::For(arguments)) => arguments,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn flags_are_read_as_go_reads_them() {
    let wanted = Arguments {
        action: Action::Vend {
            secret: "myapp".into(),
            names: vec!["myapp".into(), ".".into(), "*.a".into()],
        },
        staging: false,
        min_days: Some(28),
        mount: "secret".into(),
        prefix: "lecertvend/team/example.com".into(),
    };
    for line in [
        "-vend -mount secret -prefix lecertvend/team/example.com -secret myapp -names myapp,.,*.a -mindays 28",
        "--vend --mount=secret --prefix=/lecertvend/team/example.com/ --secret=myapp --names=myapp,.,*.a --mindays=28",
        "-names myapp,.,*.a -vend=T -renew=false -staging=0 -mindays 5 -mindays 28 -secret myapp -mount /secret \
         -prefix lecertvend/team/example.com",
    ] {
        assert_eq!(arguments(line), wanted, "{line}");
    }
    let renew = arguments("-renew -mount secret -prefix lecertvend/team -secret unused");
    assert_eq!((renew.action, renew.min_days, renew.staging), (Action::Renew, None, false));
    assert_eq!(parse("-renew -h"), Ok(Asked::Help));
    assert_eq!(parse("--help"), Ok(Asked::Help));
}

#[test]
fn what_is_wrong_with_a_command_line_is_said() {
    let vend = "-vend -mount m -prefix a/b.c";
    for (line, message) in [
        ("", "say either -vend or -renew"),
        ("-vend -renew", "say either -vend or -renew"),
        ("-renew -prefix a/b.c", "-mount is missing"),
        ("-renew -mount m", "-prefix is missing"),
        ("-renew -mount m -prefix /", "-prefix is missing"),
        ("-renew -mount", "-mount needs a value"),
        ("-renew -mindays soon", "-mindays: `soon` is no number of days"),
        ("-vend=maybe", "-vend: `maybe` is no yes or no"),
        ("-vend true", "`true` is no flag: yes and no are written -flag=true and -flag=false"),
        ("vend", "`vend` is no flag"),
        ("-", "`-` is no flag"),
        ("-names", "-names needs a value"),
        ("-mindaze 3", "there is no flag -mindaze"),
    ] {
        assert_eq!(parse(line).unwrap_err().to_string(), message, "{line}");
    }
    for (more, message) in [
        (" -names a", "-secret is missing"),
        (" -secret s", "-names is missing"),
        (" -secret s -names a,,b", "-names: there is nothing before, between or behind its commas"),
    ] {
        assert_eq!(parse(&format!("{vend}{more}")).unwrap_err().to_string(), message, "{more}");
    }
}

#[test]
fn the_usage_names_every_flag() {
    let usage = usage("lecertvend");
    for flag in
        ["vend", "renew", "staging", "mindays", "mount", "prefix", "secret", "names", "version", "help"]
    {
        assert!(usage.lines().any(|line| line.starts_with(&format!("  -{flag} "))), "{flag}");
    }
    assert!(usage.lines().all(|line| line.len() <= 120), "{usage}");
}
