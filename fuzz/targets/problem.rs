//! Problem documents: any body is one or none, and what is read can be shown.

#![no_main]

use hydrant::acme::Problem;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Some(problem) = Problem::parse(body) {
        let _ = (problem.to_string(), problem.short_kind(), problem.identifiers());
    }
});
