//! Tests of the modules above.

use super::place::name_of;
use super::*;
use crate::identifier::Identifier;
use crate::vault::Data;

fn zone() -> Zone {
    Zone::of("lecertvend/team/example.com").unwrap()
}

fn id(name: &str) -> Identifier {
    name.parse().unwrap()
}

#[test]
fn a_folder_with_a_dot_below_another_is_a_zone() {
    for prefix in
        ["example.com", "team/example", "team/*.example.com", "team/exa mple.com", "team/.example.com"]
    {
        let error = Zone::of(prefix).unwrap_err().to_string();
        let end = "does not end in the name of a zone, such as team/example.com";
        assert_eq!(error, format!("`{prefix}` {end}"));
    }
    assert_eq!(Zone::of("a/b/Example.COM").unwrap().name("www").unwrap(), id("www.example.com"));
}

#[test]
fn names_are_relative_to_the_zone() {
    for (typed, name) in [
        ("myapp", "myapp.example.com"),
        (".", "example.com"),
        ("*", "*.example.com"),
        ("*.a.b", "*.a.b.example.com"),
    ] {
        assert_eq!(zone().name(typed).unwrap(), id(name), "{typed}");
        assert!(zone().has(&id(name)), "{name}");
    }
    for typed in ["a b", "a*", "-a", "a..b", "*.*"] {
        assert!(zone().name(typed).is_err(), "{typed}");
    }
    for name in ["example.org", "badexample.com", "com", "ip:192.0.2.1"] {
        assert!(!zone().has(&id(name)), "{name}");
    }
}

#[test]
fn secrets_of_others_are_none_for_certificates() {
    assert_eq!(zone().secret("myapp").unwrap(), "lecertvend/team/example.com/myapp");
    for secret in ["lecertvend", "hydrant-state", "hydrant-state/x", "a/b"] {
        assert!(zone().secret(secret).is_err(), "{secret}");
    }
}

#[test]
fn paths_have_names_of_their_own() {
    let paths = ["a/b.c/www", "a/b.c/WWW", "a/b.c/my app", "a/b.c/%57", "a/b.c/ü#>", "a/b.c/*.x_y-z"];
    for path in paths {
        let name = name_of(path).unwrap();
        assert_eq!(path_of(&name), path);
        assert!(!name.as_str().contains([' ', '#', '>']), "{name}");
    }
    let names: std::collections::BTreeSet<_> = paths.map(name_of).into();
    assert_eq!(names.len(), paths.len());
}

#[test]
fn a_team_may_have_another_hook_with_an_environment() {
    let mut data = Data::new();
    let read = |data: &Data| Team::read("a", "secret/a/lecertvend", data);
    assert_eq!(
        read(&data).unwrap_err().to_string(),
        "`secret/a/lecertvend` has no cfToken, an API token of Cloudflare, and names no dnsHook"
    );
    data.set("cfToken", "token\n");
    let team = read(&data).unwrap();
    assert_eq!(team.hook.program, "cloudflare");
    assert_eq!(team.hook.environment["CLOUDFLARE_API_TOKEN"].expose(), "token");
    for (field, value) in [
        ("dnsHook", "route53"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("LD_PRELOAD", "x"),
        ("PATH", "x"),
        ("other", "x"),
    ] {
        data.set(field, value);
    }
    let team = read(&data).unwrap();
    assert_eq!(team.hook.program, "route53");
    let names: Vec<_> = team.hook.environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["AWS_ACCESS_KEY_ID", "CLOUDFLARE_API_TOKEN"]);
    assert!(!format!("{team:?}").contains("token"), "{team:?}");
}

#[test]
fn what_a_team_cannot_have_is_said() {
    for (field, value, message) in [
        ("caURL", "nowhere", "`secret/a/lecertvend`: caURL"),
        ("leKey", "no key", "`secret/a/lecertvend`: leKey cannot be used"),
    ] {
        let mut data = Data::new();
        data.set("cfToken", "token");
        data.set(field, value);
        let error = Team::read("a", "secret/a/lecertvend", &data).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
