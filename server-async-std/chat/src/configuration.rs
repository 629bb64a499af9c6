//! Where the values of the flags come from: the command line, the environment, a file, the defaults, in this order.
//!
//! Whatever its origin, a value is parsed as the flag's: there is one parser, one range, one complaint. A value that is no good
//! is an error even where another one overrides it. Knows no flag but those that are about the configuration itself.

use crate::args::Args;
use crate::file::{self, Setting};
use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory as _, Error, FromArgMatches as _};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What the variables' names begin with.
const PREFIX: &str = "SANKET_";
/// The one that others set, too.
const PORT: &str = "SANKET_PORT";
/// Variables of the build, which may well be set where the program runs.
const BUILD: [&str; 1] = ["SANKET_SKIP_WEB"];
/// Flags that are about one run: neither variables nor keys.
const ONE_RUN: [&str; 3] = ["check", "help", "version"];

/// The configuration in effect.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) args: Args,
    /// What `--check` prints: a file that says the same, with the origin of each value.
    pub(crate) effective: String,
    /// What is odd about the environment, and no error.
    pub(crate) warnings: Vec<String>,
}

/// Reads everything. An error is to be printed by [`Error::exit`], as are the help and the version.
pub(crate) fn read() -> Result<Configuration, Error> {
    let mut command = command();
    let first = command.clone().try_get_matches_from(env::args_os());
    if let Err(error) = &first
        && !error.use_stderr()
    {
        return first.map(|_| unreachable!("an error"));
    }
    for (id, variable) in variables(&command) {
        if let Some(value) = env::var_os(&variable) {
            check(&command, &id, &[value], variable.to_string_lossy().as_ref())?;
        }
    }
    let first = first?;
    let mut lines = BTreeMap::new();
    if let Some(path) = first.get_one::<PathBuf>("config") {
        for setting in read_file(&command, path)? {
            // `mut_arg` would change the order of the flags.
            command = command.mut_args(|arg| match &setting {
                Setting { key, values, .. } if arg.get_id() == key.as_str() => arg.default_values(values.clone()),
                _ => arg,
            });
            lines.insert(setting.key, format!("{}:{}", path.display(), setting.line));
        }
    }
    let matches = command.clone().try_get_matches_from(env::args_os())?;
    let args = Args::from_arg_matches(&matches)?;
    let effective = effective(&command, &matches, &lines);
    Ok(Configuration { args, effective, warnings: warnings(&command) })
}

/// The flags, each with its variable.
fn command() -> Command {
    let replaced = env::var_os(PORT).is_none_or(|port| is_link(&port));
    Args::command().mut_args(|arg| match arg.get_id().as_str() {
        id if ONE_RUN.contains(&id) => arg,
        "port" if replaced && env::var_os("PORT").is_some() => arg.env("PORT"),
        // Without a variable.
        "port" if env::var_os(PORT).is_some_and(|port| is_link(&port)) => arg,
        id => {
            let variable = format!("{PREFIX}{}", id.to_uppercase());
            arg.env(variable)
        }
    })
}

/// The flags that have a variable, by their ids.
fn variables(command: &Command) -> Vec<(String, OsString)> {
    let named = |arg: &clap::Arg| Some((arg.get_id().to_string(), arg.get_env()?.to_owned()));
    command.get_arguments().filter_map(named).collect()
}

/// Whether a value of `SANKET_PORT` is none of ours: for a Service with the name `sanket`, Kubernetes sets it to the Service's URL,
/// in every container of its namespace.
fn is_link(value: &OsStr) -> bool {
    value.as_encoded_bytes().starts_with(b"tcp://")
}

fn warnings(command: &Command) -> Vec<String> {
    let link = env::var_os(PORT).filter(|port| is_link(port));
    let ignored = link.map(|link| {
        let link = link.to_string_lossy();
        format!("{PORT}={link} is ignored: it is Kubernetes' for a Service called sanket, see `enableServiceLinks`")
    });
    let unknown = unknown_variables(command).into_iter();
    let unknown = unknown.map(|variable| format!("there is no setting {variable}: the variable does nothing"));
    ignored.into_iter().chain(unknown).collect()
}

/// Variables that look like ours and are not.
fn unknown_variables(command: &Command) -> Vec<String> {
    let known: BTreeSet<_> = variables(command).into_iter().map(|(_, variable)| variable).collect();
    let mut unknown: Vec<_> = env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| !known.contains(name) && !BUILD.iter().any(|build| name == build))
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(PREFIX) && name != PORT)
        .collect();
    unknown.sort();
    unknown
}

/// The settings of a file, all of them good, under the ids of their flags.
fn read_file(command: &Command, path: &Path) -> Result<Vec<Setting>, Error> {
    let complain = |text: String| command.clone().error(ErrorKind::InvalidValue, text);
    let mut settings = file::read(path).map_err(complain)?;
    for setting in &mut settings {
        let origin = format!("{}:{}", path.display(), setting.line);
        let is_meant = |arg: &&clap::Arg| arg.get_long() == Some(&setting.key);
        let is_setting = |arg: &&clap::Arg| arg.get_id() != "config" && !ONE_RUN.contains(&arg.get_id().as_str());
        let Some(arg) = command.get_arguments().find(is_meant).filter(is_setting) else {
            return Err(complain(format!("{origin}: unknown key '{}'", setting.key)));
        };
        if setting.values.is_empty() && !matches!(arg.get_action(), ArgAction::Append) {
            return Err(complain(format!("{origin}: '{}' is an empty array, and no list", setting.key)));
        }
        let id = arg.get_id().as_str();
        let values: Vec<_> = setting.values.iter().map(OsString::from).collect();
        check(command, id, &values, &origin)?;
        setting.key = id.to_owned();
    }
    Ok(settings)
}

/// Whether the flag would take these values; the complaint begins with their origin.
fn check(command: &Command, id: &str, values: &[OsString], origin: &str) -> Result<(), Error> {
    let alone = command.clone().mut_args(|arg| arg.env(Resettable::<clap::builder::OsStr>::Reset));
    let long = command.get_arguments().find(|arg| arg.get_id() == id).and_then(clap::Arg::get_long).unwrap_or(id);
    let flag = |value: &OsString| {
        let mut flag = OsString::from(format!("--{long}="));
        flag.push(value);
        flag
    };
    let line = [OsString::from("sanket")].into_iter().chain(values.iter().map(flag));
    let Err(error) = alone.try_get_matches_from(line) else { return Ok(()) };
    let complaint = error.render().to_string();
    let complaint = complaint.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    Err(command.clone().error(error.kind(), format!("{origin}: {complaint}")))
}

/// A file with the values that are in effect; each line says where its value is from.
fn effective(command: &Command, matches: &ArgMatches, lines: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        let Some(long) = arg.get_long().filter(|_| id != "config" && !ONE_RUN.contains(&id)) else { continue };
        let values: Vec<_> = matches.get_raw(id).into_iter().flatten().map(toml_value).collect();
        let origin = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => format!("--{long}"),
            Some(ValueSource::EnvVariable) => arg.get_env().unwrap_or_default().to_string_lossy().into_owned(),
            _ => lines.get(id).cloned().unwrap_or_else(|| "default".to_owned()),
        };
        let _ = match (arg.get_action(), values.last()) {
            (_, None) => writeln!(text, "# {long} is not set"),
            (ArgAction::Append, _) => writeln!(text, "{long} = [{}] # {origin}", values.join(", ")),
            (_, Some(value)) => writeln!(text, "{long} = {value} # {origin}"),
        };
    }
    text
}

fn toml_value(value: &OsStr) -> String {
    let value = value.to_string_lossy();
    let is_number = value.parse::<u64>().is_ok_and(|number| number.to_string() == value);
    if is_number || value == "true" || value == "false" {
        return value.into_owned();
    }
    let mut quoted = String::from('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => _ = write!(quoted, "\\u{:04X}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}
