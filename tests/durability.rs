//! Disks that take nothing more: what is there stays whole, the message says what to do, and the next run on a healthy
//! disk finishes the work.

use crate::support::{Output, Rig, Test, assert_good_pair, hydrant, rig_hook};

const CONFIG: &str = "
accept_terms: true
challenge: dns-01
domains: domains.txt
base_dir: disk
hooks:
  - command: ./hook
    operations: [deploy_challenge, clean_challenge]
";

/// Runs what is given in a mount namespace of its own, where `disk` is a file system with so few inodes, or a writable
/// one for `prepare` that is then read-only; then makes the disk healthy and runs it again.
const ON_A_DISK: &str = r#"
set -u
mount -t tmpfs -o "size=4m,nr_inodes=${INODES:-1000}" none disk
if [ -n "${READ_ONLY-}" ]; then
    "$HYDRANT" run >/dev/null || exit 90
    mount -o remount,ro disk
fi
"$HYDRANT" "$@"
echo "code $?"
whole() {
    find disk -name '*.tmp'
    find disk -type f \( -name '*.json' -o -name '*.pem' -o -name '*.csr' \) | while read -r file; do
        case $(tail -n 1 "$file") in
        '}' | '{'*'}' | '-----END '*) ;;
        *) echo "half of $file" ;;
        esac
    done
}
whole
mount -o remount,rw,nr_inodes=1000 disk || exit 91
"$HYDRANT" "$@"
echo "code $?"
whole
cp -a disk healthy
"#;

fn place(rig: &Rig) -> Test {
    Test::new()
        .rig(rig)
        .domains("a.example\n")
        .config(CONFIG)
        .write("disk/.keep", "")
        .hook_script("hook", "exec \"$RIG_HOOK\" \"$@\"")
        .env("RIG_HOOK", rig_hook())
        .args(["run"])
}

/// What hydrant does on a disk that is full or read-only, and on the same disk when it is healthy again.
#[track_caller]
fn on_a_disk(test: &Test, arguments: &[&str]) -> Output {
    let script = [&["--mount", "bash", "-c", ON_A_DISK, "bash"], arguments].concat();
    test.program("unshare", &script)
}

/// What the script printed of it: nothing half written, nothing temporary, and how both runs ended.
#[track_caller]
fn assert_mended(rig: &Rig, test: &Test, output: &Output) {
    let said: Vec<&str> = output.stdout.lines().filter(|line| !line.contains(".example")).collect();
    let ends = ["code 1", "code 0"];
    let codes: Vec<&str> = said.iter().copied().filter(|line| line.starts_with("code ")).collect();
    assert_eq!(codes, ends, "{}\n{}", output.stdout, output.stderr);
    let faults = said.iter().filter(|line| line.starts_with("half of ") || line.starts_with("disk/"));
    assert_eq!(faults.count(), 0, "{}", output.stdout);
    assert_good_pair(rig, &test.path("healthy/certs/a.example"), &["a.example"]);
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn a_full_disk_is_named_and_costs_no_certificate() {
    let rig = Rig::start();
    let mut full = 0;
    for inodes in (2..).step_by(3) {
        let test = place(&rig).env("INODES", inodes.to_string()).env("HYDRANT", hydrant());
        let output = on_a_disk(&test, &["run"]);
        if !output.stdout.contains("code 1\n") {
            break;
        }
        full += 1;
        assert_mended(&rig, &test, &output);
        assert_eq!(rig.certificates_issued(), full, "{inodes} inodes");
        let said = "No space left on device";
        assert!(output.stderr.contains(said), "{inodes} inodes: {}", output.stderr);
        let hint = "hint: the file system of `";
        assert!(output.stderr.contains(hint), "{inodes} inodes: {}", output.stderr);
    }
    assert!(full > 5, "the disk was full only {full} times");
}

#[test]
fn a_read_only_disk_is_named_and_leaves_the_certificate_in_use_as_it_is() {
    let rig = Rig::start();
    let test = place(&rig).env("READ_ONLY", "1").env("HYDRANT", hydrant());
    let output = on_a_disk(&test, &["run", "--force"]);
    assert_mended(&rig, &test, &output);
    assert_eq!(rig.certificates_issued(), 2);
    let said = "is on a file system that is mounted read-only";
    assert!(output.stderr.contains(said), "{}", output.stderr);
}

#[test]
fn a_disk_that_fails_at_any_write_costs_no_certificate() {
    let rig = Rig::start();
    let faults = [
        ("fsync", "EIO", 1),
        ("renameat", "EROFS", 1),
        ("symlink", "ENOSPC", 1),
        ("pwrite64", "ENOSPC", 1),
        ("fdatasync", "EIO", 1),
    ];
    for (call, error, step) in faults {
        for nth in (1..).step_by(step) {
            let (test, certificates) = (place(&rig), rig.certificates_issued());
            let output = test.run_with_fault(&format!("{call}:error={error}:when={nth}"));
            eprintln!("--- {call} number {nth} fails\n{}", output.stderr);
            if output.stderr.is_empty() {
                output.code(0);
                assert!(nth > step, "no {call} was seen");
                break;
            }
            output.code(1).stderr_contains("(os error ");
            test.run().code(0);
            assert_eq!(rig.certificates_issued() - certificates, 1);
            assert_good_pair(&rig, &test.path("disk/certs/a.example"), &["a.example"]);
            assert!(rig.challenges("a.example").is_empty());
        }
    }
}
