//! `demo`: a simulated room, a stand-in for PagerDuty, and the real daemon.

use super::exit::Exit;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after so many seconds with a summary
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

/// Runs the demo.
pub(super) fn run(arguments: &Arguments) -> Exit {
    println!("{:?}", arguments.seconds);
    Exit::Failed
}
