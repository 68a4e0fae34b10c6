//! The book of names: when they are looked up, and what is told.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

fn wanted(device: &str, host: &str) -> Wanted {
    Wanted { device: device.into(), host: host.into(), port: 161 }
}

fn seconds(count: f64) -> Moment {
    Moment::after_zero(Duration::from_secs(1000)) + Duration::from_secs_f64(count)
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|it| SocketAddr::new(it.parse().unwrap(), 161)).collect()
}

/// A book with a resolver behind it that answers at once.
#[derive(Default)]
struct Bench {
    book: Book,
    zone: HashMap<String, Vec<SocketAddr>>,
    lookups: Vec<(Moment, String)>,
    told: Vec<(String, Option<String>, Cause)>,
}

impl Bench {
    fn new(names: &[(&str, &str)]) -> Self {
        let mut bench = Self::default();
        bench.book.replace(seconds(0.0), names.iter().map(|(device, host)| wanted(device, host)));
        bench
    }

    fn resolves(&mut self, host: &str, to: &[&str]) {
        self.zone.insert(host.to_owned(), addresses(to));
    }

    /// Does all that is due until then.
    fn pass(&mut self, until: f64) {
        loop {
            let due = self.book.poll_timeout().filter(|it| *it <= seconds(until));
            let Some(due) = due else { break };
            while let Some(lookup) = self.book.next_lookup(due) {
                self.lookups.push((due, lookup.wanted.device.to_string()));
                let found = self.zone.get(&*lookup.wanted.host).cloned().unwrap_or_default();
                self.book.answered(due, &lookup, &found);
            }
        }
        while let Some(it) = self.book.next_resolved() {
            self.told.push((it.device.to_string(), it.address.map(|it| it.ip().to_string()), it.cause));
        }
    }

    fn told(&mut self) -> Vec<(String, Option<String>, Cause)> {
        std::mem::take(&mut self.told)
    }
}

fn told(device: &str, address: &str, cause: Cause) -> (String, Option<String>, Cause) {
    (device.to_owned(), Some(address.to_owned()).filter(|it| !it.is_empty()), cause)
}

#[test]
fn new_names_are_looked_up_at_once_and_then_by_age_each_at_its_own_time() {
    let names: Vec<(String, String)> = (0..1000).map(|it| (format!("pdu-{it}"), format!("h{it}"))).collect();
    let names: Vec<(&str, &str)> =
        names.iter().map(|(device, host)| (device.as_str(), host.as_str())).collect();
    let mut bench = Bench::new(&names);
    for (_, host) in &names {
        bench.resolves(host, &["10.0.0.1"]);
    }
    bench.pass(0.0);
    assert_eq!((bench.lookups.len(), bench.told().len()), (1000, 1000));
    bench.lookups.clear();
    bench.pass(400.0);
    let mut a_second: HashMap<u64, u32> = HashMap::new();
    for (at, _) in &bench.lookups {
        *a_second.entry(at.since(seconds(0.0)).as_secs()).or_default() += 1;
    }
    assert!(1000 <= bench.lookups.len());
    assert!(a_second.keys().all(|it| 225 <= *it), "none sooner than three quarters of the age");
    assert!(a_second.values().all(|it| *it < 25), "1000 over 150 s, and no burst: {a_second:?}");
    assert_eq!(bench.told(), [], "nothing has changed");
}

#[test]
fn so_many_at_a_time() {
    let mut book = Book::default();
    book.replace(seconds(0.0), (0..100).map(|it| wanted(&it.to_string(), "h")));
    let begun: Vec<Lookup> = std::iter::from_fn(|| book.next_lookup(seconds(0.0))).collect();
    assert_eq!(begun.len(), Book::AT_A_TIME);
    assert_eq!(book.poll_timeout(), None, "until one of them ends");
    book.answered(seconds(1.0), &begun[0], &[]);
    assert!(book.next_lookup(seconds(1.0)).is_some() && book.next_lookup(seconds(1.0)).is_none());
}

#[test]
fn a_resolver_that_fails_takes_no_address_away() {
    let mut bench = Bench::new(&[("ups", "h"), ("pdu", "nowhere")]);
    bench.resolves("h", &["10.0.0.1"]);
    bench.pass(0.0);
    assert_eq!(bench.told(), [told("pdu", "", Cause::New), told("ups", "10.0.0.1", Cause::New)]);
    bench.zone.clear();
    bench.pass(2000.0);
    assert_eq!(bench.told(), []);
    let of_pdu: Vec<f64> = bench
        .lookups
        .iter()
        .filter(|(_, device)| device == "pdu")
        .map(|(at, _)| at.since(seconds(0.0)).as_secs_f64())
        .collect();
    let pauses: Vec<f64> = of_pdu.windows(2).map(|it| it[1] - it[0]).collect();
    for (pause, usual) in pauses.iter().zip([15.0, 30.0, 60.0, 120.0, 120.0]) {
        assert!((usual * 0.74..usual * 1.26).contains(pause), "{pauses:?}");
    }
    bench.resolves("nowhere", &["10.0.0.9"]);
    bench.resolves("h", &["10.0.0.2"]);
    bench.pass(2400.0);
    let mut changed = bench.told();
    changed.sort_by(|left, right| left.0.cmp(&right.0));
    assert_eq!(changed, [told("pdu", "10.0.0.9", Cause::Moved), told("ups", "10.0.0.2", Cause::Moved)]);
}

#[test]
fn round_robin_moves_nobody() {
    let mut bench = Bench::new(&[("ups", "h")]);
    bench.resolves("h", &["10.0.0.1", "10.0.0.2"]);
    bench.pass(0.0);
    bench.resolves("h", &["10.0.0.2", "10.0.0.1"]);
    bench.pass(1000.0);
    assert_eq!(bench.told(), [told("ups", "10.0.0.1", Cause::New)]);
    bench.resolves("h", &["10.0.0.3", "10.0.0.1"]);
    bench.pass(2000.0);
    assert_eq!(
        bench.told(),
        [told("ups", "10.0.0.1", Cause::Others)],
        "for those who want to know all of them"
    );
    bench.resolves("h", &["10.0.0.3", "10.0.0.2"]);
    bench.pass(3000.0);
    assert_eq!(bench.told(), [told("ups", "10.0.0.3", Cause::Moved)]);
}

#[test]
fn two_failed_polls_ask_for_a_fresh_lookup() {
    let mut bench = Bench::new(&[("ups", "h")]);
    bench.resolves("h", &["10.0.0.1"]);
    bench.pass(0.0);
    bench.told();
    bench.resolves("h", &["10.0.0.2"]);
    assert!(!bench.book.poll_failed(seconds(50.0), "ups", 1));
    assert!(!bench.book.poll_failed(seconds(50.0), "who", 2));
    bench.pass(60.0);
    assert_eq!((bench.lookups.len(), bench.told()), (1, Vec::new()));
    assert!(bench.book.poll_failed(seconds(60.0), "ups", 2));
    assert!(!bench.book.poll_failed(seconds(60.0), "ups", 2), "it is being asked for");
    bench.pass(62.0);
    assert_eq!(bench.told(), [told("ups", "10.0.0.2", Cause::Moved)]);
}

#[test]
fn a_device_that_is_dead_for_hours_is_looked_up_seldom() {
    let mut bench = Bench::new(&[("ups", "h")]);
    bench.resolves("h", &["10.0.0.1"]);
    bench.pass(0.0);
    for poll in 1..=1080 {
        // Polled every 10 s for three hours.
        let at = f64::from(poll) * 10.0;
        bench.book.poll_failed(seconds(at), "ups", poll);
        bench.pass(at);
    }
    assert!(bench.lookups.len() < 3 * 3600 / 150, "{} lookups", bench.lookups.len());
    assert_eq!(bench.told().len(), 1);
}

#[test]
fn each_address_of_a_name_is_tried() {
    let mut bench = Bench::new(&[("ups", "h")]);
    bench.resolves("h", &["2001:db8::1", "10.0.0.1", "10.0.0.2"]);
    bench.pass(0.0);
    assert_eq!(bench.told(), [told("ups", "2001:db8::1", Cause::New)]);
    let mut tried = Vec::new();
    for poll in 1..=8 {
        let at = f64::from(poll) * 10.0;
        bench.book.poll_failed(seconds(at), "ups", poll);
        bench.pass(at + 5.0);
        tried.extend(bench.told().into_iter().map(|(_, address, cause)| (poll, address.unwrap(), cause)));
    }
    let next = |poll, address: &str| (poll, address.to_owned(), Cause::NextAddress);
    assert_eq!(
        tried,
        [next(2, "10.0.0.1"), next(4, "10.0.0.2"), next(6, "2001:db8::1"), next(8, "10.0.0.1")],
        "whether the resolver was asked again or not"
    );
}

#[test]
fn a_site_that_is_cut_off_holds_up_no_new_name() {
    let mut book = Book::default();
    let names = |range: std::ops::Range<u32>| range.map(|it| wanted(&format!("pdu-{it}"), "h"));
    book.replace(seconds(0.0), names(0..10_000));
    while let Some(lookup) = book.next_lookup(seconds(0.0)) {
        book.answered(seconds(0.0), &lookup, &addresses(&["10.0.0.1"]));
    }
    let asked = (0..10_000).filter(|it| book.poll_failed(seconds(100.0), &format!("pdu-{it}"), 2)).count();
    assert_eq!(asked, 10_000);
    let begun = std::iter::from_fn(|| book.next_lookup(seconds(110.0))).count();
    assert_eq!(begun, Book::SUSPECTS_AT_A_TIME, "their name server does not answer either");
    book.replace(seconds(110.0), names(0..10_001));
    let lookup = book.next_lookup(seconds(110.0)).unwrap();
    assert_eq!(&*lookup.wanted.device, "pdu-10000");
}

#[test]
fn a_replacement_tells_again_what_is_known_and_forgets_what_is_gone() {
    let mut bench = Bench::new(&[("ups", "h"), ("pdu", "g")]);
    bench.resolves("h", &["10.0.0.1"]);
    bench.resolves("g", &["10.0.0.2"]);
    bench.resolves("other", &["10.0.0.3"]);
    bench.pass(0.0);
    bench.told();
    let slow = {
        bench.book.poll_failed(seconds(90.0), "pdu", 2);
        bench.book.next_lookup(seconds(95.0)).unwrap()
    };
    bench.book.replace(seconds(100.0), [wanted("ups", "h"), wanted("pdu", "other")]);
    bench.book.answered(seconds(100.0), &slow, &addresses(&["10.6.6.6"]));
    bench.pass(100.0);
    assert_eq!(bench.told(), [told("ups", "10.0.0.1", Cause::Again), told("pdu", "10.0.0.3", Cause::New)]);
    bench.book.replace(seconds(101.0), []);
    bench.pass(10_000.0);
    assert_eq!((bench.told(), bench.book.poll_timeout()), (Vec::new(), None));
}

/// Each entry stands in the one place that its state says, and no more lookups are under way than may be.
fn check(book: &Book, under_way: usize) {
    let due = book.entries.values().filter(|it| matches!(it.state, State::Due(_))).count();
    let suspects = book.entries.values().filter(|it| matches!(it.state, State::Suspect(_))).count();
    assert_eq!((book.due.len(), book.suspects.len()), (due, suspects));
    for (device, entry) in &book.entries {
        let place = Arc::clone(device);
        match entry.state {
            State::Due(at) => assert!(book.due.contains(&(at, place))),
            State::Suspect(at) => assert!(book.suspects.contains(&(at, place))),
            State::UnderWay => (),
        }
        assert!(entry.current.is_none_or(|it| entry.addresses.contains(&it)));
        assert_eq!(entry.current.is_none(), entry.addresses.is_empty());
    }
    assert_eq!(book.under_way, under_way);
    assert!(under_way <= Book::AT_A_TIME && book.suspects_under_way <= Book::SUSPECTS_AT_A_TIME);
}

proptest! {
    #[test]
    fn whatever_happens_nobody_is_forgotten(
        steps in prop::collection::vec((0u8..5, 0usize..40, 0usize..4, 0u32..60), 1..200),
    ) {
        let mut book = Book::default();
        let mut under_way: Vec<Lookup> = Vec::new();
        let mut now = seconds(0.0);
        let zone = [vec![], addresses(&["10.0.0.1"]), addresses(&["10.0.0.2", "10.0.0.1"]), addresses(&["::1", "10.0.0.3"])];
        for (step, device, choice, passed) in steps {
            now = now + Duration::from_secs(passed.into());
            match step {
                0 => book.replace(now, (0..device).map(|it| wanted(&it.to_string(), &format!("h{}", choice % 2)))),
                1 => under_way.extend(book.next_lookup(now)),
                2 if !under_way.is_empty() => {
                    let lookup = under_way.swap_remove(device % under_way.len());
                    book.answered(now, &lookup, &zone[choice]);
                }
                3 => drop(book.poll_failed(now, &device.to_string(), passed)),
                _ => drop(book.next_resolved()),
            }
            check(&book, under_way.len());
        }
        for lookup in under_way {
            book.answered(now, &lookup, &zone[1]);
        }
        // Nobody is lost: all are due some time.
        prop_assert_eq!(book.due.len() + book.suspects.len(), book.entries.len());
    }
}
