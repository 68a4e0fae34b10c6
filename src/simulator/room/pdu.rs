//! A rack PDU as electricity: outlets draw current, banks and phases add it up, and power follows from
//! voltage, current and power factor, so that every cell of the agent agrees with the others.

use super::sheet::World;
use crate::simulator::random::{Random, derive, wander};
use std::time::Duration;

/// What a PDU is built from.
#[derive(Debug, Clone)]
pub(super) struct PduPlan {
    pub(super) seed: u64,
    /// 1 or 3.
    pub(super) phases: usize,
    /// What each phase may carry.
    pub(super) rated_amperes: f64,
    /// What each bank's breaker may carry.
    pub(super) bank_amperes: f64,
    /// Banks on each phase; outlets take them in turn.
    pub(super) banks_per_phase: usize,
    pub(super) outlets: usize,
    /// Probes for temperature and humidity.
    pub(super) probes: usize,
}

/// A part that carries current: an outlet, a bank or a phase. In its base units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circuit {
    pub(super) volts: f64,
    pub(super) amperes: f64,
    pub(super) power_factor: f64,
    pub(super) watt_hours: f64,
    pub(super) rated_amperes: f64,
}

impl Circuit {
    pub(super) fn volt_amperes(&self) -> f64 {
        self.volts * self.amperes
    }

    pub(super) fn watts(&self) -> f64 {
        self.volt_amperes() * self.power_factor
    }

    pub(super) fn vars(&self) -> f64 {
        let (apparent, active) = (self.volt_amperes(), self.watts());
        (apparent * apparent - active * active).max(0.0).sqrt()
    }

    /// Percent of the rated current.
    pub(super) fn load_percent(&self) -> f64 {
        if self.rated_amperes <= 0.0 { 0.0 } else { 100.0 * self.amperes / self.rated_amperes }
    }

    /// `choice[0]` below 80 % of the rating, `[1]` from there, `[2]` from the rating on.
    pub(super) fn level(&self, choice: [i64; 3]) -> i64 {
        let [normal, near, over] = choice;
        match self.load_percent() {
            load if 100.0 <= load => over,
            load if NEAR_PERCENT <= load => near,
            _ => normal,
        }
    }
}

/// A PDU at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct PduState {
    pub(super) hertz: f64,
    pub(super) phases: Vec<Circuit>,
    pub(super) banks: Vec<Circuit>,
    pub(super) outlets: Vec<Circuit>,
    /// By probe: degrees Celsius, and percent of relative humidity.
    pub(super) probes: Vec<(f64, f64)>,
}

impl PduState {
    pub(super) fn phase(&self, at: usize) -> Circuit {
        self.phases.get(at).copied().unwrap_or_default()
    }

    pub(super) fn bank(&self, at: usize) -> Circuit {
        self.banks.get(at).copied().unwrap_or_default()
    }

    pub(super) fn outlet(&self, at: usize) -> Circuit {
        self.outlets.get(at).copied().unwrap_or_default()
    }

    pub(super) fn celsius(&self, at: usize) -> f64 {
        self.probes.get(at).map_or(0.0, |(celsius, _)| *celsius)
    }

    pub(super) fn humidity_percent(&self, at: usize) -> f64 {
        self.probes.get(at).map_or(0.0, |(_, percent)| *percent)
    }

    pub(super) fn watts(&self) -> f64 {
        self.phases.iter().map(Circuit::watts).sum()
    }

    pub(super) fn volt_amperes(&self) -> f64 {
        self.phases.iter().map(Circuit::volt_amperes).sum()
    }

    pub(super) fn vars(&self) -> f64 {
        self.phases.iter().map(Circuit::vars).sum()
    }

    pub(super) fn watt_hours(&self) -> f64 {
        self.phases.iter().map(|it| it.watt_hours).sum()
    }

    pub(super) fn power_factor(&self) -> f64 {
        let apparent = self.volt_amperes();
        if apparent <= 0.0 { 1.0 } else { self.watts() / apparent }
    }

    /// The phase that is nearest to its rating.
    pub(super) fn worst(&self) -> Circuit {
        let worst = self.phases.iter().max_by(|a, b| a.amperes.total_cmp(&b.amperes));
        worst.copied().unwrap_or_default()
    }

    /// Mean voltage, and the voltage from one phase to the next.
    pub(super) fn volts(&self) -> (f64, f64) {
        let count: f64 = self.phases.iter().map(|_| 1.0).sum();
        let mean = self.phases.iter().map(|it| it.volts).sum::<f64>() / count.max(1.0);
        (mean, mean * 3.0_f64.sqrt())
    }

    /// How far the worst phase is from the mean, in percent of the mean.
    pub(super) fn out_of_balance_percent(&self) -> f64 {
        let count: f64 = self.phases.iter().map(|_| 1.0).sum();
        let mean = self.phases.iter().map(|it| it.amperes).sum::<f64>() / count.max(1.0);
        if mean <= 0.0 { 0.0 } else { 100.0 * (self.worst().amperes - mean) / mean }
    }
}

/// One outlet: where it is wired, and what it draws on average.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    /// From 0.
    pub(super) phase: usize,
    /// From 0, over all phases.
    pub(super) bank: usize,
    mean_amperes: f64,
    start_watt_hours: f64,
}

impl Outlet {
    /// Whether nothing is plugged in.
    pub(super) fn is_idle(&self) -> bool {
        self.mean_amperes <= 0.0
    }
}

/// The device behind a PDU's agent.
#[derive(Debug, Clone)]
pub(super) struct Pdu {
    plan: PduPlan,
    pub(super) outlets: Vec<Outlet>,
    /// By phase: the current that someone drives it to, in place of what it draws by itself.
    driven: Vec<Option<f64>>,
    revision: u64,
}

impl Pdu {
    /// Wires outlets to phases in turn, and to the banks of each phase in turn; loads each phase to
    /// between 28 and 50 % of its rating, its banks about alike, so that a calm room stays calm.
    pub(super) fn new(plan: PduPlan) -> Self {
        let mut random = Random::new(plan.seed);
        let (phases, banks) = (plan.phases.max(1), plan.banks_per_phase.max(1));
        let bank_of = |number: usize| number % phases * banks + number / phases % banks;
        let shares: Vec<f64> = (0..plan.outlets)
            .map(|_| if random.chance(IDLE_SHARE) { 0.0 } else { random.between(0.4, 1.6) })
            .collect();
        let mut bank_loads = Vec::with_capacity(phases * banks);
        for _ in 0..phases {
            let load = plan.rated_amperes * random.between(0.28, 0.5);
            let count: f64 = (0..banks).map(|_| 1.0).sum();
            bank_loads.extend((0..banks).map(|_| load / count * random.between(0.93, 1.07)));
        }
        let outlets = shares.iter().enumerate().map(|(number, share)| {
            let bank = bank_of(number);
            let whole: f64 = shares
                .iter()
                .enumerate()
                .filter(|(other, _)| bank_of(*other) == bank)
                .map(|(_, it)| it)
                .sum();
            let load = bank_loads.get(bank).copied().unwrap_or(0.0);
            let mean_amperes = if whole <= 0.0 { 0.0 } else { load * share / whole };
            let start_watt_hours = mean_amperes * random.between(4e5, 9e5);
            Outlet { phase: number % phases, bank, mean_amperes, start_watt_hours }
        });
        let outlets = outlets.collect();
        Self { driven: vec![None; phases], plan, outlets, revision: 0 }
    }

    pub(super) const fn plan(&self) -> &PduPlan {
        &self.plan
    }

    /// Drives a phase to this share of its rating; false if there is no such phase.
    pub(super) fn drive(&mut self, phase: usize, share: f64) -> bool {
        let amperes = self.plan.rated_amperes * share;
        self.revision += 1;
        self.driven.get_mut(phase).map(|it| *it = Some(amperes)).is_some()
    }

    /// Lets every phase draw what it draws by itself.
    pub(super) fn mend(&mut self) {
        self.revision += 1;
        self.driven.fill(None);
    }

    fn phase_volts(&self, phase: usize, seconds: f64) -> f64 {
        NOMINAL_VOLTS + 3.0 * wander(self.seed("volts", phase), seconds / 600.0)
    }

    fn phase_power_factor(&self, phase: usize, seconds: f64) -> f64 {
        0.955 + 0.02 * wander(self.seed("factor", phase), seconds / 900.0)
    }

    /// What each outlet draws, driven phases scaled so that they carry what they are driven to.
    fn amperes(&self, seconds: f64) -> Vec<f64> {
        let mut amperes: Vec<f64> = (0..)
            .zip(&self.outlets)
            .map(|(number, outlet)| {
                let swing = 1.0 + 0.08 * wander(self.seed("load", number), seconds / 240.0);
                outlet.mean_amperes * swing
            })
            .collect();
        for (phase, driven) in self.driven.iter().enumerate() {
            let Some(target) = driven else { continue };
            let on_phase = |outlet: &Outlet| outlet.phase == phase;
            let natural: f64 =
                amperes.iter().zip(&self.outlets).filter(|(_, it)| on_phase(it)).map(|(it, _)| it).sum();
            let target = target * (1.0 + 0.005 * wander(self.seed("driven", phase), seconds / 60.0));
            for (drawn, _) in amperes.iter_mut().zip(&self.outlets).filter(|(_, it)| on_phase(it)) {
                *drawn *= if natural <= 0.0 { 0.0 } else { target / natural };
            }
        }
        amperes
    }

    fn seed(&self, what: &str, number: usize) -> u64 {
        let what = what.bytes().fold(0, |sum: u64, it| sum * 31 + u64::from(it));
        derive(derive(self.plan.seed, what), u64::try_from(number).unwrap_or(0))
    }

    fn probe(&self, number: usize, seconds: f64) -> (f64, f64) {
        let seed = self.seed("probe", number);
        let base = 21.0 + Random::new(seed).between(0.0, 4.0);
        let celsius = base + 1.2 * wander(seed, seconds / 1200.0);
        (celsius, 46.0 - 1.5 * (celsius - 23.0) + 2.0 * wander(derive(seed, 1), seconds / 1800.0))
    }
}

impl World for Pdu {
    type State = PduState;

    fn state(&mut self, time: Duration) -> PduState {
        let seconds = time.as_secs_f64();
        let amperes = self.amperes(seconds);
        let empty = |phase: usize, rated_amperes: f64| Circuit {
            volts: self.phase_volts(phase, seconds),
            power_factor: self.phase_power_factor(phase, seconds),
            rated_amperes,
            ..Circuit::default()
        };
        let mut state = PduState {
            hertz: 50.0 + 0.04 * wander(self.seed("hertz", 0), seconds / 30.0),
            phases: (0..self.driven.len()).map(|it| empty(it, self.plan.rated_amperes)).collect(),
            banks: (0..self.driven.len() * self.plan.banks_per_phase)
                .map(|it| empty(it / self.plan.banks_per_phase.max(1), self.plan.bank_amperes))
                .collect(),
            outlets: Vec::with_capacity(self.outlets.len()),
            probes: (0..self.plan.probes).map(|it| self.probe(it, seconds)).collect(),
        };
        for (outlet, drawn) in self.outlets.iter().zip(amperes) {
            let mean_watts = outlet.mean_amperes * NOMINAL_VOLTS * 0.955;
            let watt_hours = outlet.start_watt_hours + mean_watts * seconds / 3600.0;
            let circuit = Circuit { amperes: drawn, watt_hours, ..empty(outlet.phase, OUTLET_AMPERES) };
            let sums = [state.phases.get_mut(outlet.phase), state.banks.get_mut(outlet.bank)];
            for sum in sums.into_iter().flatten() {
                sum.amperes += drawn;
                sum.watt_hours += watt_hours;
            }
            state.outlets.push(circuit);
        }
        state
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

/// From phase to neutral.
const NOMINAL_VOLTS: f64 = 230.0;
/// What an IEC 60320 C13 outlet may carry.
pub(super) const OUTLET_AMPERES: f64 = 10.0;
/// How many outlets have nothing plugged in.
const IDLE_SHARE: f64 = 0.2;
/// From here on the vendors speak of a near overload.
const NEAR_PERCENT: f64 = 80.0;

#[cfg(test)]
mod tests {
    use super::{Circuit, Pdu, PduPlan, World};
    use std::time::Duration;

    fn pdu() -> Pdu {
        Pdu::new(PduPlan {
            seed: 9,
            phases: 3,
            rated_amperes: 16.0,
            bank_amperes: 16.0,
            banks_per_phase: 2,
            outlets: 24,
            probes: 2,
        })
    }

    #[test]
    fn sums_agree_at_any_time() {
        let mut pdu = pdu();
        assert!(pdu.drive(1, 1.1));
        assert!(!pdu.drive(3, 1.1));
        for second in [0, 7, 3600, 864_000] {
            let state = pdu.state(Duration::from_secs(second));
            let total = |circuits: &[Circuit]| circuits.iter().map(|it| it.amperes).sum::<f64>();
            assert!((total(&state.outlets) - total(&state.phases)).abs() < 1e-9);
            assert!((total(&state.outlets) - total(&state.banks)).abs() < 1e-9);
            let watts: f64 = state.outlets.iter().map(Circuit::watts).sum();
            assert!((watts - state.watts()).abs() < 1e-6);
            assert!((0.93..0.98).contains(&state.power_factor()));
            assert!(state.phases.iter().all(|it| (225.0..235.0).contains(&it.volts)));
        }
    }

    #[test]
    fn a_driven_phase_is_over_its_rating_until_it_is_mended() {
        let mut pdu = pdu();
        let loads = |pdu: &mut Pdu, second| {
            let state = pdu.state(Duration::from_secs(second));
            state.phases.iter().map(Circuit::load_percent).collect::<Vec<f64>>()
        };
        for second in 0..2000 {
            assert!(
                loads(&mut pdu, second).iter().all(|it| (20.0..80.0).contains(it)),
                "{:?}",
                loads(&mut pdu, second)
            );
        }
        pdu.drive(0, 1.15);
        for second in 0..2000 {
            let found = loads(&mut pdu, second);
            assert!((114.0..116.0).contains(&found[0]) && found[1] < 60.0, "{found:?}");
        }
        pdu.mend();
        assert!(loads(&mut pdu, 10)[0] < 60.0);
    }

    #[test]
    fn levels_follow_the_rating() {
        let level = |amperes| Circuit { amperes, rated_amperes: 10.0, ..Circuit::default() }.level([1, 2, 3]);
        assert_eq!([0.0, 7.9, 8.0, 9.9, 10.0].map(level), [1, 1, 2, 2, 3]);
        assert_eq!(Circuit::default().level([1, 2, 3]), 1, "no rating, no overload");
    }
}
