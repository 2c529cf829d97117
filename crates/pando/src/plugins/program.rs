//! `command`: a program of the operator's.

use std::path::Path;

use ccg::plugins::{Plugin, Process};

use super::PluginsError;
use super::declaration::Declared;

pub fn build(command: &[String], declared: &Declared<'_>) -> Result<Box<dyn Plugin>, PluginsError> {
    let clsid = declared.clsid.ok_or_else(|| declared.wrong("it has no clsid: make one of its own, with `uuidgen`"))?;
    let (program, arguments) = command.split_first().ok_or_else(|| declared.wrong("its command is empty"))?;
    if !Path::new(program).is_absolute() {
        return Err(declared.wrong("its command does not begin with the full path of a program"));
    }
    let process = Process::new(&declared.name, clsid, program).map_err(|error| declared.wrong(error))?;
    let process = process.with_arguments(arguments.iter().cloned());
    Ok(Box::new(match declared.timeout {
        Some(timeout) => process.with_timeout(timeout),
        None => process,
    }))
}
