//! A bench's figures for people and for programs. Pure: numbers in, text out.
//!
//! Figures are quoted per million cells, because agents differ in how many they have; processor time is
//! what counts, because what a clock tells depends on the agents too.

use super::rig::{Measured, Sweep};
use super::usage::Cpu;
use serde_json::{Value, json};
use std::time::Duration;

/// All that is known after a bench.
#[derive(Debug, Clone)]
pub(super) struct Report {
    /// What was polled.
    pub agents: usize,
    /// Of which were read at all.
    pub read: usize,
    /// Who plays them.
    pub played: &'static str,
    /// Cells of an agent.
    pub cells: usize,
    /// Series of a scrape: one was made, so that label texts are among what is resident.
    pub series: u64,
    /// Rules of every device.
    pub rules: usize,
    /// The comparisons that they come to on one device.
    pub comparisons: usize,
    /// How often each agent is asked; zero: again at once.
    pub interval: Duration,
    /// How long it took to learn all of them.
    pub learnt_in: Duration,
    /// Polling for a while; `None` if only sweeps were asked for.
    pub ours: Option<Figures>,
    /// The same by bare sessions.
    pub peer: Option<Figures>,
    /// One poll of each at once.
    pub sweep: Option<Sweep>,
}

/// What one client did.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    /// How long it took.
    pub took: Duration,
    /// Processor time.
    pub cpu: Cpu,
    /// Polls that ended.
    pub polls: u64,
    /// Of which every cell was answered.
    pub whole: u64,
    /// Polls that an interval owes, if there is one, and those that came too late for it.
    pub due: Option<Due>,
    /// Cells that came.
    pub cells: u64,
    /// Requests sent, repeats included; `None` where they are not counted.
    pub requests: Option<u64>,
    /// Requests that were not answered in time.
    pub timeouts: Option<u64>,
    /// How long a poll takes, in milliseconds: median, 90 %, 99 %, most.
    pub milliseconds: Option<[f64; 4]>,
    /// Resident memory, and what of it the devices have added, in octets.
    pub resident_octets: Option<(u64, u64)>,
}

/// Polls against an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// So many should have ended.
    pub polls: u64,
    /// So many ended more than half an interval too late.
    pub late: u64,
}

impl Figures {
    /// The daemon's.
    pub(super) fn of_measured(it: &Measured, agents: usize, interval: Duration) -> Self {
        let durations = &it.tally.durations;
        let at = |quantile| float(durations.value_at_quantile(quantile)) / 1e3;
        let owed = float_of(agents) * it.took.as_secs_f64() / interval.as_secs_f64();
        Self {
            took: it.took,
            cpu: it.cpu,
            polls: it.tally.polls,
            whole: it.tally.whole,
            due: (!interval.is_zero()).then(|| Due { polls: rounded(owed), late: it.tally.late }),
            cells: it.tally.cells,
            requests: Some(it.requests),
            timeouts: Some(it.timeouts),
            milliseconds: (0 < it.tally.whole).then(|| [at(0.5), at(0.9), at(0.99), at(1.0)]),
            resident_octets: Some((it.resident_octets, it.of_devices_octets)),
        }
    }

    fn cells_a_second(&self) -> f64 {
        float(self.cells) / self.took.as_secs_f64()
    }

    fn a_million(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / float(self.cells)
    }

    fn cpu_a_million(&self) -> f64 {
        self.a_million(self.cpu.user + self.cpu.system)
    }

    fn share_of_core(&self) -> f64 {
        100.0 * self.cpu.seconds() / self.took.as_secs_f64()
    }

    fn json(&self) -> Value {
        let [p50, p90, p99, max] = self.milliseconds.map_or([None; 4], |it| it.map(Some));
        json!({
            "seconds": self.took.as_secs_f64(),
            "cells": self.cells,
            "cells_per_second": self.cells_a_second(),
            "cpu_seconds": self.cpu.seconds(),
            "cpu_seconds_per_million_cells": self.cpu_a_million(),
            "cpu_user_seconds_per_million_cells": self.a_million(self.cpu.user),
            "cpu_system_seconds_per_million_cells": self.a_million(self.cpu.system),
            "polls": self.polls,
            "polls_whole": self.whole,
            "polls_due": self.due.map(|it| it.polls),
            "polls_late": self.due.map(|it| it.late),
            "requests": self.requests,
            "requests_timed_out": self.timeouts,
            "poll_milliseconds": self.milliseconds.map(|_| json!({ "p50": p50, "p90": p90, "p99": p99, "max": max })),
            "resident_octets": self.resident_octets.map(|it| it.0),
            "resident_octets_per_device": Value::Null,
        })
    }
}

/// For programs: one JSON object.
pub(super) fn json(report: &Report) -> String {
    let mut ours = report.ours.as_ref().map(Figures::json);
    if let (Some(ours), Some(figures)) = (&mut ours, &report.ours) {
        let a_device = figures.resident_octets.map(|it| it.1 / agents(report));
        ours["resident_octets_per_device"] = json!(a_device);
    }
    let ratio = report.ours.as_ref().zip(report.peer.as_ref());
    let object = json!({
        "agents": report.agents,
        "agents_read": report.read,
        "cells_per_agent": report.cells,
        "series": report.series,
        "rules": report.rules,
        "comparisons_per_poll": report.comparisons,
        "interval_seconds": report.interval.as_secs_f64(),
        "learnt_in_seconds": report.learnt_in.as_secs_f64(),
        "rackwarden": ours,
        "snmp2": report.peer.as_ref().map(Figures::json),
        "cpu_ratio_to_snmp2": ratio.map(|(ours, peer)| ours.cpu_a_million() / peer.cpu_a_million()),
        "sweep": report.sweep.map(|it| json!({
            "seconds": it.all.as_secs_f64(),
            "seconds_of_those_that_answer": it.living.as_secs_f64(),
        })),
    });
    format!("{object:#}")
}

/// For people.
pub(super) fn text(report: &Report) -> String {
    let mut lines = head(report);
    if let Some(ours) = &report.ours {
        lines.push(String::new());
        table(ours, report.peer.as_ref(), &mut lines);
        lines.push(String::new());
        if let Some([p50, p90, p99, max]) = ours.milliseconds {
            lines.push(format!(
                "time of a whole poll     median {p50:.1} ms, 90 % {p90:.1}, 99 % {p99:.1}, longest {max:.1}"
            ));
        }
        if let Some((resident, of_devices)) = ours.resident_octets {
            lines.push(format!(
                "resident memory          {:.0} MB; {:.1} kB a device, label texts of {} series included",
                float(resident) / 1e6,
                float(of_devices) / 1e3 / float(agents(report)),
                grouped(report.series),
            ));
        }
    }
    if let Some(sweep) = report.sweep {
        lines.push(String::new());
        lines.push(format!(
            "{:.2} s until the last that answers was read, {:.2} s until the last poll ended",
            sweep.living.as_secs_f64(),
            sweep.all.as_secs_f64(),
        ));
    }
    lines.join("\n")
}

fn head(report: &Report) -> Vec<String> {
    let pace = if report.sweep.is_some() {
        "all asked at once".to_owned()
    } else if report.interval.is_zero() {
        "asked again as soon as they answer".to_owned()
    } else {
        format!("asked every {}", humantime::format_duration(report.interval))
    };
    let mut lines = vec![
        format!(
            "{} {} of {} cells, {pace}; {} rules, {} comparisons a poll",
            grouped(report.agents as u64),
            report.played,
            report.cells,
            report.rules,
            report.comparisons,
        ),
        format!(
            "{} of them read after {:.1} s",
            if report.read == report.agents { "all".to_owned() } else { grouped(report.read as u64) },
            report.learnt_in.as_secs_f64(),
        ),
    ];
    if let Some(ours) = &report.ours {
        lines.push(format!("measured for {:.1} s", ours.took.as_secs_f64()));
    }
    lines
}

/// A line a figure: ours, theirs, and how often theirs goes into ours.
fn table(ours: &Figures, peer: Option<&Figures>, lines: &mut Vec<String>) {
    if peer.is_some() {
        lines.push(format!("{:<24} {:>14} {:>14} {:>7}", "", "rackwarden", "snmp2", "ratio"));
    }
    let mut row = |title: &str, of: &dyn Fn(&Figures) -> Option<String>, ratio: Option<f64>| {
        let Some(mine) = of(ours) else { return };
        let mut line = format!("{title:<24} {mine:>14}");
        if let Some(peer) = peer {
            let theirs = of(peer).unwrap_or_default();
            let ratio = ratio.filter(|it| it.is_finite()).map(|it| format!("{it:.2}")).unwrap_or_default();
            line = format!("{line} {theirs:>14} {ratio:>7}");
        }
        lines.push(line.trim_end().to_owned());
    };
    let against = |of: fn(&Figures) -> f64| peer.map(|it| of(ours) / of(it));
    row(
        "CPU s a million cells",
        &|it| Some(format!("{:.4}", it.cpu_a_million())),
        against(Figures::cpu_a_million),
    );
    row(
        "  of which in the kernel",
        &|it| Some(format!("{:.4}", it.a_million(it.cpu.system))),
        against(|it| it.a_million(it.cpu.system)),
    );
    row("CPU, % of a core", &|it| Some(format!("{:.1}", it.share_of_core())), None);
    row(
        "cells a second",
        &|it| Some(grouped(rounded(it.cells_a_second()))),
        against(Figures::cells_a_second),
    );
    row("polls", &|it| Some(grouped(it.polls)), None);
    row("  due", &|it| it.due.map(|it| grouped(it.polls)), None);
    row("  over 1.5 intervals", &|it| it.due.map(|it| grouped(it.late)), None);
    row("  whole, %", &|it| Some(share(it.whole, it.polls)), None);
    row("requests", &|it| it.requests.map(grouped), None);
    row("  not answered in time", &|it| it.timeouts.map(grouped), None);
}

/// Percent, never rounded up to all.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let percent = 100.0 * float(part) / float(whole);
    format!("{:.2}", (percent * 100.0).floor() / 100.0)
}

fn agents(report: &Report) -> u64 {
    u64::try_from(report.agents).unwrap_or(u64::MAX).max(1)
}

/// With commas between the thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "counts far below what f64 holds exactly")]
fn float(count: u64) -> f64 {
    count as f64
}

fn float_of(count: usize) -> f64 {
    float(u64::try_from(count).unwrap_or(u64::MAX))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts: whole and not negative")]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::{Due, Figures, Report, grouped, json, share, text};
    use crate::cli::bench::rig::Sweep;
    use crate::cli::bench::usage::Cpu;
    use std::time::Duration;

    fn cpu(user: u64, system: u64) -> Cpu {
        Cpu { user: Duration::from_millis(user), system: Duration::from_millis(system) }
    }

    fn saturated() -> Report {
        let ours = Figures {
            took: Duration::from_secs(10),
            cpu: cpu(2_310, 5_640),
            polls: 1_650_000,
            whole: 1_649_990,
            due: None,
            cells: 99_000_000,
            requests: Some(1_650_020),
            timeouts: Some(20),
            milliseconds: Some([2.71, 3.04, 4.16, 1003.2]),
            resident_octets: Some((31_400_000, 11_700_000)),
        };
        let peer = Figures {
            took: Duration::from_secs(10),
            cpu: cpu(5_100, 4_700),
            polls: 680_000,
            whole: 680_000,
            cells: 40_800_000,
            ..Figures::default()
        };
        Report {
            agents: 1000,
            read: 1000,
            played: "simulated agents",
            cells: 60,
            series: 64_000,
            rules: 20,
            comparisons: 86,
            interval: Duration::ZERO,
            learnt_in: Duration::from_millis(1_640),
            ours: Some(ours),
            peer: Some(peer),
            sweep: None,
        }
    }

    #[test]
    fn a_saturated_run_reads_like_this() {
        insta::assert_snapshot!(text(&saturated()), @"
        1,000 simulated agents of 60 cells, asked again as soon as they answer; 20 rules, 86 comparisons a poll
        all of them read after 1.6 s
        measured for 10.0 s

                                     rackwarden          snmp2   ratio
        CPU s a million cells            0.0803         0.2402    0.33
          of which in the kernel         0.0570         0.1152    0.49
        CPU, % of a core                   79.5           98.0
        cells a second                9,900,000      4,080,000    2.43
        polls                         1,650,000        680,000
          whole, %                        99.99         100.00
        requests                      1,650,020
          not answered in time               20

        time of a whole poll     median 2.7 ms, 90 % 3.0, 99 % 4.2, longest 1003.2
        resident memory          31 MB; 11.7 kB a device, label texts of 64,000 series included
        ");
    }

    #[test]
    fn a_paced_run_reads_like_this() {
        let mut report = saturated();
        report.peer = None;
        (report.agents, report.read, report.interval) = (2000, 1900, Duration::from_secs(60));
        if let Some(ours) = &mut report.ours {
            ours.due = Some(Due { polls: 1_650_003, late: 3 });
        }
        insta::assert_snapshot!(text(&report), @"
        2,000 simulated agents of 60 cells, asked every 1m; 20 rules, 86 comparisons a poll
        1,900 of them read after 1.6 s
        measured for 10.0 s

        CPU s a million cells            0.0803
          of which in the kernel         0.0570
        CPU, % of a core                   79.5
        cells a second                9,900,000
        polls                         1,650,000
          due                         1,650,003
          over 1.5 intervals                  3
          whole, %                        99.99
        requests                      1,650,020
          not answered in time               20

        time of a whole poll     median 2.7 ms, 90 % 3.0, 99 % 4.2, longest 1003.2
        resident memory          31 MB; 5.8 kB a device, label texts of 64,000 series included
        ");
    }

    #[test]
    fn a_sweep_reads_like_this() {
        let mut report = saturated();
        (report.ours, report.peer) = (None, None);
        report.sweep = Some(Sweep { all: Duration::from_millis(1_004), living: Duration::from_millis(104) });
        insta::assert_snapshot!(text(&report), @"
        1,000 simulated agents of 60 cells, all asked at once; 20 rules, 86 comparisons a poll
        all of them read after 1.6 s

        0.10 s until the last that answers was read, 1.00 s until the last poll ended
        ");
    }

    /// Frozen: scripts read it. Add keys, change none.
    #[test]
    fn json_is_a_contract() {
        insta::assert_snapshot!(json(&saturated()), @r#"
        {
          "agents": 1000,
          "agents_read": 1000,
          "cells_per_agent": 60,
          "comparisons_per_poll": 86,
          "cpu_ratio_to_snmp2": 0.3343228200371058,
          "interval_seconds": 0.0,
          "learnt_in_seconds": 1.6400000000000001,
          "rackwarden": {
            "cells": 99000000,
            "cells_per_second": 9900000.0,
            "cpu_seconds": 7.95,
            "cpu_seconds_per_million_cells": 0.0803030303030303,
            "cpu_system_seconds_per_million_cells": 0.05696969696969697,
            "cpu_user_seconds_per_million_cells": 0.023333333333333334,
            "poll_milliseconds": {
              "max": 1003.2,
              "p50": 2.71,
              "p90": 3.04,
              "p99": 4.16
            },
            "polls": 1650000,
            "polls_due": null,
            "polls_late": null,
            "polls_whole": 1649990,
            "requests": 1650020,
            "requests_timed_out": 20,
            "resident_octets": 31400000,
            "resident_octets_per_device": 11700,
            "seconds": 10.0
          },
          "rules": 20,
          "series": 64000,
          "snmp2": {
            "cells": 40800000,
            "cells_per_second": 4080000.0,
            "cpu_seconds": 9.8,
            "cpu_seconds_per_million_cells": 0.24019607843137256,
            "cpu_system_seconds_per_million_cells": 0.11519607843137254,
            "cpu_user_seconds_per_million_cells": 0.125,
            "poll_milliseconds": null,
            "polls": 680000,
            "polls_due": null,
            "polls_late": null,
            "polls_whole": 680000,
            "requests": null,
            "requests_timed_out": null,
            "resident_octets": null,
            "resident_octets_per_device": null,
            "seconds": 10.0
          },
          "sweep": null
        }
        "#);
    }

    #[test]
    fn shares_are_never_rounded_up_to_all() {
        let shares = [share(99_999, 100_000), share(5, 5), share(0, 0)];
        assert_eq!(shares, ["99.99", "100.00", "-"]);
        assert_eq!([0, 999, 1_234_567].map(grouped), ["0", "999", "1,234,567"]);
    }
}
