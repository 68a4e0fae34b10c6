//! State that few alerts need: histories for rates of change, and begins for the damping of flapping.
//! Both are bounded and live only where a rule asks for them.

use super::AlertKey;
use crate::model::Moment;
use crate::rules::{Flapping, Rate};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The recent past of one reading: some samples a window, however often it is polled.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// Oldest first; the first one is the newest of those that are at least a window old.
    samples: VecDeque<(Moment, f64)>,
}

impl Window {
    /// Samples that are kept a window: the change is then known over the window and at most a
    /// thirtieth more.
    const SAMPLES: u32 = 30;

    /// Takes a sample; the change per second over the window, once that is full. After a gap as long
    /// as the window the change over it is not known.
    pub(super) fn rate(&mut self, now: Moment, value: f64, rate: Rate) -> Option<f64> {
        let spacing = rate.over / Self::SAMPLES;
        if self.samples.back().is_none_or(|(at, _)| spacing <= now.since(*at)) {
            self.samples.push_back((now, value));
        }
        while self.samples.get(1).is_some_and(|(at, _)| rate.over <= now.since(*at)) {
            self.samples.pop_front();
        }
        let (at, before) = *self.samples.front()?;
        let passed = now.since(at);
        if rate.over * 2 < passed {
            self.samples.pop_front();
            return None;
        }
        (rate.over <= passed).then(|| (value - before) / passed.as_secs_f64())
    }
}

/// When alerts began, of those whose rules damp flapping.
#[derive(Debug, Default)]
pub(super) struct Begins(BTreeMap<AlertKey, Past>);

#[derive(Debug)]
struct Past {
    moments: VecDeque<Moment>,
    within: Duration,
}

impl Begins {
    /// Notes that an alert began or got worse; whether it flaps now.
    pub(super) fn note(&mut self, key: &AlertKey, now: Moment, flapping: Flapping) -> bool {
        self.0.retain(|_, past| past.moments.back().is_some_and(|it| now.since(*it) < past.within));
        let past = self
            .0
            .entry(key.clone())
            .or_insert_with(|| Past { moments: VecDeque::new(), within: flapping.within });
        past.within = flapping.within;
        past.moments.push_back(now);
        let most = flapping.begins as usize;
        while most < past.moments.len()
            || past.moments.front().is_some_and(|it| flapping.within <= now.since(*it))
        {
            past.moments.pop_front();
        }
        past.moments.len() == most
    }
}

#[cfg(test)]
mod tests {
    use super::{Begins, Window};
    use crate::alert::AlertKey;
    use crate::model::Moment;
    use crate::rules::{Flapping, Per, Rate};
    use proptest::prelude::*;
    use std::time::Duration;

    const RATE: Rate = Rate { per: Per::Hour, over: Duration::from_secs(600) };

    fn at(seconds: u64) -> Moment {
        Moment::after_zero(Duration::from_secs(seconds))
    }

    #[test]
    fn rates_are_known_once_the_window_is_full() {
        let mut window = Window::default();
        for seconds in (0..600_u32).step_by(10) {
            assert_eq!(window.rate(at(seconds.into()), f64::from(seconds), RATE), None, "{seconds}");
        }
        for seconds in (600..3000_u32).step_by(10) {
            assert_eq!(window.rate(at(seconds.into()), f64::from(seconds), RATE), Some(1.0), "{seconds}");
        }
        // A gap that is not as long as the window changes nothing; a longer one begins anew.
        assert_eq!(window.rate(at(3500), 3500.0, RATE), Some(1.0));
        assert_eq!(window.rate(at(6000), 0.0, RATE), None);
        assert_eq!(window.rate(at(6300), 0.0, RATE), None);
        assert_eq!(window.rate(at(6600), 600.0, RATE), Some(1.0));
    }

    proptest! {
        /// However the polls fall, the memory is bounded, and a steady change is told exactly.
        #[test]
        fn windows_are_bounded(steps in proptest::collection::vec(1..400_u32, 1..300)) {
            let (mut window, mut now) = (Window::default(), 0_u32);
            for step in steps {
                now += step;
                let rate = window.rate(at(now.into()), f64::from(now) * 0.5, RATE);
                prop_assert!(window.samples.len() <= 33, "{}", window.samples.len());
                if let Some(rate) = rate {
                    prop_assert!((rate - 0.5).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn flapping_is_many_begins_in_a_short_time() {
        let flapping = Flapping { begins: 3, within: Duration::from_secs(100) };
        let (mut begins, key) = (Begins::default(), AlertKey("a/b".into()));
        for (seconds, flaps) in [
            (0, false),
            (60, false),
            (100, false),
            (150, true),
            (155, true),
            (300, false),
            (390, false),
            (395, true),
        ] {
            assert_eq!(begins.note(&key, at(seconds), flapping), flaps, "{seconds}");
        }
        // Others' begins do not count, and what is long past is forgotten.
        let other = AlertKey("a/c".into());
        assert!(!begins.note(&other, at(396), flapping));
        assert_eq!(begins.0.len(), 2);
        assert!(!begins.note(&other, at(500), flapping));
        assert_eq!(begins.0.len(), 1);
    }
}
