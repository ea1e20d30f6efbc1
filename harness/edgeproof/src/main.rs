//! The command.

use std::{env, io::IsTerminal, process::ExitCode};

use anstream::ColorChoice;
use edgeproof_run::exit;
use rustix::termios::tcgetwinsize;

use edgeproof::cli::{self, Context, Credentials};

/// Columns below which no text can be read.
const NARROWEST: usize = 40;

fn main() -> ExitCode {
    end_with_launcher();
    if let Some(choice) = forced_colour(|name| env::var(name).ok()) {
        choice.write_global();
    }
    let context = Context {
        arguments: env::args_os().collect(),
        width: terminal_width(),
        interactive: std::io::stderr().is_terminal()
            // A terminal that may get no control sequences cannot take a line back.
            && anstream::stderr().current_choice() != ColorChoice::Never
            && draws(|name| env::var(name).ok()),
        responses: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        credentials: Credentials::of_environment(|name| env::var(name).ok()),
    };
    ExitCode::from(match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(cli::main(&context)),
        Err(_) => exit::HARNESS,
    })
}

/// npm's launcher waits for this process; when it is killed, nobody would be left who ends it.
fn end_with_launcher() {
    #[cfg(target_os = "linux")]
    if env::var_os("EDGEPROOF_LAUNCHED").is_some() {
        // Where the system refuses, a launcher that is killed leaves a run that ends by itself.
        let _ =
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    }
}

/// What `FORCE_COLOR` asks for; `NO_COLOR` wins over it. The streams themselves know the other variables.
fn forced_colour(variable: impl Fn(&str) -> Option<String>) -> Option<ColorChoice> {
    if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Some(ColorChoice::Never);
    }
    match variable("FORCE_COLOR").as_deref() {
        None | Some("") => None,
        Some("0" | "false") => Some(ColorChoice::Never),
        Some(_) => Some(ColorChoice::Always),
    }
}

/// Whether a line that is drawn again and again is of use to anyone who reads: not in a log, not without control sequences.
fn draws(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    !is_set("CI") && !is_set("NO_COLOR") && variable("TERM").as_deref() != Some("dumb")
}

/// Columns of the terminal, or of a page where there is none. `COLUMNS` wins.
fn terminal_width() -> usize {
    let stated = env::var("COLUMNS").ok();
    let stated = stated.and_then(|columns| columns.parse().ok());
    let real = || {
        let outputs = (std::io::stdout(), std::io::stderr());
        let size = tcgetwinsize(outputs.0).or_else(|_| tcgetwinsize(outputs.1));
        size.ok().map(|size| usize::from(size.ws_col))
    };
    let columns = stated.or_else(real).filter(|columns| *columns > 0);
    columns.map_or(100, |columns| columns.max(NARROWEST))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn variables<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| {
            let found = set.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[rstest]
    #[case(&[], None)]
    #[case(&[("FORCE_COLOR", "1")], Some(ColorChoice::Always))]
    #[case(&[("FORCE_COLOR", "0")], Some(ColorChoice::Never))]
    #[case(&[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], Some(ColorChoice::Never))]
    fn colours_are_forced_and_forbidden(
        #[case] set: &[(&str, &str)],
        #[case] expected: Option<ColorChoice>,
    ) {
        assert_eq!(forced_colour(variables(set)), expected);
    }

    #[rstest]
    #[case(&[], true)]
    #[case(&[("CI", "true")], false)]
    #[case(&[("NO_COLOR", "1")], false)]
    #[case(&[("TERM", "dumb")], false)]
    fn a_line_is_drawn_again_only_where_that_is_of_use(
        #[case] set: &[(&str, &str)],
        #[case] expected: bool,
    ) {
        assert_eq!(draws(variables(set)), expected);
    }
}
