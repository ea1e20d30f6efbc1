//! `edgeproof deploy`: plans, applies, lists, shows and deletes deployments at Cloudflare.

use std::{
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    pin::pin,
};

use edgeproof_cloudflare::deploy::{
    Action, Deletion, DeployError, DeployedFlow, DeploymentFile, Stop,
};
use edgeproof_run::exit;
use serde_json::json;

use super::{CliError, Context, interrupt::Interrupt};

/// The commands about deployments.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Shows what applying a file would change, without changing anything.
    Plan {
        /// The deployment file.
        file: PathBuf,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        /// Takes another run that has begun and is not finished for killed.
        #[arg(long)]
        take_over: bool,
    },
    /// Creates or changes the deployment that a file describes; if it fails half-way, the changes are undone.
    Apply {
        /// The deployment file.
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Lists every Flow worker of the account.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows one Flow worker of the account, with its routes.
    Show {
        /// The deployment file, or the worker's name.
        #[arg(value_name = "FILE|NAME")]
        what: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Deletes a deployment: routes, worker and keys. The ruleset is kept.
    Delete {
        /// The deployment file, or the worker's name.
        #[arg(value_name = "FILE|NAME")]
        what: String,
        #[command(flatten)]
        how: How,
    },
}

/// The options of commands that change something.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// Skips the confirmation.
    #[arg(long)]
    yes: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Takes another run that has begun and is not finished for killed, and continues from there.
    #[arg(long)]
    take_over: bool,
}

pub(super) async fn deploy(context: &Context, command: &Command) -> Result<u8, CliError> {
    match command {
        Command::Plan {
            file,
            json,
            take_over,
        } => plan(context, file, *json, *take_over).await,
        Command::Apply { file, how } => apply(context, file, how).await,
        Command::List { json } => list(context, *json).await,
        Command::Show { what, json } => show(context, what, *json).await,
        Command::Delete { what, how } => delete(context, what, how).await,
    }?;
    Ok(exit::PASSED)
}

async fn plan(
    context: &Context,
    file: &Path,
    as_json: bool,
    take_over: bool,
) -> Result<(), CliError> {
    let file = DeploymentFile::load(file)?;
    let planned = context.credentials.deployer(take_over)?.plan(&file).await?;
    let plan = planned.plan();
    let mut out = anstream::stdout();
    if as_json {
        writeln!(out, "{:#}", json!(plan))?;
    } else {
        write!(out, "{plan}")?;
        if plan.action != Action::Nothing {
            writeln!(
                out,
                "Nothing was changed; `edgeproof deploy apply` makes these changes."
            )?;
        }
    }
    Ok(())
}

async fn apply(context: &Context, file: &Path, how: &How) -> Result<(), CliError> {
    let file = DeploymentFile::load(file)?;
    let deployer = context.credentials.deployer(how.take_over)?;
    let planned = deployer.plan(&file).await?;
    let plan = planned.plan();
    let mut out = anstream::stdout();
    if !how.json {
        write!(out, "{plan}")?;
    }
    let mut done = Vec::new();
    if plan.action != Action::Nothing {
        confirmed(context, how, "This changes production.", "yes")?;
        let stop = Stop::default();
        let work = deployer.carry_out(&planned, &stop, |step| note(&mut done, step, how));
        unless_interrupted(&stop, work).await?;
    }
    if how.json {
        writeln!(out, "{:#}", json!({"plan": plan, "done": done}))?;
    } else if plan.action != Action::Nothing {
        writeln!(out, "{} is deployed in {}.", plan.worker, plan.zone)?;
    }
    Ok(())
}

async fn list(context: &Context, as_json: bool) -> Result<(), CliError> {
    let all = context.credentials.deployer(false)?.list().await?;
    let mut out = anstream::stdout();
    if as_json {
        writeln!(out, "{:#}", json!(all))?;
        return Ok(());
    }
    for deployed in &all {
        writeln!(out, "{deployed}")?;
    }
    match all.len() {
        0 => writeln!(out, "The account has no Flow worker.")?,
        1 => writeln!(out, "1 Flow worker.")?,
        more => writeln!(out, "{more} Flow workers.")?,
    }
    Ok(())
}

async fn show(context: &Context, what: &str, as_json: bool) -> Result<(), CliError> {
    let (worker, _) = worker_and_zone(what)?;
    let deployed: DeployedFlow = context.credentials.deployer(false)?.show(&worker).await?;
    let mut out = anstream::stdout();
    if as_json {
        writeln!(out, "{:#}", json!(deployed))?;
    } else {
        write!(out, "{deployed}")?;
    }
    Ok(())
}

async fn delete(context: &Context, what: &str, how: &How) -> Result<(), CliError> {
    let (worker, zone) = worker_and_zone(what)?;
    let deployer = context.credentials.deployer(how.take_over)?;
    let deletion: Deletion = deployer.deletion(&worker, zone.as_deref()).await?;
    let mut out = anstream::stdout();
    if !how.json {
        write!(out, "{deletion}")?;
    }
    confirmed(
        context,
        how,
        "This takes the protection away.",
        &deletion.domain,
    )?;
    let stop = Stop::default();
    let mut done = Vec::new();
    let work = deployer.delete(&deletion, &stop, |step| note(&mut done, step, how));
    let deleted = unless_interrupted(&stop, work).await?;
    if how.json {
        writeln!(out, "{:#}", json!(deleted))?;
    } else {
        writeln!(out, "{worker} is deleted; its ruleset is kept.")?;
    }
    Ok(())
}

/// A step that is done, told while it happens.
fn note(done: &mut Vec<String>, step: &str, how: &How) {
    if !how.json {
        // Where nothing can be written, the end of the command says so.
        let _ = writeln!(anstream::stdout(), "  ✓ {step}");
    }
    done.push(step.to_owned());
}

/// The worker's name, and the zone where a file tells it. What is there as a file is one.
fn worker_and_zone(what: &str) -> Result<(String, Option<String>), CliError> {
    let path = Path::new(what);
    if path.is_file() || what.ends_with(".yaml") || what.ends_with(".yml") {
        let file = DeploymentFile::load(path)?;
        Ok((file.name, Some(file.zone)))
    } else {
        Ok((what.to_owned(), None))
    }
}

/// Goes on if somebody types the word, or `--yes` says that nobody is asked.
fn confirmed(context: &Context, how: &How, why: &str, word: &str) -> Result<(), CliError> {
    if how.yes {
        return Ok(());
    }
    if !context.responses {
        return Err(CliError::NotConfirmed(
            "there is no terminal to confirm in; `--yes` skips the confirmation",
        ));
    }
    write!(anstream::stderr(), "{why} Type `{word}` to continue: ")?;
    typed(word, &mut io::stdin().lock())
}

fn typed(word: &str, input: &mut impl BufRead) -> Result<(), CliError> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    if line.trim() == word {
        Ok(())
    } else {
        Err(CliError::NotConfirmed("not confirmed"))
    }
}

/// The first Ctrl-C lets the call under way end and what was done be undone; the second leaves at once.
async fn unless_interrupted<T>(
    stop: &Stop,
    work: impl Future<Output = Result<T, DeployError>>,
) -> Result<T, CliError> {
    let mut interrupt = Interrupt::listen()?;
    let mut work = pin!(work);
    let mut pressed = false;
    loop {
        tokio::select! {
            done = &mut work => return done.map_err(CliError::from),
            _ = interrupt.pressed() => {
                if pressed {
                    return Err(CliError::Abandoned);
                }
                pressed = true;
                stop.now();
                // Where nothing can be written, what is under way is undone all the same.
                let _ = writeln!(
                    anstream::stderr(),
                    "stopping; press Ctrl-C again to quit at once"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop.example\n", true)]
    #[case("  shop.example", true)]
    #[case("yes\n", false)]
    #[case("shop.exampl\n", false)]
    #[case("", false)]
    fn a_deletion_is_confirmed_by_the_domain(#[case] input: &str, #[case] goes_on: bool) {
        let response = typed("shop.example", &mut input.as_bytes());
        assert_eq!(response.is_ok(), goes_on);
    }
}
