//! Tests of the module above.

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn writes_with_exactly_the_mode_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    for asked in [0o600, 0o640, 0o644, 0o666] {
        let path = directory.path().join(format!("{asked:o}"));
        write(&path, b"x", asked).unwrap();
        assert_eq!(mode(&path), asked);
    }
}

#[test]
fn replaces_a_file_and_leaves_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    write(&path, b"old", 0o644).unwrap();
    write(&path, b"new", FILE_MODE).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(directory.path()), ["a"]);
}

#[test]
fn writes_nothing_when_one_of_several_fails() {
    let directory = tempfile::tempdir().unwrap();
    // A name that is too long fails only when it gets its name; a missing directory before that.
    let missing = directory.path().join("missing");
    let error = write_all(&missing, &[("a", b"x"), ("b", b"y")], FILE_MODE).unwrap_err();
    assert_eq!((error.action, error.path), ("write", missing.join("a")));
    let long = "b".repeat(256);
    let error = write_all(directory.path(), &[(&long, b"y"), ("a", b"x")], FILE_MODE).unwrap_err();
    assert_eq!(error.path, directory.path().join(long));
    assert!(names(directory.path()).is_empty(), "a temporary file stayed behind");
}

#[test]
fn creates_a_file_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let writers: Vec<_> = (0..8)
        .map(|writer: u8| {
            let path = path.clone();
            std::thread::spawn(move || write_new(&path, &[writer], FILE_MODE).unwrap().then_some(writer))
        })
        .collect();
    let winners: Vec<_> = writers.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(winners, fs::read(&path).unwrap());
    assert_eq!(names(directory.path()), ["key"]);
}

#[test]
fn switches_links_over_whatever_is_there() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("plain"), "x").unwrap();
    symlink("nowhere", directory.path().join("dangling")).unwrap();
    let links = [("plain", "t-1"), ("dangling", "t-2"), ("fresh", "t-3")];
    link_all(directory.path(), &links).unwrap();
    link_all(directory.path(), &links).unwrap();
    for (name, target) in links {
        assert_eq!(fs::read_link(directory.path().join(name)).unwrap(), Path::new(target));
    }
    assert_eq!(names(directory.path()), ["dangling", "fresh", "plain"]);
}

#[test]
fn creates_directories_0700_and_keeps_the_mode_of_others() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let deep = directory.path().join("s/d");
    create_directory(&deep).unwrap();
    create_directory(&deep).unwrap();
    assert_eq!(
        (mode(directory.path()), mode(&directory.path().join("s")), mode(&deep)),
        (0o755, 0o700, 0o700)
    );
    let link = directory.path().join("link");
    symlink("s", &link).unwrap();
    create_directory(&link).unwrap();
    create_directory(&link.join("e")).unwrap();
    assert!(directory.path().join("s/e").is_dir());
}

#[test]
fn names_a_file_in_the_way_of_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "x").unwrap();
    let error = create_directory(&path.join("below")).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot create the directory `{}`", path.display()));
}

#[test]
fn sweeps_only_what_killed_runs_left() {
    let directory = tempfile::tempdir().unwrap();
    for name in [".hydrant-AbCdEf.tmp", ".hydrant-note", "cert-1.pem", "x.tmp"] {
        fs::write(directory.path().join(name), "x").unwrap();
    }
    symlink("nowhere", directory.path().join(".hydrant-GhIjKl.tmp")).unwrap();
    assert_eq!(sweep(directory.path(), Duration::from_hours(1)).unwrap(), 0);
    assert_eq!(sweep(directory.path(), Duration::ZERO).unwrap(), 2);
    assert_eq!(names(directory.path()), [".hydrant-note", "cert-1.pem", "x.tmp"]);
    assert_eq!(sweep(&directory.path().join("missing"), Duration::ZERO).unwrap(), 0);
}

#[test]
fn hints_at_what_the_system_said() {
    let hint = |errno: rustix::io::Errno| {
        FileError::new("write", Path::new("/certs/a"), errno.into()).hints().concat()
    };
    assert!(hint(rustix::io::Errno::NOSPC).contains("full"));
    assert!(hint(rustix::io::Errno::DQUOT).contains("quota"));
    assert!(hint(rustix::io::Errno::ROFS).contains("read-only"));
    assert!(hint(rustix::io::Errno::ACCESS).contains("run as the user"));
    assert!(hint(rustix::io::Errno::MFILE).contains("ulimit -n"));
    assert_eq!(hint(rustix::io::Errno::IO), "");
}

#[test]
fn a_full_disk_is_told_as_such() {
    // `/dev/full` says ENOSPC to every write; a file there cannot be renamed, so the write itself is tried.
    let error = OpenOptions::new().write(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();
    let error = FileError::new("write", Path::new("/dev/full"), error);
    assert!(error.hints().concat().contains("full"));
}

#[test]
fn a_directory_that_takes_no_files_is_an_error_with_its_path() {
    let error = write(Path::new("/proc/self/record.json"), b"x", FILE_MODE).unwrap_err();
    assert_eq!(error.to_string(), "cannot write `/proc/self/record.json`");
}
