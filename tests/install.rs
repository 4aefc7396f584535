//! `make install`: what lies where, and that it works there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::{Test, cloudflare_hook, route53_hook, vault_hook};

/// All files below a directory, as paths relative to it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found.iter().map(|path| path.strip_prefix(directory).unwrap().to_owned()).collect()
}

#[test]
fn make_install_puts_programs_pages_and_completions_below_the_prefix() {
    let test = Test::new();
    let built = Path::new(env!("CARGO_BIN_EXE_hydrant")).parent().unwrap();
    let hooks = [cloudflare_hook(), route53_hook(), vault_hook()];
    let (built, to) =
        (format!("BUILT={}", built.display()), format!("DESTDIR={}", test.path("to").display()));
    let make = ["--directory", env!("CARGO_MANIFEST_DIR"), "install-built", &built, &to, "PREFIX=/usr"];
    test.program("make", &make).code(0).stderr("");

    let usr = test.path("to/usr");
    let mut expected: Vec<PathBuf> =
        hooks.iter().map(|hook| Path::new("bin").join(hook.file_name().unwrap())).collect();
    expected.push("bin/hydrant".into());
    for file in [
        "bash-completion/completions/hydrant",
        "fish/vendor_completions.d/hydrant.fish",
        "zsh/site-functions/_hydrant",
        "man/man1/hydrant.1",
    ] {
        expected.push(Path::new("share").join(file));
    }
    let programs = expected.iter().filter(|file| file.starts_with("bin")).cloned().collect::<Vec<_>>();
    let found = files(&usr);
    let (pages, others): (Vec<_>, Vec<_>) = found.iter().cloned().partition(|file| {
        file.file_name().unwrap().to_str().unwrap().starts_with("hydrant-")
            && file.extension().is_some_and(|end| end == "1")
    });
    expected.sort();
    assert_eq!(others, expected);
    for file in &found {
        let mode = fs::metadata(usr.join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if programs.contains(file) { 0o755 } else { 0o644 }, "{}", file.display());
    }
    // Each page that a page names is there.
    for page in found.iter().filter(|file| file.starts_with("share/man")) {
        let text = fs::read_to_string(usr.join(page)).unwrap();
        for named in text.lines().filter_map(|line| line.strip_suffix("(1)")) {
            let named = format!("share/man/man1/{}.1", named.replace('\\', ""));
            assert!(found.contains(&PathBuf::from(&named)), "{}: {named}", page.display());
        }
    }
    assert!(pages.len() > 25, "{pages:?}");

    let hydrant = usr.join("bin/hydrant");
    let version = test.hydrant(&["--version"]).code(0).stdout;
    test.program(hydrant.to_str().unwrap(), &["--version"]).code(0).stdout(&version);
}
