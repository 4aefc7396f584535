//! What becomes of a line, and of any text at all.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn read_text(text: &str) -> Domains {
    parse(&[Arc::new(Source { name: "domains.txt".to_owned(), text: text.to_owned() })])
}

/// What became of a text, a line each: `name: names` of the entries, then `rule column "text"` of the findings.
fn outcome(text: &str) -> String {
    let domains = read_text(text);
    let mut shown = String::new();
    for entry in &domains.entries {
        let names: Vec<_> = entry.names.iter().map(Identifier::to_string).collect();
        writeln!(shown, "{}: {}", entry.name, names.join(" ")).unwrap();
    }
    for found in &domains.diagnostics {
        let span = found.span.as_ref().unwrap();
        let marked = &span.source.text[span.range.clone()];
        writeln!(shown, "{} {} {marked:?}", found.rule, span.start().1).unwrap();
    }
    shown.trim_end().to_owned()
}

/// Every row of the contract's table of input lines, and what users have been seen to write besides.
#[test]
fn reads_each_line_as_the_contract_says() {
    let long = format!("{}.{}.example", "a".repeat(40), "b".repeat(40));
    let long_outcome = format!("{long}: {long}\nlong-common-name 1 {long:?}");
    let table = [
        ("", ""),
        ("# text", ""),
        ("   # text", ""),
        ("\r# text\r", ""),
        (" \t ", ""),
        ("a.example www.a.example", "a.example: a.example www.a.example"),
        ("\ta.example \t  www.a.example \r", "a.example: a.example www.a.example"),
        ("a.\rexample", "a.example: a.example"),
        ("a.example\u{b}b.example\u{c}", "a.example: a.example b.example"),
        ("A.Example WWW.A.EXAMPLE", "a.example: a.example www.a.example"),
        ("a.example # note", "trailing-comment 11 \"# note\""),
        ("a.example # a_b > c", "trailing-comment 11 \"# a_b > c\""),
        ("a.example#note more", "trailing-comment 10 \"#note more\""),
        ("a_.example #note", "underscore 1 \"a_.example\"\ntrailing-comment 12 \"#note\""),
        ("a.example,b.example", "comma 1 \"a.example,b.example\""),
        ("a.example, b.example", "comma 1 \"a.example,\""),
        ("a.example A.example", "a.example: a.example\nduplicate-name 11 \"A.example\""),
        ("a.example.", "trailing-dot 1 \"a.example.\""),
        ("_a.example", "underscore 1 \"_a.example\""),
        ("a.example:443", "port 1 \"a.example:443\""),
        ("bücher.example:443 ü_.example", "port 1 \"bücher.example:443\"\nunderscore 20 \"ü_.example\""),
        ("bücher.example", "xn--bcher-kva.example: xn--bcher-kva.example"),
        (
            "Bücher.example xn--bcher-kva.example",
            "xn--bcher-kva.example: xn--bcher-kva.example\nduplicate-name 16 \"xn--bcher-kva.example\"",
        ),
        ("\u{feff}a.example", "a.example: a.example"),
        ("a.example\n\u{feff}b.example", "a.example: a.example\nunicode-blank 1 \"\\u{feff}\""),
        (
            "a.example\u{a0}\u{a0}b_c.example",
            "unicode-blank 10 \"\\u{a0}\\u{a0}\"\nunderscore 12 \"b_c.example\"",
        ),
        ("xn--bcher-kva.example", "xn--bcher-kva.example: xn--bcher-kva.example"),
        ("*.a.example", "alias-required 1 \"*.a.example\""),
        ("*.a.example > star", "star: *.a.example"),
        ("*.a.example a.example > star", "star: *.a.example a.example"),
        ("a.example *.a.example", "a.example: a.example *.a.example"),
        ("*", "stray-wildcard 1 \"*\""),
        ("*.*.a.example", "stray-wildcard 1 \"*.*.a.example\"\nalias-required 1 \"*.*.a.example\""),
        ("w*.a.example", "stray-wildcard 1 \"w*.a.example\""),
        ("> x a.example b.example", "x: a.example b.example"),
        ("a.example > x b.example", "x: a.example b.example"),
        ("a.example >x", "x: a.example"),
        ("a.example>x b.example", "x: a.example b.example"),
        ("a.example >", "empty-alias 11 \">\""),
        ("a.example > # x", "empty-alias 11 \">\"\ntrailing-comment 13 \"# x\""),
        ("a.example > X", "x: a.example"),
        ("a.example > s/d", "s/d: a.example"),
        ("a.example > ../o", "unsafe-alias 13 \"../o\""),
        ("a.example > /etc/x", "unsafe-alias 13 \"/etc/x\""),
        ("a.example > x > y", "several-aliases 17 \"y\""),
        ("a.example > *.x", "wildcard-alias 13 \"*.x\""),
        ("> x", "no-name 1 \"> x\""),
        ("a.example >> x", "empty-alias 11 \">\""),
        ("１９２.0.2.1", "invalid-name 1 \"１９２.0.2.1\""),
        ("192.0.2.1", "bare-ip 1 \"192.0.2.1\""),
        ("a.example 2001:db8::1", "bare-ip 11 \"2001:db8::1\""),
        ("[2001:db8::1]:443", "bare-ip 1 \"[2001:db8::1]:443\""),
        ("ip:192.0.2.1", "ip:192.0.2.1: ip:192.0.2.1"),
        ("IP:2001:DB8:0:0:0:0:0:1 > v6", "v6: ip:2001:db8::1"),
        // Where dehydrated keeps it too.
        ("IP:2001:DB8:0:0:0:0:0:1", "ip:2001:db8:0:0:0:0:0:1: ip:2001:db8::1"),
        ("ip:[2001:db8::1]", "bad-ip 1 \"ip:[2001:db8::1]\""),
        ("ip:localhost", "bad-ip 1 \"ip:localhost\""),
        ("ip:192.0.2.0/24", "bad-ip 1 \"ip:192.0.2.0/24\""),
        ("ip6:::1", "bare-ip 1 \"ip6:::1\""),
        ("a.example ip:192.0.2.2", "a.example: a.example ip:192.0.2.2"),
        ("localhost", "localhost: localhost"),
        ("-d.example", "invalid-name 1 \"-d.example\""),
        (long.as_str(), long_outcome.as_str()),
        ("https://a.example/", "url 1 \"https://a.example/\""),
        ("../evil", "url 1 \"../evil\""),
        ("a/../../x", "url 1 \"a/../../x\""),
        ("a\".example", "invalid-name 1 \"a\\\".example\""),
        ("$(id).example", "invalid-name 1 \"$(id).example\""),
        (
            "`id`.example a;b 'c' d? [e",
            "invalid-name 1 \"`id`.example\"\ninvalid-name 14 \"a;b\"\ninvalid-name 18 \"'c'\"\ninvalid-name 22 \"d?\"\ninvalid-name 25 \"[e\"",
        ),
        ("a\u{7}.example", "control-character 1 \"a\\u{7}.example\""),
        ("b\u{fffd}cher.example", "not-utf8 1 \"b\u{fffd}cher.example\""),
        ("# b\u{fffd}cher\u{a0}\u{7}", ""),
        ("a.example\nA.example", "a.example: a.example\nrepeated-certificate 1 \"A.example\""),
        (
            "a.example b.example\na.example c.example",
            "a.example: a.example b.example\nduplicate-certificate 1 \"a.example c.example\"",
        ),
    ];
    for (line, expected) in table {
        assert_eq!(outcome(line), expected, "{line:?}");
    }
}

#[test]
fn a_bad_line_is_refused_alone() {
    let domains = read_text("a.example\nb_.example c.example,d.example\n*.e.example\ne.example\n");
    let names: Vec<_> = domains.entries.iter().map(|entry| (entry.name.as_str(), entry.line())).collect();
    assert_eq!(names, [("a.example", 1), ("e.example", 4)]);
    assert_eq!(domains.refused, 2);
    assert_eq!(domains.diagnostics.len(), 3);
}

#[test]
fn sources_are_not_joined() {
    let source = |name: &str, text: &str| Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let sources = [
        source("main", "main.example"),
        source("a.txt", "da.example"),
        source("b.txt", "\nmain.example x.example"),
    ];
    let domains = parse(&sources);
    let names: Vec<_> = domains.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["main.example", "da.example"]);
    assert_eq!(
        domains.diagnostics[0].help.as_deref(),
        Some("the first is at main:1; join the lines, or give this one an alias, `> name`")
    );
    assert_eq!(domains.diagnostics[0].span.as_ref().unwrap().start(), (2, 1));
}

#[test]
fn names_on_the_command_line_are_a_line_of_the_list() {
    let arguments = |names: &[&str], alias| {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let domains = from_arguments(&names, alias);
        let entries: Vec<_> =
            domains.entries.iter().map(|entry| format!("{}:{}", entry.name, entry.names.len())).collect();
        let rules: Vec<_> = domains.diagnostics.iter().map(|found| found.rule).collect();
        (entries.join(" "), rules.join(" "))
    };
    let outcome = |entries: &str, rules: &str| (entries.to_owned(), rules.to_owned());
    assert_eq!(arguments(&["a.example", "b.example"], None), outcome("a.example:2", ""));
    assert_eq!(arguments(&["a.example b.example > X"], None), outcome("x:2", ""));
    assert_eq!(arguments(&["*.a.example"], Some("Star")), outcome("star:1", ""));
    assert_eq!(arguments(&["a.example > x"], Some("y")), outcome("", "several-aliases"));
    assert_eq!(arguments(&["a.example"], Some("x b.example")), outcome("", "unsafe-alias"));
    assert_eq!(arguments(&["a.example"], Some("")), outcome("", "empty-alias"));
    assert_eq!(arguments(&["# a"], None), outcome("", ""));
}

#[test]
fn an_entry_knows_where_it_was_written() {
    let domains = read_text("# first\n  bücher.example\twww.x.example > X  \r\n");
    let entry = &domains.entries[0];
    let text = |span: &Span| span.source.text[span.range.clone()].to_owned();
    assert_eq!(text(&entry.span), "bücher.example\twww.x.example > X");
    assert_eq!(entry.name_spans.iter().map(text).collect::<Vec<_>>(), ["bücher.example", "www.x.example"]);
    assert_eq!(entry.span.start(), (2, 3));
    assert_eq!(entry.alias.as_deref(), Some("x"));
    assert_eq!(entry.primary().to_string(), "xn--bcher-kva.example");
}

/// Text that looks like a list more often than chance would make it.
fn list() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[a-c]{1,2}\\.example",
        1 => "\\*\\.[a-c]\\.example",
        1 => "(ip|IP):(192\\.0\\.2\\.[1-9]|2001:DB8::[1-9])",
        1 => "[ >#\t\r\n,.*_:/\u{a0}\u{feff}ü１]{1,4}",
        1 => "\\PC{1,6}",
    ];
    let separator = prop_oneof![4 => Just(" "), 2 => Just("\n"), 1 => Just(" > "), 1 => Just("\r\n")];
    proptest::collection::vec((word, separator), 0..20).prop_map(|parts| {
        parts.into_iter().fold(String::new(), |text, (word, separator)| text + &word + separator)
    })
}

proptest! {
    #[test]
    fn any_text_is_read(text in prop_oneof![list(), any::<String>()]) {
        let domains = read_text(&text);
        let spans = domains.diagnostics.iter().filter_map(|found| found.span.as_ref());
        for span in spans.chain(domains.entries.iter().flat_map(|entry| &entry.name_spans)) {
            prop_assert!(!span.range.is_empty());
            prop_assert!(text.get(span.range.clone()).is_some(), "{:?} of {:?}", span.range, text);
        }
    }

    #[test]
    fn an_entry_reads_as_itself_again(text in list()) {
        for entry in read_text(&text).entries {
            let names: Vec<_> = entry.names.iter().map(Identifier::to_string).collect();
            let canonical = format!("{} > {}", names.join(" "), entry.name);
            for line in [&text[entry.span.range.clone()], canonical.as_str()] {
                let again = read_text(line).entries;
                prop_assert_eq!(again.len(), 1, "{:?}", line);
                prop_assert_eq!(&again[0].name, &entry.name);
                prop_assert_eq!(&again[0].names, &entry.names);
            }
        }
    }
}
