//! domains.txt: any text gives entries and diagnostics whose places are in the text.

#![no_main]

use std::sync::Arc;

use hydrant::diagnostic::Source;
use hydrant::domains;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Arc::new(Source { name: "domains.txt".to_owned(), text: text.to_owned() });
    let domains = domains::parse(&[Arc::clone(&source)]);
    let spans = domains.entries.iter().flat_map(|entry| entry.name_spans.iter().chain([&entry.span]));
    for span in spans.chain(domains.diagnostics.iter().filter_map(|diagnostic| diagnostic.span.as_ref())) {
        assert!(source.text.get(span.range.clone()).is_some(), "{span:?} is no part of the text");
    }
    for entry in &domains.entries {
        assert!(!entry.names.is_empty() && entry.names.len() == entry.name_spans.len());
    }
});
