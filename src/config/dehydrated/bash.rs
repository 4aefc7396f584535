//! Evaluates a configuration by a real bash: it is a script, and people use that.
//!
//! One bash answers all requests of a run, because there may be thousands of certificates with a file of their own. Its
//! side of the conversation is `session.bash`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Variable;
use crate::hook::{Program, Session};

/// What a configuration has made of the shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) functions: BTreeSet<String>,
    /// Functions that programs see, as the environment carries them.
    pub(super) exported_functions: Vec<(OsString, OsString)>,
    pub(super) umask: u32,
    pub(super) directory: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum ShellError {
    /// The configuration ended the shell, and has said why itself.
    #[error("the configuration ended the shell with {code}")]
    Ended { code: u8 },
    #[error("cannot talk to bash")]
    Talk(#[from] io::Error),
}

/// A bash that a configuration is evaluated in.
pub(super) struct Shell(Session);

impl Shell {
    /// Starts it. `name` is what the configuration sees as `$0`.
    pub(super) fn start(bash: &Program, name: &OsStr) -> Result<Self, ShellError> {
        Ok(Self(Session::start(bash, SESSION, name)?))
    }

    /// Sets a variable, which stays exported if it was.
    pub(super) fn set(&mut self, name: &str, value: &OsStr) -> Result<(), ShellError> {
        self.request(&[b"set", name.as_bytes(), value.as_bytes()])
    }

    /// Evaluates a file; with `globbing` words may be patterns of file names.
    pub(super) fn source(&mut self, path: &Path, globbing: bool) -> Result<(), ShellError> {
        if globbing {
            self.request(&[b"globbing"])?;
        }
        self.request(&[b"source", path.as_os_str().as_bytes()])?;
        self.answer()?;
        if globbing {
            self.request(&[b"no-globbing"])?;
        }
        Ok(())
    }

    /// All that was set.
    pub(super) fn state(&mut self) -> Result<State, ShellError> {
        self.request(&[b"state"])?;
        Ok(State::from_facts(self.answer()?))
    }

    /// The variables as they would be after the file of a single certificate, which changes nothing here. `None` when
    /// that file ends the shell.
    pub(super) fn certificate(&mut self, path: &Path) -> Result<Option<State>, ShellError> {
        self.request(&[b"certificate", path.as_os_str().as_bytes()])?;
        let facts = self.answer()?;
        Ok((!facts.is_empty()).then(|| State::from_facts(facts)))
    }

    /// A script that calls `function` as it would run in this shell.
    pub(super) fn script(&mut self, function: &str) -> Result<Vec<u8>, ShellError> {
        self.request(&[b"script", function.as_bytes()])?;
        let script = |fact| if let Fact::Script(text) = fact { Some(text) } else { None };
        Ok(self.answer()?.into_iter().find_map(script).unwrap_or_default())
    }

    fn request(&mut self, words: &[&[u8]]) -> Result<(), ShellError> {
        let mut request = Vec::new();
        for word in words {
            // The shell has no word for what follows a zero byte either.
            request.extend(word.split(|byte| *byte == 0).next().unwrap_or_default());
            request.push(0);
        }
        let sent = self.0.send(&request);
        sent.map_err(
            |error| {
                if error.kind() == io::ErrorKind::BrokenPipe { self.ended() } else { error.into() }
            },
        )
    }

    /// What is said up to the end.
    fn answer(&mut self) -> Result<Vec<Fact>, ShellError> {
        let mut facts = Vec::new();
        loop {
            let kind = self.word()?;
            facts.push(match kind.as_slice() {
                b"end" => return Ok(facts),
                b"variable" | b"exported" => Fact::Variable {
                    name: text(&self.word()?),
                    variable: Variable {
                        exported: kind == b"exported",
                        value: OsString::from_vec(self.word()?),
                    },
                },
                b"function" => Fact::Function(text(&self.word()?)),
                b"program" => Fact::ExportedFunction(text(&self.word()?), OsString::from_vec(self.word()?)),
                b"umask" => Fact::Umask(u32::from_str_radix(&text(&self.word()?), 8).unwrap_or(0o077)),
                b"directory" => Fact::Directory(OsString::from_vec(self.word()?).into()),
                b"script" => Fact::Script(self.word()?),
                _ => return Err(io::Error::from(io::ErrorKind::InvalidData).into()),
            });
        }
    }

    fn word(&mut self) -> Result<Vec<u8>, ShellError> {
        let mut word = Vec::new();
        self.0.replies.read_until(0, &mut word)?;
        if word.pop() == Some(0) { Ok(word) } else { Err(self.ended()) }
    }

    fn ended(&mut self) -> ShellError {
        match self.0.end() {
            Ok(status) => {
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                ShellError::Ended { code: u8::try_from(code).unwrap_or(1) }
            }
            Err(error) => error.into(),
        }
    }
}

/// A thing the shell tells.
enum Fact {
    Variable { name: String, variable: Variable },
    Function(String),
    ExportedFunction(String, OsString),
    Umask(u32),
    Directory(PathBuf),
    Script(Vec<u8>),
}

impl State {
    fn from_facts(facts: Vec<Fact>) -> Self {
        let mut state = Self { umask: 0o077, ..Self::default() };
        for fact in facts {
            match fact {
                Fact::Variable { name, variable } => drop(state.variables.insert(name, variable)),
                Fact::Function(name) => drop(state.functions.insert(name)),
                Fact::ExportedFunction(name, body) => {
                    state.exported_functions.push((format!("BASH_FUNC_{name}%%").into(), body));
                }
                Fact::Umask(umask) => state.umask = umask,
                Fact::Directory(directory) => state.directory = directory,
                Fact::Script(_) => {}
            }
        }
        state
    }
}

/// Names of variables and functions.
fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

const SESSION: &str = include_str!("session.bash");

#[cfg(test)]
mod tests {
    use super::*;

    struct Bash {
        shell: Shell,
        directory: tempfile::TempDir,
    }

    impl Bash {
        fn new() -> Self {
            let path = std::env::var_os("PATH");
            let bash = Program::find(Path::new("bash"), path.as_deref()).unwrap();
            Self {
                shell: Shell::start(&bash, OsStr::new("dehydrated")).unwrap(),
                directory: tempfile::tempdir().unwrap(),
            }
        }

        fn file(&self, text: &str) -> PathBuf {
            let path = self.directory.path().join("config");
            std::fs::write(&path, text).unwrap();
            path
        }

        fn source(&mut self, text: &str) -> Result<State, ShellError> {
            let path = self.file(text);
            self.shell.source(&path, false)?;
            self.shell.state()
        }

        /// The code that a configuration ends with.
        fn code(text: &str) -> u8 {
            match Self::new().source(text).unwrap_err() {
                ShellError::Ended { code } => code,
                ShellError::Talk(error) => panic!("{error}"),
            }
        }
    }

    fn value<'a>(state: &'a State, name: &str) -> &'a str {
        state.variables[name].value.to_str().unwrap()
    }

    #[test]
    fn a_configuration_is_bash() {
        let mut bash = Bash::new();
        bash.shell.set("RENEW_DAYS", OsStr::new("32")).unwrap();
        let state = bash.source(
            "A='it''s'\nB=\"two\nlines\"\nRENEW_DAYS=$((RENEW_DAYS + 5))\nexport KEY=$(printf '\\377end')\nend=end\n\
             umask 027\ncd /\nhook() { echo hi; }\nseen() { :; }; export -f seen\nlist=(1 2)\nlocal L=1; declare D=1\n",
        );
        let state = state.unwrap();
        assert_eq!(value(&state, "A"), "its");
        assert_eq!(value(&state, "B"), "two\nlines");
        assert_eq!(value(&state, "RENEW_DAYS"), "37");
        assert_eq!(value(&state, "end"), "end");
        let key = Variable { value: OsString::from_vec(b"\xffend".to_vec()), exported: true };
        assert_eq!(state.variables["KEY"], key);
        assert_eq!((state.umask, state.directory.as_path()), (0o027, Path::new("/")));
        assert_eq!(state.functions, ["hook".to_owned(), "seen".to_owned()].into());
        assert_eq!(state.exported_functions[0].0, "BASH_FUNC_seen%%");
        assert!(state.exported_functions[0].1.to_str().unwrap().starts_with("() {"));
        // As in dehydrated, which reads its configuration in a function.
        assert!(!state.variables.contains_key("L") && !state.variables.contains_key("D"));
    }

    #[test]
    fn how_a_configuration_ends_the_shell_is_told() {
        assert_eq!(Bash::code("exit 7\n"), 7);
        assert_eq!(Bash::code("false\n"), 1);
        assert_eq!(Bash::code("echo $NOT_SET_AT_ALL\n"), 1);
        assert_eq!(Bash::code("if\n"), 2);
        assert_eq!(Bash::code("kill -TERM $BASHPID\n"), 143);
        // What it leaves running holds nothing open.
        assert_eq!(Bash::code("sleep 60 >/dev/null 2>&1 &\nexit 3\n"), 3);
    }

    #[test]
    fn the_file_of_a_certificate_changes_nothing() {
        let mut bash = Bash::new();
        bash.source("RENEW_DAYS=30\n").unwrap();
        let path = bash.file("RENEW_DAYS=$((RENEW_DAYS + 1))\nfalse\nNEW=x\n");
        for _ in 0..2 {
            let after = bash.shell.certificate(&path).unwrap().unwrap();
            assert_eq!((value(&after, "RENEW_DAYS"), value(&after, "NEW")), ("31", "x"));
        }
        let path = bash.file("exit 4\n");
        assert_eq!(bash.shell.certificate(&path).unwrap(), None);
        assert_eq!(value(&bash.shell.state().unwrap(), "RENEW_DAYS"), "30");
    }

    #[test]
    fn a_function_becomes_a_program() {
        let mut bash = Bash::new();
        bash.source("secret=\"a'b\nc\"\nlist=(1 '2 3')\nhelp_out() { echo \"$secret ${list[1]} $*\"; }\nmy-hook() { help_out \"$@\"; return 3; }\n")
            .unwrap();
        let script = bash.shell.script("my-hook").unwrap();
        let path = bash.file(std::str::from_utf8(&script).unwrap());
        let path_variable = std::env::var_os("PATH");
        let program = Program::find(Path::new("bash"), path_variable.as_deref()).unwrap();
        let (succeeded, printed) =
            crate::hook::output(&program, &[path.as_os_str(), OsStr::new("probe"), OsStr::new("x y")])
                .unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), "a'b\nc 2 3 probe x y\n");
        assert!(!succeeded);
    }
}
