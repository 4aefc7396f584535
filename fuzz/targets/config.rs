//! hydrant.yml: any text gives settings and diagnostics.

#![no_main]

use hydrant::config::file::Settings;
use hydrant::config::yaml::Document;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(document) = Document::parse("hydrant.yml", text) {
        let (_settings, _diagnostics) = document.read::<Settings>();
    }
});
