//! The long form of `app:`, as it is written.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use edgeproof_ground::time::Time;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{App, AppError, Certificate, HostHeader};
use crate::launch::{AddressPattern, Launch, LaunchMistake, Ready, Start};

/// An application: where it listens, and how it is started.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "App")]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// Where it listens, such as `http://127.0.0.1:3000` or `https://localhost:5173`. A path, as in
    /// `http://127.0.0.1:3000/shop`, goes before the path of every request. `$PORT` in it is a free port, for an application
    /// that is started; without an address that is `http://127.0.0.1:$PORT`.
    address: Option<AddressPattern>,
    /// The `Host` header that it gets, such as `localhost:5173`, for an application that insists on one. Default: the
    /// visitor's, as in production. With `https` it is the server name of the handshake too.
    #[serde(default)]
    host: Option<HostHeader>,
    /// Which certificates of an `https` address are taken.
    #[serde(default)]
    certificate: Certificate,
    /// The host of the address once more, where it is not on this machine: without it only loopback is connected to.
    #[serde(default)]
    allow: Option<String>,
    /// The command that starts it, such as `npm start`, for `sh -c`; it stays in the foreground. It has its port as
    /// `PORT` in its environment. It is ended with everything it started.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    run: Option<CommandLine>,
    /// The folder the command runs in, relative to this file. Default: the folder of this file.
    #[serde(default, rename = "in")]
    folder: Option<PathBuf>,
    /// Environment variables in addition to edgeproof's own; `$PORT` in a value is the port. Reports hide the values of
    /// variables that are called a key, secret, token or password.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    env: Option<BTreeMap<EnvName, EnvValue>>,
    /// What must be there before it is started, each with how it is had: a program, looked for on `PATH`, or a path with a
    /// `/`, seen from `in`. Where one is missing the scenario is skipped with that reason; in CI (`CI` is set) it is an error.
    #[serde(default)]
    needs: Option<BTreeMap<String, String>>,
    /// When it is ready: once this URL gives a response, whatever its status, or once it prints this text. Default:
    /// once its address accepts connections.
    #[serde(default)]
    ready: Option<Ready>,
    /// The time limit for becoming ready. Default: 60 seconds.
    #[serde(default)]
    #[schemars(with = "Option<Time>")]
    ready_within: Option<Patience>,
    /// How often it is started.
    #[serde(default)]
    start: Option<Start>,
}

/// A command that a shell can be given.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct CommandLine(String);

/// The name of a variable of an environment.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct EnvName(String);

/// The value of a variable of an environment.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct EnvValue(String);

/// A stretch of time that is not nothing.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Time")]
struct Patience(Duration);

impl TryFrom<String> for CommandLine {
    type Error = LaunchMistake;

    fn try_from(text: String) -> Result<Self, LaunchMistake> {
        match text.trim() {
            "" => Err(LaunchMistake::NoCommand),
            _ if text.contains('\0') => Err(LaunchMistake::Nul("a command")),
            _ => Ok(Self(text)),
        }
    }
}

impl TryFrom<String> for EnvName {
    type Error = LaunchMistake;

    fn try_from(text: String) -> Result<Self, LaunchMistake> {
        match text.as_str() {
            "PORT" => Err(LaunchMistake::PortInEnv),
            "" => Err(LaunchMistake::EnvName(text)),
            _ if text.contains(['=', '\0']) => Err(LaunchMistake::EnvName(text)),
            _ => Ok(Self(text)),
        }
    }
}

impl TryFrom<String> for EnvValue {
    type Error = LaunchMistake;

    fn try_from(text: String) -> Result<Self, LaunchMistake> {
        match text.contains('\0') {
            true => Err(LaunchMistake::Nul("a variable")),
            false => Ok(Self(text)),
        }
    }
}

impl TryFrom<Time> for Patience {
    type Error = LaunchMistake;

    fn try_from(Time(limit): Time) -> Result<Self, LaunchMistake> {
        match limit.is_zero() {
            true => Err(LaunchMistake::NoTime),
            false => Ok(Self(limit)),
        }
    }
}

impl TryFrom<Written> for App {
    type Error = AppError;

    fn try_from(written: Written) -> Result<Self, AppError> {
        let launch = match &written.run {
            Some(CommandLine(command)) => Some(written.launch(command)),
            None => {
                written.is_of_one_that_runs()?;
                None
            }
        };
        let pattern = written.address.unwrap_or_default();
        Ok(Self {
            // Before it is started any port will do.
            address: pattern.at(pattern.fixed_port().unwrap_or(1))?,
            host: written.host,
            certificate: written.certificate,
            allow: written.allow,
            launch,
        })
    }
}

impl Written {
    fn launch(&self, command: &str) -> Launch {
        Launch {
            command: command.to_owned(),
            folder: self.folder.clone().unwrap_or_else(|| PathBuf::from(".")),
            env: self.env(),
            needs: self.needs.clone().unwrap_or_default(),
            address: self.address.clone().unwrap_or_default(),
            ready: self.ready.clone(),
            ready_within: self
                .ready_within
                .map_or(Launch::READY_WITHIN, |Patience(limit)| limit),
            start: self.start.unwrap_or_default(),
        }
    }

    fn env(&self) -> BTreeMap<String, String> {
        let env = self.env.iter().flatten();
        env.map(|(EnvName(name), EnvValue(value))| (name.clone(), value.clone()))
            .collect()
    }

    /// An app that runs already has an address, and nothing that is about its start.
    fn is_of_one_that_runs(&self) -> Result<(), LaunchMistake> {
        match &self.address {
            None => return Err(LaunchMistake::Nowhere),
            Some(address) if address.fixed_port().is_none() => return Err(LaunchMistake::NoPort),
            Some(_) => {}
        }
        let about_a_start = [
            ("in", self.folder.is_some()),
            ("env", self.env.is_some()),
            ("needs", self.needs.is_some()),
            ("ready", self.ready.is_some()),
            ("ready_within", self.ready_within.is_some()),
            ("start", self.start.is_some()),
        ];
        match about_a_start.into_iter().find(|(_, is_said)| *is_said) {
            Some((key, _)) => Err(LaunchMistake::NotStarted(key)),
            None => Ok(()),
        }
    }
}
