//! The command line: one file a command.

mod account;
mod apart;
mod bench;
mod build;
mod check;
mod conform;
mod console;
mod credentials;
mod deploy;
mod described;
mod doctor;
mod error;
mod init;
mod interrupt;
mod new;
mod printer;
mod probe;
mod program;
mod progress;
mod project;
mod reading;
mod record;
mod report;
mod route;
mod rules;
mod run;
mod saved;
mod schema;
mod served;
mod shell;
mod target;
mod ui;
mod up;
mod watch;

use std::{ffi::OsString, io::Write};

use clap::{CommandFactory as _, Parser, Subcommand};
use edgeproof_document::problem::TextStyle;
use edgeproof_run::exit;
use serde_json::json;

use crate::lay_out_parts;

pub use credentials::Credentials;
pub use error::CliError;

/// The surroundings of a command: arguments, terminal, credentials. Read once, in `main`.
#[derive(Clone, Debug)]
pub struct Context {
    /// The arguments, the name of the program first.
    pub arguments: Vec<OsString>,
    /// Columns to write in.
    pub width: usize,
    /// Whether a terminal shows the output, so that progress is worth showing.
    pub interactive: bool,
    /// Whether a confirmation can be typed.
    pub responses: bool,
    /// The tokens and addresses of the APIs.
    pub credentials: Credentials,
}

/// Tests an edge protection before it is deployed.
#[derive(Debug, Parser)]
#[command(name = "edgeproof", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios: starts worker, edge, origin and browsers for each, and checks every recorded exchange.
    Run(run::Options),
    /// Says which claims a worker meets, by subject: injection, identification, decisions, failure modes and so on. Ends
    /// with 1 where one that is required does not hold.
    Conform(conform::Options),
    /// Writes the folder, the first scenario and the CI file of a project.
    Init(init::Options),
    /// Writes a first scenario from a page and the API it calls, or from a recorded session (HAR).
    New(new::Options),
    /// Writes a scenario from what you do in a browser.
    Record(record::Options),
    /// Starts what a scenario describes and keeps it running, for your own browser and curl.
    Up(up::Options),
    /// Reads scenarios without running them, and warns of deployments that would fail in production.
    Check(check::Options),
    /// Explains the warnings of `check`.
    Explain(check::Explain),
    /// Merges reports of runs.
    #[command(subcommand)]
    Report(report::Command),
    /// Measures what workers cost in time and memory, compared with baseline workers.
    Bench(bench::Options),
    /// Looks for ways past a protection: sends every shape of each protected call to the emulated edge, and says which the
    /// app runs although nobody was identified.
    Probe(probe::Options),
    /// Builds the worker of this repository into a directory that workerd and Cloudflare accept as it is.
    Build(build::Options),
    /// Explains which route matches a URL, why the others do not, and which worker runs.
    Route(route::Options),
    /// Tests rulesets of the Fingerprint platform.
    Rules(rules::Options),
    /// Plans, applies, lists, shows and deletes deployments at Cloudflare.
    #[command(subcommand)]
    Deploy(deploy::Command),
    /// Shows which tools are installed, in which versions, and which are missing.
    Doctor(doctor::Options),
    /// Prints the JSON Schema of scenario files, deployment files or target files, for editors.
    Schema(schema::Options),
    /// Prints what a shell needs to complete this command.
    Completions(shell::Completions),
    /// Prints the manual page of this command.
    Man,
}

/// Runs the command and returns its exit code, one of [`edgeproof_run::exit`].
pub async fn main(context: &Context) -> u8 {
    let as_json = wants_json(&context.arguments);
    let arguments = match Arguments::try_parse_from(&context.arguments) {
        Ok(arguments) => arguments,
        Err(error) if as_json && error.use_stderr() => {
            let message = error.to_string();
            let _ = writeln!(
                anstream::stdout(),
                "{:#}",
                json!({"error": {"message": message.trim_end(), "exit_code": exit::USAGE}})
            );
            return exit::USAGE;
        }
        Err(error) => {
            // Help and version are answers, not mistakes. Where nothing can be written there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                exit::USAGE
            } else {
                exit::PASSED
            };
        }
    };
    let done = match lay_out_parts() {
        Ok(()) => run_command(context, &arguments.command).await,
        Err(error) => Err(error.into()),
    };
    done.unwrap_or_else(|error| {
        if error.is_closed_pipe() {
            return error.exit_code();
        }
        if as_json {
            let _ = writeln!(anstream::stdout(), "{:#}", error.json());
            return error.exit_code();
        }
        let style = context.style(&anstream::stderr());
        let _ = write!(anstream::stderr(), "{}", error.text(style));
        error.exit_code()
    })
}

/// Whether these arguments ask for output as JSON; for some commands `--json` names a file instead.
fn wants_json(arguments: &[OsString]) -> bool {
    let whole = Arguments::command();
    let mut command = &whole;
    for word in arguments {
        command = command.find_subcommand(word).unwrap_or(command);
    }
    let mut options = command.get_arguments();
    options.any(|option| option.get_long() == Some("json") && !option.get_action().takes_values())
        && arguments.iter().any(|word| word == "--json")
}

async fn run_command(context: &Context, command: &Command) -> Result<u8, CliError> {
    match command {
        Command::Run(options) => run::run(context, options).await,
        Command::Conform(options) => conform::conform(context, options).await,
        Command::Init(options) => init::init(options),
        Command::New(options) => new::new(options),
        Command::Record(options) => record::record(options).await,
        Command::Up(options) => up::up(options).await,
        Command::Check(options) => check::check(context, options),
        Command::Explain(options) => check::explain(options),
        Command::Report(command) => report::report(command),
        Command::Bench(options) => bench::bench(context, options).await,
        Command::Probe(options) => probe::probe(context, options).await,
        Command::Build(options) => build::build(options),
        Command::Route(options) => route::route(options),
        Command::Rules(options) => rules::rules(options),
        Command::Deploy(command) => deploy::deploy(context, command).await,
        Command::Doctor(options) => doctor::doctor(options),
        Command::Schema(options) => schema::schema(options),
        Command::Completions(options) => shell::completions(options),
        Command::Man => shell::man(),
    }
}

impl Context {
    /// How messages to this stream are drawn.
    fn style<S: anstream::stream::RawStream>(&self, stream: &anstream::AutoStream<S>) -> TextStyle {
        TextStyle {
            colour: stream.current_choice() != anstream::ColorChoice::Never,
            width: self.width,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("check --json", true)]
    #[case("deploy list --json", true)]
    #[case("check a.yaml", false)]
    #[case::of_a_command_without_it("explain --json", false)]
    #[case::a_file("bench --json out.json", false)]
    #[case::a_file_after_a_mistake("probe --nonsense --json out.json", false)]
    fn an_error_is_json_where_the_output_would_be(#[case] line: &str, #[case] expected: bool) {
        let words = ["edgeproof"].into_iter().chain(line.split(' '));
        let arguments: Vec<OsString> = words.map(OsString::from).collect();
        assert_eq!(wants_json(&arguments), expected);
    }
}
