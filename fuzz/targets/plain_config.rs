//! dehydrated's config without bash: any text is read, or refused at a place that is in it; reading it again changes nothing.

#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use hydrant::config::dehydrated::{Variable, read_plain};
use hydrant::diagnostic::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Arc::new(Source { name: "config".to_owned(), text: text.to_owned() });
    let read = || {
        let known = Variable { value: "/etc/dehydrated".into(), exported: true };
        let mut variables = BTreeMap::from([("BASEDIR".to_owned(), known)]);
        (read_plain(&source, &mut variables), variables)
    };
    let (outcome, variables) = read();
    if let Err(fault) = outcome {
        let span = fault.span.expect("every refusal is of a place");
        assert!(text.get(span.range.clone()).is_some(), "{span:?} is no part of the text");
        return;
    }
    for (name, variable) in &variables {
        let first = name.chars().next().expect("no name is empty");
        assert!(!first.is_ascii_digit() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
        // No value of a process or of bash can hold one.
        assert!(!variable.value.as_encoded_bytes().contains(&0), "{name}");
    }
    assert_eq!(read().1, variables);
});
