//! `DEHYDRATED_USER`: another user carries on (contract 2.1).

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::{LoadError, Typed, Variables};
use crate::error::Error;
use crate::hook::{self, Program};

/// Starts the same command as the user that the configuration names, unless we are that user. Then it does not return.
pub(super) fn change(typed: &Typed, variables: &Variables, say: &dyn Fn(&str)) -> Result<(), LoadError> {
    let user = variables.value("DEHYDRATED_USER");
    let group = variables.value("DEHYDRATED_GROUP");
    if user.is_empty() {
        if group.is_empty() {
            return Ok(());
        }
        return Err(LoadError::refuse(
            "DEHYDRATED_GROUP can only be used in combination with DEHYDRATED_USER.",
        ));
    }
    let Some(getent) = program("getent") else {
        return Err(LoadError::refuse(
            "DEHYDRATED_USER set but getent not available. Please install getent.",
        ));
    };
    let shown = |text: &OsStr| text.to_string_lossy().into_owned();
    let user_id = number(&getent, "passwd", user)
        .ok_or_else(|| LoadError::refuse(format!("DEHYDRATED_USER {} is invalid", shown(user))))?;
    let mut is_another = user_id != rustix::process::geteuid().as_raw();
    let mut who = shown(user);
    let mut arguments: Vec<OsString> = vec!["-u".into(), user.to_owned()];
    if !group.is_empty() {
        let group_id = number(&getent, "group", group)
            .ok_or_else(|| LoadError::refuse(format!("DEHYDRATED_GROUP {} is invalid", shown(group))))?;
        is_another |= group_id != rustix::process::getegid().as_raw();
        who = format!("{who}/{}", shown(group));
        arguments.extend(["-g".into(), group.to_owned()]);
    }
    if !is_another {
        return Ok(());
    }
    say(&format!("# INFO: Running {} as {who}", typed.program.display()));
    let Some(sudo) = program("sudo") else {
        return Err(LoadError::refuse("DEHYDRATED_USER set but sudo not available. Please install sudo."));
    };
    arguments.extend(typed.again.iter().cloned());
    Err(LoadError::Failed(Error::failed(hook::replace_us(&sudo, &arguments))))
}

fn program(name: &str) -> Option<Program> {
    Program::find(Path::new(name), std::env::var_os("PATH").as_deref()).ok()
}

/// The number of a user or group: the third field of its entry.
fn number(getent: &Program, database: &str, name: &OsStr) -> Option<u32> {
    let (found, line) = hook::output(getent, &[OsStr::new(database), name]).ok()?;
    String::from_utf8(line).ok().filter(|_| found)?.split(':').nth(2)?.trim().parse().ok()
}
