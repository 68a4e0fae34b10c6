//! What a process uses: processor time and resident memory (Linux).

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::ops::Sub;
use std::time::Duration;

/// Processor time of this process, all its threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cpu {
    /// In our code.
    pub user: Duration,
    /// In the kernel's.
    pub system: Duration,
}

impl Cpu {
    /// Up to now.
    pub(super) fn now() -> Self {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Self::default() };
        let time = |it: nix::sys::time::TimeVal| {
            Duration::from_micros(u64::try_from(it.num_microseconds()).unwrap_or_default())
        };
        Self { user: time(usage.user_time()), system: time(usage.system_time()) }
    }

    /// Both together.
    pub(super) fn seconds(self) -> f64 {
        (self.user + self.system).as_secs_f64()
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Resident memory of this process in octets (proc(5), VmRSS); zero where the system does not tell.
pub(super) fn resident_octets() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()).and_then(|it| it.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
