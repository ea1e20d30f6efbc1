//! The command.

use std::{env, io::IsTerminal, process::ExitCode};

use edgeproof_run::exit;

use edgeproof::cli::{self, Context, Credentials};

fn main() -> ExitCode {
    let context = Context {
        arguments: env::args_os().collect(),
        width: terminal_width(),
        interactive: std::io::stderr().is_terminal() && env::var_os("CI").is_none(),
        responses: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        credentials: Credentials::of_environment(|name| env::var(name).ok()),
    };
    ExitCode::from(match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(cli::main(&context)),
        Err(_) => exit::HARNESS,
    })
}

/// Columns of the terminal, or of a page where there is none.
fn terminal_width() -> usize {
    env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(100)
}
