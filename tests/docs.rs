//! What the documents say is so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Test;

const README: &str = include_str!("../README.md");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");
const HOOKS_PAGE: &str = "examples/hooks/README.md";
const HOOKS: &str = include_str!("../examples/hooks/README.md");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The code blocks of a document in that language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts = document.split(&fence[..]).skip(1);
    parts.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The cells of the table under a heading, without the table's own head.
#[track_caller]
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let section =
        document.split(&format!("\n## {heading}\n")).nth(1).expect(heading).split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    // An escaped bar is no border.
    let cells = |row: &str| {
        row.trim_matches('|')
            .replace("\\|", "\u{1}")
            .split('|')
            .map(|cell| cell.trim().replace('\u{1}', "|"))
            .collect()
    };
    rows.map(cells).collect()
}

/// What is in backticks in a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of subcommands in a help text.
fn subcommands(help: &str) -> BTreeSet<String> {
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap();
    let first = |line: &str| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).map(str::to_owned);
    let words = list.lines().filter_map(first);
    words.map(|line| line.split(' ').next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

/// All commands with their subcommands: `["run"], ["account", "register"] …`
fn commands(test: &Test) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for command in subcommands(&test.hydrant(&["--help"]).code(0).stdout) {
        let below = subcommands(&test.hydrant(&[&command, "--help"]).code(0).stdout);
        if below.is_empty() {
            all.push(vec![command]);
        } else {
            all.extend(below.into_iter().map(|below| vec![command.clone(), below]));
        }
    }
    assert!(all.len() > 15, "{all:?}");
    all
}

/// A command line of a document can be typed: it ends with its help and not with a usage error.
#[track_caller]
fn can_be_typed(test: &Test, line: &str) {
    let words = line.split(" #").next().unwrap().split([';', '|', '>']).next().unwrap();
    let words = words.strip_prefix("hydrant ").unwrap_or_else(|| panic!("{line}")).replace(['\'', '"'], "");
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.push("--help");
    let help = test.hydrant(&words).code(0).stderr("").stdout;
    let command: Vec<&str> = words.iter().take_while(|word| !word.starts_with('-')).copied().collect();
    assert!(help.contains(&format!("Usage: hydrant {}", command[0])), "{line}\n{help}");
}

#[test]
fn the_commands_of_the_readme_can_be_typed() {
    let test = Test::new();
    let mut seen = 0;
    for line in blocks(README, "sh").iter().flat_map(|block| block.lines()) {
        if let Some(target) = line.strip_prefix("make ") {
            let target = target.split_whitespace().next().unwrap();
            let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
            assert!(makefile.contains(&format!("\n{target}:")), "{line}");
        } else {
            can_be_typed(&test, line);
        }
        seen += 1;
    }
    assert!(seen >= 7, "{seen}");
    for line in quoted(README).filter(|text| text.starts_with("hydrant ")) {
        can_be_typed(&test, line);
    }
}

#[test]
fn the_first_certificate_of_the_readme_is_a_good_configuration() {
    let (yaml, list) = (blocks(README, "yaml"), blocks(README, "text"));
    let [yaml] = yaml[..] else { panic!("{} yaml blocks", yaml.len()) };
    let [list] = list[..] else { panic!("{} text blocks", list.len()) };
    let test = Test::new().config(yaml).domains(list).hook_script("dns-hook.sh", "");
    test.hydrant(&["config", "check"]).code(0).stdout("ok: [DIR]/hydrant.yml\n").stderr("");
    // example.com has no public suffix's fault: it is one of the names kept for documents.
    test.hydrant(&["lint", "--deny-warnings"]).code(0).stdout("2 certificates, no findings\n");
    test.hydrant(&["plan"]).code(0).stdout_contains("issue  apps             nothing is stored\n");
}

#[test]
fn the_readme_lists_every_command_and_every_flag_it_names_exists() {
    let test = Test::new();
    let rows = table(README, "Commands");
    let mut listed = BTreeSet::new();
    for row in &rows {
        for words in quoted(&row[0]) {
            let mut words = words.split(' ');
            let command = words.next().unwrap();
            let below = words.next().filter(|word| word.starts_with(char::is_lowercase)).unwrap_or_default();
            let help = test.hydrant(&[command, "--help"]).code(0).stdout;
            listed.insert(command.to_owned());
            let named: BTreeSet<String> =
                below.split('|').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            assert_eq!(subcommands(&help), named, "{command}");
            // A flag may be one of the command's, or of those below it.
            let below = named.iter().map(|name| test.hydrant(&[command, name, "--help"]).code(0).stdout);
            let help: String = std::iter::once(help.clone()).chain(below).collect();
            for flag in quoted(&row[1]).filter(|text| text.starts_with("--")) {
                let flag = flag.split(' ').next().unwrap();
                assert!(help.contains(flag), "{command} has no {flag}");
            }
        }
    }
    assert_eq!(listed, subcommands(&test.hydrant(&["--help"]).code(0).stdout));
    for command in &listed {
        assert!(CHANGELOG.contains(&format!("`{command}")), "the changelog does not name {command}");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_program() {
    let codes = |text: &str| -> Vec<String> { text.split(", ").map(str::trim).map(str::to_owned).collect() };
    let documented: Vec<String> = table(README, "Exit codes").iter().flat_map(|row| codes(&row[0])).collect();
    let help = Test::new().hydrant(&["--help"]).code(0).stdout;
    let list = help.split("Exit codes:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let code = |line: &str| line.get(..5).map(str::trim).filter(|code| !code.is_empty()).map(str::to_owned);
    let of_help: Vec<String> = list.lines().filter_map(code).collect();
    assert_eq!(documented, of_help);
    let source = include_str!("../src/error.rs");
    let of_source: Vec<String> = source
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("/// ")?.split_once(": ").map(|(code, _)| code.to_owned())
        })
        .filter(|code| code.parse::<u8>().is_ok())
        .collect();
    assert_eq!(documented, of_source);
}

#[test]
fn the_hook_operations_of_the_readme_are_those_of_the_protocol() {
    let documented: Vec<String> =
        table(README, "Hooks").iter().map(|row| quoted(&row[0]).next().unwrap().to_owned()).collect();
    let example = fs::read_to_string(root().join("examples/hooks/hook.sh")).unwrap();
    for operation in &documented {
        assert!(example.contains(&format!("\n{operation}() {{")), "the example hook has no {operation}");
    }
    let protocol = fs::read_to_string(root().join("hooks/protocol/src/operation.rs")).unwrap();
    let known: BTreeSet<&str> = protocol
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\","))
        // Nothing calls it yet; the example keeps it for dehydrated.
        .filter(|operation| *operation != "deploy_ocsp")
        .collect();
    assert_eq!(documented.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
fn the_page_on_hooks_has_every_announcement_and_every_variable() {
    let first = |heading: &str| -> BTreeSet<String> {
        table(HOOKS, heading).iter().map(|row| quoted(&row[0]).next().unwrap().to_owned()).collect()
    };
    let source = fs::read_to_string(root().join("hooks/protocol/src/capabilities.rs")).unwrap();
    let fields = source.split("pub struct Capabilities {").nth(1).unwrap().split("\n}").next().unwrap();
    let field = |line: &str| Some(line.trim().strip_prefix("pub ")?.split_once(':')?.0.to_owned());
    assert_eq!(first("What a hook may announce"), fields.lines().filter_map(field).collect());

    let source = fs::read_to_string(root().join("hooks/protocol/src/env.rs")).unwrap();
    let variables = source.lines().filter(|line| line.starts_with("pub const ") && line.contains(": &str"));
    let variable = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    assert_eq!(first("What a hook is told"), variables.map(variable).collect());

    let test = Test::new();
    let lines: Vec<&str> = blocks(HOOKS, "sh").iter().flat_map(|block| block.lines()).collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        can_be_typed(&test, line);
    }
    let results: String = blocks(HOOKS, "json").concat();
    assert_eq!(hydrant_hook_protocol::read_results(&results).len(), 3);
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    for (name, text) in [("README.md", README), ("CHANGELOG.md", CHANGELOG), (HOOKS_PAGE, HOOKS)] {
        let directory = root().join(name).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            assert!(target.starts_with("https://") || directory.join(target).exists(), "{name}: {target}");
        }
    }
    for path in [
        "examples/hydrant.yml",
        "domains.txt.example",
        "examples/hooks/hook.sh",
        "tests/rig/up",
        "tests/rig/down",
    ] {
        assert!(root().join(path).exists(), "{path}");
    }
}

#[test]
fn the_examples_are_in_order() {
    let test = Test::new();
    let example = root().join("examples/hydrant.yml");
    let checked =
        test.hydrant(&["config", "check", "--config", example.to_str().unwrap()]).code(0).stderr("");
    assert!(checked.stdout.starts_with("ok: "), "{}", checked.stdout);

    let list = root().join("domains.txt.example");
    // A CA of one's own: no public one certifies names below `.example`.
    let test =
        Test::new().config("ca: https://ca.internal/directory\nchallenge: dns-01\nhooks: [/bin/true]\n");
    let linted = test.hydrant(&["lint", "--deny-warnings", "--domains", list.to_str().unwrap()]).code(0);
    assert!(linted.stdout.ends_with(" certificates, no findings\n"), "{}", linted.stdout);

    let delivered = test.path("haproxy");
    let test = test.env("HAPROXY_DIRECTORY", delivered);
    let mut hooks = 0;
    for hook in fs::read_dir(root().join("examples/hooks")).unwrap() {
        let path = hook.unwrap().path();
        // A page; and what needs a name server has one in `dns::rfc2136`.
        if path.ends_with("README.md") || path.ends_with("nsupdate.sh") {
            continue;
        }
        let tested = ["hook", "test", path.to_str().unwrap(), "--chain", "--deliver"];
        test.hydrant(&tested).code(0).stderr("");
        hooks += 1;
    }
    assert_eq!(hooks, 2);
    for path in ci_examples() {
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("- hydrant ")) {
            can_be_typed(&test, &format!("hydrant {line}"));
        }
    }
}

/// Pipelines to copy: every YAML file of the examples but the configuration.
fn ci_examples() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yml");
    files.filter(|path| is_yaml(path) && path.file_name() != Path::new("hydrant.yml").file_name()).collect()
}

/// The text of every test file, those of the rig left out.
fn tests_source() -> String {
    let (mut source, mut pending) = (String::new(), vec![root().join("tests")]);
    while let Some(path) = pending.pop() {
        // Neither what the rig was installed from nor what it keeps.
        if path.is_dir() && !path.ends_with("rig") {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            source += &fs::read_to_string(&path).unwrap();
        }
    }
    source
}

#[test]
fn every_intended_difference_to_dehydrated_has_its_test() {
    let page = fs::read_to_string(root().join("examples/dehydrated/README.md")).unwrap();
    let source = tests_source();
    let rows = table(&page, "Differences");
    assert!(rows.len() > 30, "{rows:?}");
    let mut known = BTreeSet::new();
    for row in &rows {
        let (difference, test) = (quoted(&row[0]).next().unwrap(), quoted(&row[2]).next().unwrap());
        assert!(known.insert(difference), "{difference} is there twice");
        assert!(!row[1].is_empty(), "{difference}");
        assert!(
            source.contains(&format!("#[test]\nfn {test}() {{")),
            "{difference}: there is no test {test}"
        );
    }
    // What tests leave out of a comparison is one of them.
    let mark = concat!("// ", "Difference `");
    for mention in source.split(mark).skip(1) {
        let difference = mention.split('`').next().unwrap();
        assert!(known.contains(difference), "{difference} is not in the list");
    }
}

#[test]
fn every_command_has_a_help_text_with_an_example() {
    let test = Test::new();
    let mut without = Vec::new();
    for command in commands(&test) {
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = test.hydrant(&words).code(0).stderr("").stdout;
        let typed = format!("  hydrant {}", command.join(" "));
        if !help
            .lines()
            .any(|line| line.starts_with(&typed) || line.contains(&typed[2..]) && line.starts_with("  "))
        {
            without.push(command.join(" "));
        }
        for line in help
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| line.starts_with("hydrant "))
        {
            can_be_typed(&test, line.split("  ").next().unwrap());
        }
    }
    assert!(without.is_empty(), "without an example: {without:?}");
}
