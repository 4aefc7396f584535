//! What a configuration can do and does, compared with the real dehydrated where it does the same.

use super::same;
use crate::support::{DNS_HOOK, Rig, Test, dehydrated};

/// Runs `--env` on a configuration, by hydrant and by dehydrated.
#[track_caller]
fn evaluated(config: &str) -> super::Did {
    same(|test| test.write("config", config), &["-e", "-f", "./config"])
}

/// A hook that writes down what it is told, and where it is.
const HOOK: &str = "printf '%s|' \"$@\" >>\"$RECORD\"; echo \" umask $(umask) key ${KEY-none} cwd ${PWD##*/}\" >>\"$RECORD\"";

#[test]
fn a_configuration_is_a_script() {
    for config in [
        "",
        "# nothing\n",
        "echo said; echo aside >&2\nWELLKNOWN=$(printf '%s' computed)\n",
        "RENEW_DAYS=$((RENEW_DAYS + 5))\n",
        "if [[ -d $BASEDIR ]]; then HOOK=\"$BASEDIR/hook\"; fi\n",
        "f() { CERTDIR=/from/function; }; f\n",
        "CERTDIR=$SCRIPTDIR.x; CERTDIR=x\n",
        "declare HOOK=/local\nlocal KEYSIZE=1\ndeclare -g LOCKFILE=/g\n",
        "set -- a b; CERTDIR=$#\n",
        "set +u; CERTDIR=x$NOT_SET\n",
        "CERTDIR=*; for f in $BASEDIR/con*; do HOOK=$f; done\n",
        "return 0; exit 9\n",
        "BASEDIR=/nowhere\n",
        "mkdir -p deep; cd deep; CERTDIR=$PWD\nBASEDIR=.\n",
        "readonly MINE=x\nCERTDIR=$MINE\n",
        "IFS=,; CERTDIR=a,b\n",
        "read -r CERTDIR\n",
        "CERTDIR=$COMMAND$CONFIG\n",
    ] {
        evaluated(config);
    }
}

#[test]
fn how_a_configuration_ends_the_run_is_how_the_run_ends() {
    for (config, code) in [
        ("exit 0\n", 0),
        ("exit 7\n", 7),
        ("exit 255\n", 255),
        ("false\n", 1),
        ("echo said; (exit 5)\n", 5),
        ("CERTDIR=$NOT_SET\n", 1),
        ("CERTDIR=x\nif\n", 2),
        ("CERTDIR='x\n", 2),
        ("no-such-command-anywhere\n", 127),
        ("trap 'echo bye' EXIT; exit 3\n", 3),
        ("false | true\n", 1),
    ] {
        assert_eq!(evaluated(config).code, Some(code), "{config}");
    }
}

#[test]
fn values_are_checked_in_dehydrateds_words() {
    for config in [
        "CHALLENGETYPE=dns-02\n",
        "KEY_ALGO=ecdsa\n",
        "IP_VERSION=5\n",
        "API=3\n",
        "OCSP_DAYS=few\n",
        "OCSP_DAYS=\n",
        "ORDER_TIMEOUT=1m\n",
        "DEHYDRATED_GROUP=nobody\n",
        "DEHYDRATED_USER=nobody-of-that-name\n",
        "CONFIG_D=/nowhere\n",
        "RENEW_DAYS=soon\n",
        "KEYSIZE=\n",
    ] {
        evaluated(config);
    }
}

#[test]
fn a_refusal_is_told_to_the_hook() {
    for (config, arguments) in [
        ("CHALLENGETYPE=none\nHOOK=./hook\nexport KEY=secret\n", &["-c"][..]),
        ("CHALLENGETYPE=none\n", &["-c", "-k", "./hook"]),
        ("HOOK=./hook\numask 027\n", &["-c", "--force-validation"]),
        ("HOOK=./hook\nWELLKNOWN=/nowhere/at/all\n", &["-c"]),
        ("HOOK=./hook\nWELLKNOWN=/nowhere/at/all\n", &["-s", "csr"]),
        ("CHALLENGETYPE=dns-01\n", &["-c"]),
        ("HOOK=./hook\nBASEDIR=/nowhere\nmkdir -p deep\ncd deep\n", &["-c"]),
        ("HOOK=./failing\nBASEDIR=/nowhere\n", &["-c"]),
        ("KEY=shell\nf() { ./hook \"$@\" \"$KEY\"; }\nHOOK=f\nAPI=x\n", &["--register"]),
        ("HOOK=./hook\nexit 1\n", &["-c"]),
    ] {
        let place = |test: Test| {
            let record = test.path("record");
            let test = test
                .hook_script("hook", HOOK)
                .hook_script("deep/hook", HOOK)
                .hook_script("failing", "exit 1");
            test.write("config", config).write("csr", "").env("RECORD", record)
        };
        let arguments = [&["-f", "./config"], arguments].concat();
        let did = same(place, &arguments);
        assert_eq!(did.code, Some(1));
        let ours = place(Test::new());
        ours.as_dehydrated(&arguments).code(1);
        let theirs = place(Test::new());
        theirs.program(dehydrated(), &arguments).code(1);
        let record = |test: &Test| {
            let text = std::fs::read_to_string(test.path("record")).unwrap_or_default();
            let name = test.path("").file_name().unwrap().display().to_string();
            text.replace(&name, "[NAME]")
        };
        assert_eq!(record(&ours), record(&theirs), "{config}");
    }
}

#[test]
fn drop_ins_follow_in_the_order_of_the_alphabet() {
    let did = same(
        |test| {
            test.write("config", "CONFIG_D=$BASEDIR/d\nHOOK=0\n")
                .write("d/b.sh", "HOOK=$HOOK,b\n")
                .write("d/a.sh", "HOOK=$HOOK,a\necho in a\n")
                .write("d/10.sh", "HOOK=$HOOK,10\nfor f in $BASEDIR/d/[ab].sh; do CERTDIR+=${f##*/}; done\n")
                .write("d/.hidden.sh", "exit 1\n")
                .write("d/other.txt", "exit 1\n")
        },
        &["-e", "-f", "./config"],
    );
    assert!(did.stdout.contains("HOOK=\"0,10,a,b\""), "{}", did.stdout);
    same(|test| test.write("config", "CONFIG_D=d\n").write("d/x.sh/file", ""), &["-e", "-f", "./config"]);
    same(|test| test.write("config", "CONFIG_D=d\n").write("d/x.sh", "exit 4\n"), &["-e", "-f", "./config"]);
}

#[test]
fn the_account_has_a_configuration_of_its_own() {
    let letsencrypt = "accounts/aHR0cHM6Ly9hY21lLXYwMi5hcGkubGV0c2VuY3J5cHQub3JnL2RpcmVjdG9yeQo";
    let staging = "accounts/aHR0cHM6Ly9hY21lLXN0YWdpbmctdjAyLmFwaS5sZXRzZW5jcnlwdC5vcmcvZGlyZWN0b3J5Cg";
    let place = |test: Test| {
        test.write("config", "CONTACT_EMAIL=file@a.example\nKEYSIZE=2048\n")
            .write(
                &format!("{letsencrypt}/config"),
                "CONTACT_EMAIL=account@a.example\nCERTDIR=$BASEDIR/of-account\n",
            )
            .write(&format!("{staging}/config"), "KEYSIZE=$((KEYSIZE * 2))\nHOOK=/of/account\n")
    };
    same(place, &["-e", "-f", "./config"]);
    same(place, &["-e", "-f", "./config", "--ca", "letsencrypt-test", "-k", "/of/line"]);
    same(
        |test| test.write("config", "").write(&format!("{letsencrypt}/config"), "exit 6\n"),
        &["-e", "-f", "./config"],
    );
    same(
        |test| test.write("config", "").write(&format!("{letsencrypt}/deactivated"), ""),
        &["-e", "-f", "./config"],
    );
}

#[test]
fn a_configuration_is_found_where_dehydrated_finds_it() {
    let did = same(|test| test.write("config", "CERTDIR=/here\n"), &["-e"]);
    assert!(did.stdout.contains("# INFO: Using main config file [DIR]/config\n"), "{}", did.stdout);
    same(|test| test, &["-e", "-f", "none"]);
    same(|test| test.write("x/y", ""), &["-e", "-f", "x"]);
    // bash looks on PATH first for a name without a slash.
    let path = std::env::var("PATH").unwrap();
    let place = |test: Test| {
        let path = format!("{}:{path}", test.path("elsewhere").display());
        test.write("config", "CERTDIR=/here\n")
            .write("elsewhere/config", "CERTDIR=/elsewhere\n")
            .env("PATH", path)
    };
    assert!(same(place, &["-e", "-f", "config"]).stdout.contains("CERTDIR=\"/elsewhere\""));
}

#[test]
fn without_a_configuration_there_is_a_warning() {
    let test = Test::new();
    // The directory of the program is where everything would be.
    let there = test.path("base").display().to_string();
    std::fs::create_dir(&there).unwrap();
    let test = test.env("HYDRANT_BASE_DIR", &there);
    test.as_dehydrated(&["-e"])
        .code(0)
        .stderr("#\n# !! WARNING !! No main config file found, using default config!\n#\n")
        .stdout_contains("declare -- CERTDIR=\"[DIR]/base/certs\"\n");
}

#[test]
fn without_bash_plain_assignments_are_read() {
    let test = Test::new()
        .write("config", "# mine\nCERTDIR=\"$BASEDIR/c\" # here\nexport KEY='a b'\n")
        .env("PATH", "/nowhere");
    let printed = test.as_dehydrated(&["-e", "-f", "./config"]).code(0).stderr("");
    printed.stdout_contains("declare -- CERTDIR=\"./c\"\n");
    let test = test.write("config", "CERTDIR=/c\nWELLKNOWN=\"$(pwd)\"\n");
    test.as_dehydrated(&["-e", "-f", "./config"]).code(1).stderr(
        "error[plain-config]: this is no plain assignment, and bash is not there to run it\n \
         --> ./config:2:12\n  |\n2 | WELLKNOWN=\"$(pwd)\"\n  |            ^^^^^^^\n  |\n  \
         = help: install bash, and the configuration may be any bash script\n",
    );
}

#[test]
fn a_function_of_the_configuration_is_a_hook_like_any_other() {
    let rig = Rig::start();
    let config = "CA=$HYDRANT_CA\nCURL_OPTS=\"--cacert $HYDRANT_CA_ROOTS\"\nCHALLENGETYPE=dns-01\nexport KEY=exported\n\
                  MINE=\"kept in 'the' shell\"\nlist=(a 'b c')\nHOOK=my_hook\numask 027\n\
                  note() { first=${2-}; printf '%s|' \"$1\" \"$KEY\" \"$MINE\" \"${list[1]}\" \"${first%-*}\" >>\"$RECORD\"; umask >>\"$RECORD\"; }\n\
                  my_hook() { note \"$@\"; \"$DNS_HOOK\" \"$@\"; }\n";
    let place = || {
        let test = Test::new().rig(&rig).domains("a.example\n").write("config", config);
        let record = test.path("record");
        test.env("RECORD", record).env("DNS_HOOK", DNS_HOOK)
    };
    let arguments = ["-f", "./config", "-c", "--accept-terms"];
    let ours = place();
    ours.as_dehydrated(&arguments).code(0);
    let theirs = place();
    theirs.program(dehydrated(), &arguments).code(0);
    assert_eq!(ours.read("record"), theirs.read("record"));
    assert!(ours.read("record").contains("deploy_cert|exported|kept in 'the' shell|b c|a.example|0027\n"));
}

#[test]
fn a_certificates_own_configuration_is_announced_as_dehydrated_announces_it() {
    let rig = Rig::start();
    let place = || {
        let config = "CA=$HYDRANT_CA\nCURL_OPTS=\"--cacert $HYDRANT_CA_ROOTS\"\nCHALLENGETYPE=dns-01\nHOOK=$DNS_HOOK\n";
        Test::new()
            .rig(&rig)
            .domains("a.example\n")
            .write("config", config)
            .write(
                "certs/a.example/config",
                "KEY_ALGO=prime256v1\nRENEW_DAYS=$((RENEW_DAYS + 1))\nfalse\nCONTACT=x\n",
            )
            .env("DNS_HOOK", DNS_HOOK)
    };
    let arguments = ["-f", "./config", "-c", "--accept-terms", "-a", "rsa"];
    let said = |text: &str| -> Vec<String> {
        let lines =
            text.lines().filter(|line| line.starts_with(" + Using certificate") || line.starts_with("   "));
        lines.map(str::to_owned).collect()
    };
    let ours = place().as_dehydrated(&arguments).code(0);
    let theirs = place().program(dehydrated(), &arguments).code(0);
    assert_eq!((said(&ours.stdout), said(&ours.stderr)), (said(&theirs.stdout), said(&theirs.stderr)));
    assert_eq!(said(&ours.stderr), ["   ! Setting CONTACT on a per-certificate base is not (yet) supported"]);
}
