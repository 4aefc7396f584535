//! Every kind of line through dehydrated's door: what it becomes, or where and why it is refused.

use std::fs;

use super::place::{cron, place, told};
use crate::support::{CertificateFacts, Rig, Test};

/// No hook: with http-01 at a CA that looks at nothing, a line costs little.
const QUICK: &str = "HOOK=\nCHALLENGETYPE=http-01\nWELLKNOWN=$BASEDIR";

fn quick_rig() -> Rig {
    Rig::with(&["--nonce-reject", "0", "--always-valid"])
}

/// The directories below `certs`, and the names in each certificate.
fn certificates(test: &Test) -> Vec<(String, Vec<String>)> {
    let Ok(directories) = fs::read_dir(test.path("certs")) else { return Vec::new() };
    let mut found = Vec::new();
    for directory in directories {
        let directory = directory.unwrap().path();
        let names = CertificateFacts::of(&directory.join("cert.pem")).names;
        found
            .push((directory.file_name().unwrap().to_str().unwrap().to_owned(), names.into_iter().collect()));
    }
    found.sort();
    found
}

#[test]
fn a_line_that_dehydrated_takes_becomes_the_same_certificate() {
    let rig = quick_rig();
    let test = place(&rig, "", QUICK);
    let long = format!("{}.{}.example", "a".repeat(50), "b".repeat(40));
    for (line, directory, names) in [
        ("   # nothing\n\n \t\n", "", &[][..]),
        ("a.example www.a.example", "a.example", &["a.example", "www.a.example"]),
        ("\ta.example \t www.a.example  \r", "a.example", &["a.example", "www.a.example"]),
        ("A.Example WWW.A.EXAMPLE", "a.example", &["a.example", "www.a.example"]),
        ("a.example a.example", "a.example", &["a.example"]),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", &["xn--bcher-kva.example"]),
        ("> x a.example b.example", "x", &["a.example", "b.example"]),
        ("a.example > x b.example", "x", &["a.example", "b.example"]),
        ("a.example >x", "x", &["a.example"]),
        ("a.example>x b.example", "x", &["a.example", "b.example"]),
        ("a.example > X", "x", &["a.example"]),
        ("localhost", "localhost", &["localhost"]),
        ("ip:192.0.2.1", "ip:192.0.2.1", &["192.0.2.1"]),
        ("IP:2001:DB8:0:0:0:0:0:1 > v6", "v6", &["2001:DB8:0:0:0:0:0:1"]),
        ("a.example ip:192.0.2.2", "a.example", &["192.0.2.2", "a.example"]),
        // Difference `long-first-name`.
        (&long, &long, &[&long]),
    ] {
        drop(fs::remove_dir_all(test.path("certs")));
        test.put("domains.txt", line);
        cron(&test, &[]).code(0);
        let expected: Vec<(String, Vec<String>)> = match directory {
            "" => Vec::new(),
            name => vec![(name.to_owned(), names.iter().map(|name| (*name).to_owned()).collect())],
        };
        assert_eq!(certificates(&test), expected, "{line}");
    }
}

#[test]
fn a_long_first_name_is_issued_without_a_common_name() {
    let rig = quick_rig();
    let long = format!("{}.{}.example", "a".repeat(50), "b".repeat(40));
    let test = place(&rig, &long, QUICK);
    cron(&test, &[]).code(0).stderr_contains("the first name has 99 octets");
    assert_eq!(CertificateFacts::of(&test.path("certs").join(&long).join("cert.pem")).names, [long].into());
}

/// What is wrong with a line, and where.
const BAD: [(&str, usize, &str); 24] = [
    ("a.example # note", 11, "a comment cannot follow names on their line"),
    ("a.example,b.example", 1, "`a.example,b.example` has a comma"),
    ("a.example.", 1, "`a.example.` ends with a dot"),
    ("_a.example", 1, "`_a.example` has an underscore"),
    ("b.example a.example:443", 11, "`a.example:443` has a port"),
    ("*.a.example", 1, "a line whose first name is a wildcard needs an alias"),
    ("*", 1, "`*` has a `*` that is not its whole first label"),
    ("*.*.a.example", 1, "`*.*.a.example` has a `*` that is not its whole first label"),
    ("a.example >", 11, "there is no alias after `>`"),
    ("a.example > ../o", 13, "`../o` cannot name a certificate: the alias leaves the certificate directory"),
    ("a.example > x > y", 17, "the line has more than one alias"),
    ("a.example > *.x", 13, "the alias `*.x` begins with `*.`"),
    ("192.0.2.1", 1, "`192.0.2.1` is not how an address is written"),
    ("ip:[2001:db8::1]", 1, "`ip:[2001:db8::1]` is not how an address is written"),
    ("ip6:::1", 1, "`ip6:::1` is not how an address is written"),
    ("https://a.example/", 1, "`https://a.example/` is a URL or a path, not a name"),
    ("../evil", 1, "`../evil` is a URL or a path, not a name"),
    ("a/../../x", 1, "`a/../../x` is a URL or a path, not a name"),
    ("a\".example", 1, "`a\".example` is no DNS name"),
    ("$(touch${IFS}pwned).example", 1, "`$(touch${ifs}pwned).example`"),
    ("`id`.example", 1, "``id`.example` is no DNS name"),
    ("a;b.example", 1, "`a;b.example` is no DNS name"),
    ("a?[b].example", 1, "`a?[b].example` is no DNS name"),
    ("-d.example", 1, "`-d.example` is no DNS name"),
];

#[test]
fn a_line_that_is_refused_is_named_with_its_place_and_leaves_nothing_behind() {
    let rig = quick_rig();
    let test = place(&rig, "", QUICK);
    for (line, column, why) in BAD {
        test.put("domains.txt", &format!("# a comment\n\n{line}\n"));
        let output = cron(&test, &[]).code(1);
        let place = format!("ERROR: [DIR]/domains.txt:3:{column}: ");
        let output = output.stderr_contains(&place);
        assert!(output.stderr.to_lowercase().contains(&why.to_lowercase()), "{line}\n{}", output.stderr);
        assert_eq!(certificates(&test), [], "{line}");
        // The same on the command line, where nothing may begin with a dash or a comment sign.
        if !line.starts_with('-') {
            let output = cron(&test, &["-d", line]).code(1);
            output.stderr_contains(&format!("ERROR: <command line>:1:{column}: "));
        }
    }
    assert_eq!(rig.orders_made(), 0);
    assert!(!test.path("pwned").exists());
}

#[test]
fn a_line_that_is_refused_ends_the_run_there_and_with_keep_going_is_refused_alone() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n*.b.example\nc.example\n", "");
    let why = "a line whose first name is a wildcard needs an alias";
    cron(&test, &[]).code(1).stderr_contains(&format!("ERROR: [DIR]/domains.txt:2:1: {why}"));
    let calls = told(&test);
    assert_eq!(calls[calls.len() - 2], "deploy_cert a.example");
    assert_eq!(calls[calls.len() - 1], format!("exit_hook <[DIR]/domains.txt:2:1: {why}>"));
    assert_eq!(rig.certificates_issued(), 1);

    cron(&test, &["--keep-going"]).code(1).stderr_contains(why);
    let calls = told(&test);
    assert!(calls.contains(&"unchanged_cert a.example".to_owned()), "{calls:?}");
    assert_eq!(calls[calls.len() - 2..], ["deploy_cert c.example", "exit_hook"]);
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn two_lines_for_one_certificate_do_not_fight() {
    let rig = quick_rig();
    let test = place(&rig, "a.example\na.example\n", QUICK);
    cron(&test, &[]).code(0).stderr_contains("is declared again with the same names");
    let test = test.domains("a.example\na.example b.example\n");
    for _ in 0..2 {
        cron(&test, &["-g"]).code(1).stderr_contains("already declared with other names");
    }
    assert_eq!(rig.certificates_issued(), 1);
    assert_eq!(certificates(&test), [("a.example".to_owned(), vec!["a.example".to_owned()])]);
}

#[test]
fn files_beside_the_list_are_read_after_it_even_without_a_final_newline() {
    let rig = quick_rig();
    let test = place(&rig, "main.example", QUICK)
        .write("domains.txt.d/b.txt", "db.example")
        .write("domains.txt.d/a.txt", "da.example")
        .write("domains.txt.d/.hidden.txt", "hidden.example\n")
        .write("domains.txt.d/c.text", "other.example\n");
    cron(&test, &[]).code(0);
    let names: Vec<String> = certificates(&test).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["da.example", "db.example", "main.example"]);
}

#[test]
fn names_on_the_command_line_are_one_line_and_the_list_is_left_alone() {
    let rig = quick_rig();
    let test = place(&rig, "listed.example\n", QUICK);
    cron(&test, &["-d", "A.example", "-d", "b.example", "--alias", "both"]).code(0);
    cron(&test, &["-d", "c.example > third"]).code(0);
    cron(&test, &["-d", "d.example\ne.example"]).code(0);
    cron(&test, &["-d", "# nothing"]).code(0);
    cron(&test, &["-d", "f.example > x", "--alias", "y"])
        .code(1)
        .stderr_contains("<command line>:1:17: the line has more than one alias");
    // Ignored without -d, as under dehydrated.
    let found = certificates(&test);
    let names: Vec<(&str, usize)> = found.iter().map(|(name, names)| (name.as_str(), names.len())).collect();
    assert_eq!(names, [("both", 2), ("d.example", 1), ("e.example", 1), ("third", 1)]);
    assert_eq!(test.read("domains.txt"), "listed.example\n");
}

#[test]
fn the_list_survives_a_first_request_that_fails() {
    let rig = Rig::start();
    let test = place(&rig, "listed.example\n", "");
    let config = test.read("config") + &format!("CA=https://{}:9/dir\n", rig.address());
    let test = test.write("config", config);
    cron(&test, &["-d", "a.example"]).code(1);
    assert_eq!(test.read("domains.txt"), "listed.example\n");
}
