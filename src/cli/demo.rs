//! `demo`: a simulated room, a stand-in for PagerDuty, and the real daemon on the shipped starter rules.
//!
//! A script overloads a phase, takes the mains from a UPS and silences a PDU, then mends them. What is
//! polled, what fires and what is paged is shown as it happens; at the end each expected page and its end
//! must have arrived once, and no other.

mod files;
mod script;
mod show;
mod verdict;

use super::exit::Exit;
use crate::app::Daemon;
use crate::model::SystemClock;
use crate::profile::ProfileSet;
use crate::simulator::pagerduty::PagerDuty;
use crate::simulator::room::{Room, RoomPlan, RunningRoom};
use script::{Script, Stage};
use show::Show;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after so many seconds with a summary; exit code 0 only if every expected page and its end
    /// arrived once. Without it, the demo goes on until Ctrl-C
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(SECONDS_MIN..=86_400))]
    seconds: Option<u64>,
    /// Rack PDUs in the room
    #[arg(long, value_name = "N", default_value_t = 208, value_parser = clap::value_parser!(u16).range(8..=5_000))]
    pdus: u16,
    /// UPSes in the room
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=500))]
    upses: u16,
    /// The room's devices and what they do vary with it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Some seconds to learn the room, three polls to call a device offline, and the way back.
const SECONDS_MIN: u64 = 25;
/// How often the script looks whether its next step is due.
const TICK: Duration = Duration::from_millis(50);
/// The demo's first choice for HTTP is the daemon's own port, on loopback.
const HTTP_PORT: u16 = 10_916;
/// The agents' port, each on a loopback address of its own.
const AGENTS_PORT: u16 = 16_100;

/// Runs the demo.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rackwarden: cannot start a runtime: {error}");
            return Exit::Failed;
        }
    };
    match runtime.block_on(demo(arguments)) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("rackwarden: {error:#}");
            Exit::Failed
        }
    }
}

async fn demo(arguments: &Arguments) -> anyhow::Result<Exit> {
    let clock = SystemClock::new();
    let pagerduty = Arc::new(PagerDuty::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clock).await?);
    let mut room = start_room(arguments)?;
    let folder = tempfile::Builder::new().prefix("rackwarden-demo-").tempdir()?;
    let settings = files::write(folder.path(), &room, &pagerduty.url(), http_address())?;
    let show = Arc::new(Show::new(clock));
    let watching = Arc::clone(&show);
    let observer = Box::new(move |key: &_, kind, at| watching.transition(key, kind, at));
    let profiles = Arc::new(ProfileSet::embedded().clone());
    let rules = settings.rules.len();
    let daemon = Daemon::start(settings, profiles, clock, Some(observer)).await?;
    if let Some(address) = daemon.trap_address() {
        room.send_traps_to(address);
    }
    show.welcome(&room, rules, daemon.http_address(), &pagerduty.url());
    let mut script = Script::new(&room);
    let end = arguments.seconds.map(|it| clock.moment() + Duration::from_secs(it));
    let stop = super::until_stopped(None);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(TICK) => (),
        }
        let now = clock.now();
        let board = pagerduty.board();
        show.paged(&board);
        let polled = daemon.shared().polled_once.load(std::sync::atomic::Ordering::Relaxed);
        if let Some(words) = script.step(now.moment, &room, &board, polled) {
            show.say("script", &words);
        }
        show.status(&daemon.shared().store.snapshot(), &daemon.shared().board.list(), now);
        if end.is_some_and(|it| it <= now.moment) {
            break;
        }
    }
    let board = pagerduty.board();
    let finished = script.stage() == Stage::Mended;
    let verdict = verdict::judge(&script, &board, finished);
    daemon.stop().await;
    show.summary(&verdict, &board);
    Ok(if verdict.is_good() { Exit::Ok } else { Exit::Failed })
}

fn start_room(arguments: &Arguments) -> anyhow::Result<RunningRoom> {
    let plan = |port| RoomPlan {
        pdus: usize::from(arguments.pdus),
        upses: usize::from(arguments.upses),
        port,
        ..RoomPlan::default()
    };
    // Another demo may hold the port: any other is as good.
    let first = Room::build(arguments.seed, &plan(AGENTS_PORT)).start();
    Ok(match first {
        Ok(room) => room,
        Err(_) => {
            let free = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port();
            Room::build(arguments.seed, &plan(free)).start()?
        }
    })
}

/// The daemon's own port on loopback if it is free, else any.
fn http_address() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT));
    match std::net::TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}
