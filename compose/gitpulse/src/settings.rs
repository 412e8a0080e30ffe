//! Settings. In: `gitpulse.toml`, `.env`, the environment, flags; each overrides the one before. Out: one parsed command line, read once. An unknown
//! key or a bad value is an error that names the key, the file and the line.
//!
//! The command line is a type parameter: nothing here knows a command.
//!
//! There is one definition of a setting: its clap argument. A file's value becomes the argument's default, so that environment and flags override it
//! as they override any default. `[kafka] brokers` in the file is `--kafka-brokers` and `GITPULSE_KAFKA_BROKERS`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Parser};
use ingest::config::TenantConfig;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::de::{DeTable, DeValue};

/// The file that is read when none is named.
const FILE: &str = "gitpulse.toml";
const DOT_ENV: &str = ".env";

/// All settings of the command line `C`.
pub(crate) struct Settings<C> {
    /// The command and its settings.
    pub(crate) cli: C,
    /// The `[[tenant]]` tables of the file.
    pub(crate) tenants: Vec<TenantConfig>,
    /// Every setting of the command, with its value and origin, for `gitpulse config`.
    pub(crate) sources: Vec<Source>,
    /// Environment variables that look like settings but are unknown. Only a warning: Kubernetes sets such variables for a service that is called
    /// gitpulse.
    pub(crate) unknown_variables: Vec<String>,
}

/// A setting in force.
pub(crate) struct Source {
    /// Its name on the command line.
    pub(crate) name: String,
    /// Its name in the environment.
    pub(crate) variable: String,
    /// Its value; `***` for secrets.
    pub(crate) value: String,
    /// Where the value comes from.
    pub(crate) origin: String,
}

/// Why there are no settings.
pub(crate) enum SettingsError {
    /// A fault in the command line, or `--help` and `--version`.
    CommandLine(Box<clap::Error>),
    /// A fault in a file.
    File(String),
}

impl SettingsError {
    /// Prints it to standard error.
    #[expect(clippy::print_stderr, reason = "there are no settings, so there is no log")]
    pub(crate) fn report(self) -> ExitCode {
        match self {
            SettingsError::CommandLine(error) => {
                let _ = error.print();
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            }
            SettingsError::File(message) => {
                eprintln!("error: {message}");
                ExitCode::from(2)
            }
        }
    }
}

/// A value from a file, and its position.
struct FileValue {
    value: String,
    origin: String,
}

/// By the name of the argument, in snake case.
type FileValues = BTreeMap<String, FileValue>;

/// Reads all settings of this process.
pub(crate) fn load<C: Parser>() -> Result<Settings<C>, SettingsError> {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let command = C::command();
    let mut values = FileValues::new();
    let mut tenants = Vec::new();
    if let Some((path, text)) = settings_file(&command, &arguments)? {
        read_toml(&path, &text, &known(&command), &mut values, &mut tenants)?;
    }
    read_dot_env(Path::new(DOT_ENV), &known(&command), &mut values)?;

    let unknown_variables = unknown_variables(&known(&command));

    let variables = known(&command);
    let command = with_defaults(command, &values);
    let matches = command
        .clone()
        .try_get_matches_from(arguments)
        .map_err(|error| environment_fault(&variables, &error).unwrap_or_else(|| command_line(error)))?;
    let sources = sources(&command, &matches, &values)?;
    for source in &sources {
        check_address(source).map_err(SettingsError::File)?;
    }
    let cli = C::from_arg_matches(&matches).map_err(command_line)?;
    Ok(Settings { cli, tenants, sources, unknown_variables })
}

/// The fault if an environment variable could not be parsed; clap's own text would quote its value and name the flag.
fn environment_fault(known: &BTreeMap<String, Arg>, error: &clap::Error) -> Option<SettingsError> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return None;
    }
    known.values().find_map(|arg| {
        let variable = arg.get_env()?;
        let value = std::env::var_os(variable)?;
        let message = check(arg, value.to_str()?).err()?;
        Some(SettingsError::File(format!("{}: {message}", variable.to_string_lossy())))
    })
}

/// Checks values that clap accepts as any text: addresses, which may hold a password.
fn check_address(source: &Source) -> Result<(), String> {
    let place = format!("{} ({})", source.variable, source.origin);
    match source.name.as_str() {
        "kafka-brokers" if source.value.trim().is_empty() => {
            Err(format!("{place}: names no broker; brokers are written host:port,host:port"))
        }
        "clickhouse-url" => {
            let rest = source.value.strip_prefix("http://").or(source.value.strip_prefix("https://"));
            let Some(rest) = rest else {
                return Err(format!("{place}: must begin with http:// or https://"));
            };
            if has_credentials(rest) {
                return Err(format!(
                    "{place}: holds a user or a password; GITPULSE_CLICKHOUSE_USER and GITPULSE_CLICKHOUSE_PASSWORD are for them"
                ));
            }
            Ok(())
        }
        "gitlab-url"
            if has_credentials(source.value.split_once("://").map_or(&source.value, |(_, rest)| rest)) =>
        {
            Err(format!("{place}: holds a user or a password; GITLAB_TOKEN alone gives access"))
        }
        _ => Ok(()),
    }
}

/// Whether an address without its scheme begins with a user. Commands that print settings would print the password.
fn has_credentials(rest: &str) -> bool {
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// What is wrong with a `[[tenant]]`. The parser's own messages quote values, which may be tokens; only those that quote a key are kept.
fn tenant_fault(message: &str) -> &str {
    if message.starts_with("unknown field `") || message.starts_with("missing field `") {
        return message;
    }
    "a value has the wrong type or form: `name` and `instance` are strings, `tokens`, `signing_tokens` and `allowed_networks` are lists of strings, `projects` and `groups` are lists of numbers, `path_only` and `all_projects` are true or false"
}

fn command_line(error: clap::Error) -> SettingsError {
    SettingsError::CommandLine(Box::new(error))
}

/// The file named by `--config` or its variable, else `gitpulse.toml` if there is one.
fn settings_file(
    command: &Command,
    arguments: &[std::ffi::OsString],
) -> Result<Option<(PathBuf, String)>, SettingsError> {
    // A first parse of the command line, only for this flag; the second one finds faults.
    let named = command.clone().ignore_errors(true).try_get_matches_from(arguments).ok();
    let named: Option<PathBuf> = named.and_then(|matches| matches.get_one::<PathBuf>("config").cloned());
    let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SettingsError::File(format!("the settings file {}: {error}", path.display()))),
    }
}

/// Every argument of every command, by its name in snake case. `config` itself cannot be set in a file.
fn known(command: &Command) -> BTreeMap<String, Arg> {
    let mut arguments = BTreeMap::new();
    let mut commands = vec![command];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands());
        let settings = command.get_arguments().filter(|arg| arg.get_env().is_some());
        for (name, arg) in settings.filter_map(|arg| Some((arg.get_long()?.replace('-', "_"), arg))) {
            arguments.insert(name, arg.clone());
        }
    }
    arguments.remove("config");
    arguments
}

fn read_toml(
    path: &Path,
    text: &str,
    known: &BTreeMap<String, Arg>,
    values: &mut FileValues,
    tenants: &mut Vec<TenantConfig>,
) -> Result<(), SettingsError> {
    let place =
        |at: usize| format!("{}:{}", path.display(), 1 + text[..at.min(text.len())].matches('\n').count());
    let fail = |at: usize, message: String| SettingsError::File(format!("{}: {message}", place(at)));
    let table = DeTable::parse(text)
        .map_err(|error| fail(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;

    let mut open = vec![(String::new(), table.into_inner())];
    while let Some((prefix, table)) = open.pop() {
        for (key, value) in table {
            let at = key.span().start;
            let name = match prefix.as_str() {
                "" => key.get_ref().replace('-', "_"),
                prefix => format!("{prefix}_{}", key.get_ref().replace('-', "_")),
            };
            if name == "tenant" {
                let span = value.span().start;
                let parsed = Vec::<TenantConfig>::deserialize(value.into_deserializer());
                tenants.extend(parsed.map_err(|error| {
                    let at = error.span().map_or(span, |span| span.start);
                    fail(at, format!("tenant: {}", tenant_fault(error.message())))
                })?);
                continue;
            }
            if let DeValue::Table(inner) = value.get_ref() {
                open.push((name, inner.clone()));
                continue;
            }
            let Some(arg) = known.get(&name) else {
                return Err(fail(at, format!("unknown key `{name}`; `gitpulse config` lists all of them")));
            };
            let value = plain(value.get_ref()).ok_or_else(|| {
                fail(at, format!("`{name}`: expected a string, a number, true, false, or a list of them"))
            })?;
            check(arg, &value).map_err(|message| fail(at, format!("`{name}`: {message}")))?;
            values.insert(name, FileValue { value, origin: place(at) });
        }
    }
    Ok(())
}

fn read_dot_env(
    path: &Path,
    known: &BTreeMap<String, Arg>,
    values: &mut FileValues,
) -> Result<(), SettingsError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(SettingsError::File(format!("{}: {error}", path.display()))),
    };
    for variable in dotenvy::from_read_iter(text.as_bytes()) {
        // The parser's own message quotes the line, which may hold a secret.
        let (variable, value) = variable.map_err(|_| {
            SettingsError::File(format!(
                "{}: a line is not of the form NAME=value, or its quotes do not close",
                path.display()
            ))
        })?;
        let line = 1 + text.lines().position(|line| names(line, &variable)).unwrap_or(0);
        let place = format!("{}:{line}", path.display());
        let setting =
            known.iter().find(|(_, arg)| arg.get_env().is_some_and(|name| name == variable.as_str()));
        let Some((name, arg)) = setting else {
            // The file is shared with other programs; an unknown name that looks like ours is a mistake.
            if variable.starts_with("GITPULSE_") || variable.starts_with("GITLAB_WEBHOOK") {
                return Err(SettingsError::File(format!(
                    "{place}: unknown variable `{variable}`; `gitpulse config` lists all of them"
                )));
            }
            continue;
        };
        check(arg, &value)
            .map_err(|message| SettingsError::File(format!("{place}: `{variable}`: {message}")))?;
        values.insert(name.clone(), FileValue { value, origin: place });
    }
    Ok(())
}

fn unknown_variables(known: &BTreeMap<String, Arg>) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let ours = |name: &String| name.starts_with("GITPULSE_") || name.starts_with("GITLAB_WEBHOOK");
    // `config` is not among the settings of a file, and tests have variables of their own.
    let other = |name: &String| name == "GITPULSE_CONFIG" || name.starts_with("GITPULSE_TEST_");
    let is_known =
        |name: &String| known.values().any(|arg| arg.get_env().is_some_and(|known| known == name.as_str()));
    names.filter(|name| ours(name) && !other(name) && !is_known(name)).collect()
}

/// Whether a line of `.env` sets `variable`.
fn names(line: &str, variable: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    line.strip_prefix(variable).is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// A value as it would be written on the command line.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Array(values) => {
            let values: Option<Vec<String>> = values.iter().map(|value| plain(value.get_ref())).collect();
            Some(values?.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// Checks a value as the command line would. The message never quotes a secret.
fn check(arg: &Arg, value: &str) -> Result<(), String> {
    let Some(long) = arg.get_long() else { return Ok(()) };
    let alone = Command::new("setting").no_binary_name(true).arg(arg.clone().required(false).global(false));
    let Err(error) = alone.try_get_matches_from([format!("--{long}={value}")]) else {
        return Ok(());
    };
    if arg.is_hide_env_values_set() {
        // The errors of our own parsers do not contain the value; clap's text around them does.
        let reason = std::error::Error::source(&error).map(ToString::to_string);
        return Err(reason.unwrap_or_else(|| "this value cannot be used".to_owned()));
    }
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Err(first.to_owned())
}

/// The command with the files' values as defaults.
fn with_defaults(command: Command, values: &FileValues) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut command = command.mut_args(|arg| {
        let name = arg.get_long().map(|long| long.replace('-', "_")).unwrap_or_default();
        match values.get(&name) {
            Some(file) if arg.get_env().is_some() => arg.default_value(file.value.clone()),
            Some(_) | None => arg,
        }
    });
    for name in names {
        command = command.mut_subcommand(name, |subcommand| with_defaults(subcommand, values));
    }
    command
}

/// The settings of the given command.
fn sources(
    command: &Command,
    matches: &ArgMatches,
    values: &FileValues,
) -> Result<Vec<Source>, SettingsError> {
    let mut found = Vec::new();
    let mut level = Some((command, matches));
    while let Some((command, matches)) = level {
        for arg in command.get_arguments() {
            let (Some(long), Some(variable)) = (arg.get_long(), arg.get_env()) else {
                continue;
            };
            let id = arg.get_id().as_str();
            let origin = match matches.value_source(id) {
                Some(ValueSource::CommandLine) if arg.is_hide_set() => {
                    return Err(SettingsError::File(format!(
                        "--{long} is a secret: others on this machine can read command lines; use the variable {}",
                        variable.to_string_lossy()
                    )));
                }
                Some(ValueSource::CommandLine) => "command line".to_owned(),
                Some(ValueSource::EnvVariable) => "environment".to_owned(),
                Some(_) => match values.get(&long.replace('-', "_")) {
                    Some(file) => file.origin.clone(),
                    None => "default".to_owned(),
                },
                None => "not set".to_owned(),
            };
            let raw = matches.try_get_raw(id).ok().flatten();
            let raw: Vec<String> =
                raw.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect();
            let value = match raw.join(",") {
                value if arg.is_hide_env_values_set() && !value.is_empty() => "***".to_owned(),
                value => value,
            };
            let (name, variable) = (long.to_owned(), variable.to_string_lossy().into_owned());
            found.push(Source { name, variable, value, origin });
        }
        level =
            matches.subcommand().and_then(|(name, matches)| Some((command.find_subcommand(name)?, matches)));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    Ok(found)
}

#[cfg(test)]
mod tests;
