//! The demo's story: what is done to the room, and when. Takes the time as an argument.

use crate::model::Moment;
use crate::simulator::pagerduty::Board;
use crate::simulator::room::{DeviceKind, RunningRoom};
use std::time::Duration;

/// How far the story has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The room is being learnt.
    Learning,
    /// All is well.
    Calm,
    /// A phase is overloaded.
    Overloaded,
    /// And a UPS is on battery.
    OnBattery,
    /// And a PDU is silent.
    Silenced,
    /// All was mended.
    Mended,
}

/// The story.
#[derive(Debug)]
pub(super) struct Script {
    stage: Stage,
    since: Moment,
    overloaded: String,
    on_battery: String,
    silenced: String,
}

/// How much faster than a real one the battery drains.
const DRAIN_PACE: f64 = 40.0;
/// Between two steps.
const PAUSE: Duration = Duration::from_millis(1500);
/// The room is mended once all pages are there, but not before.
const TROUBLE_MIN: Duration = Duration::from_secs(3);
/// And at the latest after this.
const TROUBLE_MAX: Duration = Duration::from_secs(15);

impl Script {
    /// A story for three devices of the room.
    pub(super) fn new(room: &RunningRoom) -> Self {
        let name = |kind, share: usize| {
            let all: Vec<&str> =
                room.devices().iter().filter(|it| it.kind == kind).map(|it| it.name.as_str()).collect();
            all.get(all.len() * share / 10).copied().unwrap_or_default().to_owned()
        };
        Self {
            stage: Stage::Learning,
            since: Moment::ZERO,
            overloaded: name(DeviceKind::Pdu, 2),
            on_battery: name(DeviceKind::Ups, 5),
            silenced: name(DeviceKind::Pdu, 7),
        }
    }

    /// How far it has come.
    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    /// The device that something happens to, and the rule that must page for it.
    pub(super) fn expected(&self) -> [(&str, &'static str); 3] {
        [
            (&self.overloaded, "infeed load"),
            (&self.on_battery, "UPS on battery"),
            (&self.silenced, "power unit offline"),
        ]
    }

    /// Does what is due; what it did, in words.
    pub(super) fn step(
        &mut self,
        now: Moment,
        room: &RunningRoom,
        board: &Board,
        polled: usize,
    ) -> Option<String> {
        let elapsed = now.since(self.since);
        let (stage, words) = match self.stage {
            Stage::Learning if room.devices().len() <= polled => {
                (Stage::Calm, format!("all {polled} devices are known; the room is calm"))
            }
            Stage::Calm if PAUSE <= elapsed => {
                self.done(room.overload(&self.overloaded, 1));
                (
                    Stage::Overloaded,
                    format!("somebody loads phase 1 of {} to 115 % of its rating", self.overloaded),
                )
            }
            Stage::Overloaded if PAUSE <= elapsed => {
                self.done(room.on_battery(&self.on_battery, DRAIN_PACE));
                (Stage::OnBattery, format!("{} loses its mains and runs on battery", self.on_battery))
            }
            Stage::OnBattery if PAUSE <= elapsed => {
                self.done(room.silence(&self.silenced));
                (Stage::Silenced, format!("the agent of {} falls silent", self.silenced))
            }
            Stage::Silenced
                if TROUBLE_MAX <= elapsed || (TROUBLE_MIN <= elapsed && self.all_paged(board)) =>
            {
                for device in [&self.overloaded, &self.on_battery, &self.silenced] {
                    self.done(room.mend(device));
                }
                (Stage::Mended, "all three are mended".to_owned())
            }
            _ => return None,
        };
        self.stage = stage;
        self.since = now;
        Some(words)
    }

    fn all_paged(&self, board: &Board) -> bool {
        self.expected().iter().all(|(device, rule)| {
            board
                .requests
                .iter()
                .any(|it| it.text("payload.source") == *device && super::verdict::rule_of(it) == *rule)
        })
    }

    /// The script names devices of the room: should it ever not, the missing page tells.
    fn done(&self, result: Result<(), crate::simulator::room::RoomError>) {
        if let Err(error) = result {
            eprintln!("rackwarden: the demo's script went wrong at {:?}: {error}", self.stage);
        }
    }
}
