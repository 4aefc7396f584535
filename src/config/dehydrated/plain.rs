//! Reads a configuration on a machine without bash: plain assignments, and nothing that would have to be run.
//!
//! `NAME=value` and `export NAME=value`, with quotes, comments, and variables that are set. Whatever else bash would do
//! something about is refused at its place, so that nothing is ever read in another sense than bash's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use super::Variable;
use crate::diagnostic::{Diagnostic, Source, Span};

/// Puts what `source` assigns into `variables`.
///
/// # Errors
/// The first thing that is no plain assignment; what was assigned before it stays. A NUL byte anywhere.
pub fn read(source: &Arc<Source>, variables: &mut BTreeMap<String, Variable>) -> Result<(), Diagnostic> {
    let mut reader = Reader { source, at: 0, variables };
    // No variable can hold one, whatever quotes it stands in.
    if let Some(at) = source.text.find('\0') {
        return Err(reader.error(at, "a NUL byte is no part of a configuration".to_owned()));
    }
    while !reader.rest().is_empty() {
        reader.statement()?;
    }
    Ok(())
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    at: usize,
    variables: &'a mut BTreeMap<String, Variable>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn takes(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Assignments up to the end of the line or a semicolon.
    fn statement(&mut self) -> Result<(), Diagnostic> {
        self.blanks();
        let start = self.at;
        let exports = self.word() == "export" && matches!(self.peek(), Some(' ' | '\t'));
        if !exports {
            self.at = start;
        }
        let mut assigned = false;
        loop {
            self.blanks();
            match self.peek() {
                // It would print everything that is exported.
                None | Some('\n' | '#') if exports && !assigned => return Err(self.refuse(start)),
                None => return Ok(()),
                Some('\n') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(';') if assigned => {
                    self.at += 1;
                    // `;;` is no end of a plain assignment.
                    return if self.peek() == Some(';') { Err(self.refuse(self.at)) } else { Ok(()) };
                }
                Some('#') => {
                    let line = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.at += line;
                }
                Some(_) => {
                    self.assignment(exports)?;
                    assigned = true;
                }
            }
        }
    }

    fn assignment(&mut self, exports: bool) -> Result<(), Diagnostic> {
        let start = self.at;
        let name = self.word().to_owned();
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(self.refuse(start));
        }
        if self.takes("=") {
            let value = self.value()?;
            let variable = self.variables.entry(name).or_default();
            variable.value = value.into();
            variable.exported |= exports;
            return Ok(());
        }
        // `export NAME`: from now on.
        if exports && matches!(self.peek(), None | Some(' ' | '\t' | '\n' | ';')) {
            match self.variables.get_mut(&name) {
                Some(variable) => variable.exported = true,
                None => return Err(self.error(start, format!("`{name}` is exported, but not set"))),
            }
            return Ok(());
        }
        Err(self.refuse(start))
    }

    fn value(&mut self) -> Result<String, Diagnostic> {
        let mut value = String::new();
        // The home directory is not looked up.
        if self.peek() == Some('~') {
            return Err(self.refuse(self.at));
        }
        loop {
            let start = self.at;
            match self.peek() {
                None | Some(' ' | '\t' | '\n' | ';') => return Ok(value),
                Some('\'') => {
                    self.at += 1;
                    let Some(end) = self.rest().find('\'') else { return Err(self.open(start)) };
                    value.push_str(&self.rest()[..end]);
                    self.at += end + 1;
                }
                Some('"') => self.quoted(&mut value)?,
                Some('\\') => {
                    self.at += 1;
                    match self.next() {
                        None => return Err(self.refuse(start)),
                        // The line goes on.
                        Some('\n') => {}
                        Some(escaped) => value.push(escaped),
                    }
                }
                Some('$') => value.push_str(&self.variable()?),
                // A tilde behind a colon is a home directory as well.
                Some('`' | '(' | ')' | '<' | '>' | '|' | '&' | '\r' | '\0' | '~') => {
                    return Err(self.refuse(start));
                }
                Some(plain) => {
                    self.at += plain.len_utf8();
                    value.push(plain);
                }
            }
        }
    }

    /// Text between double quotes.
    fn quoted(&mut self, value: &mut String) -> Result<(), Diagnostic> {
        let start = self.at;
        self.at += 1;
        loop {
            let here = self.at;
            match self.next() {
                None => return Err(self.open(start)),
                Some('"') => return Ok(()),
                Some('`' | '\0') => return Err(self.refuse(here)),
                Some('$') => {
                    self.at = here;
                    value.push_str(&self.variable()?);
                }
                Some('\\') => match self.next() {
                    None => return Err(self.open(start)),
                    Some('\n') => {}
                    Some(escaped) => {
                        if !matches!(escaped, '$' | '`' | '"' | '\\') {
                            value.push('\\');
                        }
                        value.push(escaped);
                    }
                },
                Some(plain) => value.push(plain),
            }
        }
    }

    /// `$NAME` or `${NAME}`.
    fn variable(&mut self) -> Result<String, Diagnostic> {
        let start = self.at;
        self.at += 1;
        let braced = self.takes("{");
        let name = self.word().to_owned();
        let is_name = !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit());
        if !is_name || braced && !self.takes("}") {
            return Err(self.refuse(start));
        }
        match self.variables.get(&name).map(|variable| variable.value.to_str()) {
            Some(Some(value)) => Ok(value.to_owned()),
            Some(None) => Err(self.error(start, format!("`{name}` is not UTF-8"))),
            None => Err(self.error(start, format!("`{name}` is not set"))),
        }
    }

    /// Characters of a name, perhaps none.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t')) || self.takes("\\\n") {
            if matches!(self.peek(), Some(' ' | '\t')) {
                self.at += 1;
            }
        }
    }

    fn refuse(&self, start: usize) -> Diagnostic {
        self.error(start, "this is no plain assignment, and bash is not there to run it".to_owned())
    }

    fn open(&self, start: usize) -> Diagnostic {
        self.error(start, "this quote is never closed".to_owned())
    }

    fn error(&self, start: usize, message: String) -> Diagnostic {
        let line = self.source.text[start..].split('\n').next().unwrap_or_default();
        let range = start..start + line.trim_end().len();
        let span = Span { source: Arc::clone(self.source), range };
        Diagnostic::error("plain-config", Some(span), message)
            .with_help("install bash, and the configuration may be any bash script")
    }
}

/// The variables of an environment that the configuration may use.
pub(super) fn environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> BTreeMap<String, Variable> {
    let named = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok()?;
        Some((name, Variable { value, exported: true }))
    };
    variables.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::dehydrated::bash::Shell;
    use crate::hook::Program;

    fn known() -> BTreeMap<String, Variable> {
        environment([("BASEDIR".into(), "/etc/dehydrated".into()), ("HOOK".into(), "".into())])
    }

    fn read_text(text: &str) -> Result<BTreeMap<String, Variable>, Diagnostic> {
        let mut variables = known();
        let source = Arc::new(Source { name: "config".to_owned(), text: text.to_owned() });
        read(&source, &mut variables).map(|()| variables)
    }

    fn refusal(text: &str) -> String {
        let fault = read_text(text).unwrap_err();
        let (line, column) = fault.span.as_ref().unwrap().start();
        format!("{line}:{column}: {}", fault.message)
    }

    #[test]
    fn reads_what_most_configurations_are() {
        let text = "# comment\n\nCA=\"letsencrypt-test\" # behind\nHOOK=${BASEDIR}/hook.sh\nA='it'\\''s' B=x;C=\"a\\\"b\\n$HOOK\"\n\
                    export KEY=a#b\nWELLKNOWN=\"${BASEDIR}/\\\nx\"\n  EMPTY=\nGLOB=*.{a,b}?\n";
        let variables = read_text(text).unwrap();
        let value = |name: &str| variables[name].value.to_str().unwrap().to_owned();
        assert_eq!(value("CA"), "letsencrypt-test");
        assert_eq!(value("HOOK"), "/etc/dehydrated/hook.sh");
        assert_eq!((value("A"), value("B")), ("it's".to_owned(), "x".to_owned()));
        assert_eq!(value("C"), "a\"b\\n/etc/dehydrated/hook.sh");
        assert_eq!((value("KEY"), variables["KEY"].exported), ("a#b".to_owned(), true));
        assert_eq!(value("WELLKNOWN"), "/etc/dehydrated/x");
        assert_eq!((value("EMPTY"), value("GLOB")), (String::new(), "*.{a,b}?".to_owned()));
    }

    #[test]
    fn refuses_what_would_have_to_be_run() {
        let plain = "this is no plain assignment, and bash is not there to run it";
        assert_eq!(refusal("A=1\nB=$(date)\n"), format!("2:3: {plain}"));
        assert_eq!(refusal("umask 022\n"), format!("1:1: {plain}"));
        assert_eq!(refusal("hook() { :; }\n"), format!("1:1: {plain}"));
        assert_eq!(refusal("A=\"x`id`\""), format!("1:5: {plain}"));
        assert_eq!(refusal("A=${B:-x}"), format!("1:3: {plain}"));
        assert_eq!(refusal("A=(1 2)"), format!("1:3: {plain}"));
        assert_eq!(refusal("A=~/x"), format!("1:3: {plain}"));
        assert_eq!(refusal("A=1 command"), format!("1:5: {plain}"));
        assert_eq!(refusal("A=$B\n"), "1:3: `B` is not set");
        assert_eq!(refusal("A=1\nB='x\0'\n"), "2:5: a NUL byte is no part of a configuration");
        assert_eq!(refusal("\n A='x\n"), "2:4: this quote is never closed");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([A-C]=|[a-z$'\"\\\\ ;#\n`(){}~]|export |\\PC){0,40}") {
            let _ = read_text(&text);
        }

        /// What is not refused means what bash makes of it.
        #[test]
        fn what_is_read_means_the_same_in_bash(
            text in "(([AB]=|export |)([a-z$\"'\\\\ =;#*~:!{}\\[\\]]|\\$A|\\$\\{BASEDIR\\}|\\\\\n){0,6}\n){0,4}"
        ) {
            let Ok(mut plain) = read_text(&text) else { return Ok(()) };
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("config");
            std::fs::write(&file, &text).unwrap();
            let path = std::env::var_os("PATH");
            let bash = Program::find(Path::new("bash"), path.as_deref()).unwrap();
            let mut shell = Shell::start(&bash, OsStr::new("dehydrated"), false).unwrap();
            for (name, variable) in known() {
                shell.set(&name, &variable.value).unwrap();
            }
            shell.source(&file, false).unwrap();
            let mut state = shell.state().unwrap();
            for name in ["A", "B", "BASEDIR"] {
                let (ours, bashs) = (plain.remove(name), state.variables.remove(name));
                prop_assert_eq!(ours.map(|variable| variable.value), bashs.map(|variable| variable.value), "{}", text);
            }
        }
    }
}
