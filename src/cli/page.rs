//! `page test`: one page and its end, to see that it arrives.

use super::exit::Exit;
use super::{ConfigArguments, target};
use crate::model::SystemClock;
use crate::notify::page_test::{TestAnswer, advice, send_test};

/// What to do by hand.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Send a test page and resolve it at once; say what the receiver answered
    Test {
        /// The integration; default: all of them
        integration: Option<String>,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

/// Does it.
pub(super) fn run(verb: &Verb) -> Exit {
    let Verb::Test { integration, config } = verb;
    let settings = match target::load(config) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let names: Vec<String> = match integration {
        Some(name) => vec![name.clone()],
        None => settings.notify.integrations.iter().map(|it| it.name.to_string()).collect(),
    };
    if names.is_empty() {
        eprintln!(
            "rackwarden: {} has no [integrations.NAME]: nobody would be paged",
            config.config.display()
        );
        return Exit::Config;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rackwarden: cannot start a runtime: {error}");
            return Exit::Failed;
        }
    };
    let now = SystemClock::new().now();
    let mut exit = Exit::Ok;
    for name in names {
        match runtime.block_on(send_test(&settings.notify, &name, now)) {
            Ok(answer) => {
                println!("{}", report(&name, &answer));
                if !answer.is_accepted() {
                    exit = Exit::Paging;
                }
            }
            Err(error) => {
                eprintln!("rackwarden: {name}: {:#}", anyhow::Error::from(error));
                exit = Exit::Paging;
            }
        }
    }
    exit
}

/// What was sent, what was answered, and what that means.
fn report(name: &str, answer: &TestAnswer) -> String {
    let mut lines = vec![
        format!("{name}: a test page to {} (dedup_key {})", answer.receiver, answer.dedup_key),
        format!("  trigger: {}", answer.trigger.text),
    ];
    match &answer.resolve {
        Some(resolve) => lines.push(format!("  resolve: {}", resolve.text)),
        None => lines.push("  resolve: not sent, since nothing was opened".to_owned()),
    }
    let verdict = answer.resolve.as_ref().unwrap_or(&answer.trigger);
    lines.push(format!("  {}", advice(answer.kind, verdict)));
    lines.join("\n")
}
