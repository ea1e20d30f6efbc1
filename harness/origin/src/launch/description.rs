//! What is known of an app before it is started.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::{Address, AddressError};

/// What stands for the port in `address`, `ready` and `env`; in the command the shell itself fills it in.
const PORT: &str = "$PORT";

/// A port with which a pattern is tried.
const ANY_PORT: u16 = 1024;

/// How an app is started. Scenarios whose launches are equal share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Launch {
    /// The command line, for `sh -c`.
    pub command: String,
    /// Where it runs.
    pub folder: PathBuf,
    /// What its environment has beside that of this process, and `PORT`.
    pub env: BTreeMap<String, String>,
    /// What must be there before it is started: programs and paths, each with how it is had.
    pub needs: BTreeMap<String, String>,
    /// Where it listens.
    pub address: AddressPattern,
    /// When it is ready; once its address accepts connections where it is absent.
    pub ready: Option<Ready>,
    /// How long that may take.
    pub ready_within: Duration,
    /// How often it is started.
    pub start: Start,
}

/// The address of an app, with `$PORT` in the place of a port that is chosen when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct AddressPattern(String);

/// When an app is ready.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub enum Ready {
    /// A URL of this machine gives a response, whatever its status. `$PORT` in it is the port.
    Responds(String),
    /// A line of its output has this text. `$PORT` in it is the port.
    Prints(String),
}

/// How often an app is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Once for a run: the scenarios share it.
    #[default]
    Once,
    /// For each scenario anew: what one leaves behind in it, another one does not meet.
    EachScenario,
}

/// Why an app cannot be started as it is described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchMistake {
    /// The URL that tells whether it is ready cannot be asked.
    #[error(
        "`{0}` cannot show whether the app is ready: write a URL with `http://` and a host of this machine, such as \
         `http://127.0.0.1:$PORT/health`, or a text that the app prints"
    )]
    Ready(String),
    /// Nothing says where it is.
    #[error("an app needs `address`, where it listens, or `run`, the command that starts it")]
    Nowhere,
    /// A key for an app that is started, without the command.
    #[error("`{0}` needs `run`, the command that starts the app")]
    NotStarted(&'static str),
    /// Nothing to start.
    #[error("`run` is without a command: write the one that starts the app, such as `npm start`")]
    NoCommand,
    /// A character that no argument and no environment of a process can have.
    #[error("{0} cannot have the character NUL")]
    Nul(&'static str),
    /// The variable that says the port.
    #[error(
        "`PORT` is set by edgeproof, to the port in `address`: for a certain one write it there, such as \
         `address: http://127.0.0.1:3000`"
    )]
    PortInEnv,
    /// A name that no environment can have.
    #[error("`{}` is no name of a variable: it is empty, or has `=` or the character NUL", .0.escape_default())]
    EnvName(String),
    /// No time until it is ready.
    #[error(
        "that leaves no time for the app to be ready: `60s` is what it has without `ready_within`"
    )]
    NoTime,
    /// A port that is chosen, for an app that is there already.
    #[error("`$PORT` needs `run`, the command that starts the app; without it, write the port")]
    NoPort,
}

impl AddressPattern {
    /// The port if it is always the same: two apps with the same cannot run at the same time.
    pub fn fixed_port(&self) -> Option<u16> {
        let fixed = (!self.0.contains(PORT)).then(|| self.at(ANY_PORT).ok());
        fixed.flatten().map(|address| address.port())
    }

    /// The address if the port is this one.
    ///
    /// # Errors
    /// None for a pattern that was read.
    pub fn at(&self, port: u16) -> Result<Address, AddressError> {
        with_port(&self.0, port).parse()
    }
}

impl Default for AddressPattern {
    /// A free port of 127.0.0.1.
    fn default() -> Self {
        Self(format!("http://127.0.0.1:{PORT}"))
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end_matches('/'))
    }
}

impl TryFrom<String> for AddressPattern {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        let pattern = Self(text);
        match pattern.at(ANY_PORT) {
            Ok(_) => Ok(pattern),
            Err(AddressError::Url(_)) => Err(AddressError::Url(pattern.0)),
            Err(more) => Err(more),
        }
    }
}

impl TryFrom<String> for Ready {
    type Error = LaunchMistake;

    fn try_from(text: String) -> Result<Self, LaunchMistake> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return match text.trim() {
                "" => Err(LaunchMistake::Ready(text)),
                _ => Ok(Self::Prints(text)),
            };
        }
        let url = Url::parse(&with_port(&text, ANY_PORT)).ok();
        match url.filter(|url| url.scheme() == "http" && is_loopback(url)) {
            Some(_) => Ok(Self::Responds(text)),
            None => Err(LaunchMistake::Ready(text)),
        }
    }
}

impl Launch {
    /// How long an app may take until it is ready, where nothing is said. Frameworks that compile at the start need it.
    pub const READY_WITHIN: Duration = Duration::from_secs(60);

    /// What it is called in a sentence: its command, of one with several lines the first.
    pub fn name(&self) -> String {
        let mut lines = self.command.trim().lines();
        let first = lines.next().unwrap_or_default().trim_end();
        match lines.next() {
            Some(_) => format!("{first} …"),
            None => first.to_owned(),
        }
    }

    /// Its environment beside that of this process, if its port is this one.
    pub(super) fn env_with(&self, port: u16) -> BTreeMap<String, String> {
        let mut env = BTreeMap::from([("PORT".to_owned(), port.to_string())]);
        let own = self.env.iter();
        env.extend(own.map(|(name, value)| (name.clone(), with_port(value, port))));
        env
    }
}

/// A text with the port in place of `$PORT`.
pub(super) fn with_port(text: &str, port: u16) -> String {
    text.replace(PORT, &port.to_string())
}

/// Whether a URL leads to this machine, by its looks.
fn is_loopback(url: &Url) -> bool {
    let mut address = url.clone();
    address.set_path("");
    address.set_query(None);
    address.set_fragment(None);
    let address = address.as_str().parse::<Address>();
    address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pattern(text: &str) -> Result<AddressPattern, AddressError> {
        text.to_owned().try_into()
    }

    #[rstest]
    #[case("http://localhost:$PORT/base", "http://localhost:4000/base", None)]
    #[case("https://[::1]:3000", "https://[::1]:3000", Some(3000))]
    #[case("http://127.0.0.1", "http://127.0.0.1", Some(80))]
    fn an_address_is_given_or_has_a_free_port(
        #[case] text: &str,
        #[case] address: &str,
        #[case] fixed: Option<u16>,
    ) {
        let pattern = pattern(text).unwrap();
        assert_eq!(pattern.at(4000).unwrap().to_string(), address);
        assert_eq!(pattern.fixed_port(), fixed);
    }

    #[rstest]
    #[case("localhost:3000")]
    #[case("http://localhost:PORT")]
    #[case("http://localhost:${PORT}")]
    #[case("ftp://localhost:$PORT")]
    fn what_is_no_address_is_a_mistake_as_it_is_written(#[case] text: &str) {
        let error = pattern(text).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }

    #[rstest]
    #[case("http://localhost:$PORT/health?deep", true)]
    #[case("http://[::1]:3000", true)]
    #[case("http://app.localhost:3000", true)]
    #[case("Listening on $PORT", true)]
    #[case("http://shop.example:$PORT/health", false)]
    #[case("https://127.0.0.1:$PORT/health", false)]
    #[case("http://127.0.0.1:port/", false)]
    #[case(" ", false)]
    fn a_url_of_this_machine_or_a_text_tells_when_it_is_ready(
        #[case] text: &str,
        #[case] tells: bool,
    ) {
        assert_eq!(Ready::try_from(text.to_owned()).is_ok(), tells);
    }

    #[rstest]
    #[case("npm start", "npm start")]
    #[case("npm start\n", "npm start")]
    #[case("\ncd shop\r\nnpm ci\nnpm start\n", "cd shop …")]
    fn a_command_of_several_lines_is_called_by_the_first(
        #[case] command: &str,
        #[case] name: &str,
    ) {
        assert_eq!(launch(command).name(), name);
    }

    #[test]
    fn the_port_stands_in_the_environment() {
        let env = launch("npm start").env_with(4000);
        assert_eq!(env["PORT"], "4000");
        assert_eq!(env["BASE"], "http://localhost:4000/");
    }

    fn launch(command: &str) -> Launch {
        Launch {
            command: command.to_owned(),
            folder: PathBuf::from("."),
            env: BTreeMap::from([("BASE".to_owned(), "http://localhost:$PORT/".to_owned())]),
            needs: BTreeMap::new(),
            address: AddressPattern::default(),
            ready: None,
            ready_within: Launch::READY_WITHIN,
            start: Start::Once,
        }
    }
}
