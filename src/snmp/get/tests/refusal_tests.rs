//! Errors, garbage and size: what is remembered of an agent, and what is not.

use super::*;

#[test]
fn errors_that_tell_of_size_are_remembered_and_others_are_not() {
    let too_long = |index: u32| {
        move |names: &[Oid]| {
            let is_too_long = 4 < names.len();
            Some(if is_too_long { (ErrorStatus::GEN_ERR, index, vec![]) } else { (OK, 0, all(names)) })
        }
    };
    for index in [0, 1, 3] {
        let mut limits = GetLimits::default();
        for _ in 0..8 {
            let mut it = job(16, limits);
            drive(&mut it, too_long(index));
            assert!(whole(&it), "a cell is not at fault where the length is: {index}");
            limits = it.limits();
        }
        assert_eq!(limits.cells.asked(), 4, "{index}");
        assert_eq!(drive(&mut job(16, limits), too_long(index)), [4; 4], "{index}");
    }
}

/// Polls of one device: each goes by what those before it came to.
struct Device {
    names: Arc<Names>,
    limits: GetLimits,
    apart: Option<Box<Apart>>,
}

impl Device {
    fn new(count: u32) -> Self {
        Self { names: job(count, GetLimits::default()).names, limits: GetLimits::default(), apart: None }
    }

    fn job(&self) -> GetJob {
        match &self.apart {
            Some(apart) => apart.job(self.limits),
            None => GetJob::new(Arc::clone(&self.names), self.limits),
        }
    }

    /// The sizes of a poll's requests, and what was read.
    fn poll(&mut self, agent: impl FnMut(&[Oid]) -> Option<Answer>) -> (Vec<usize>, Cells) {
        let job = self.job();
        self.run(job, agent)
    }

    /// The same after a poll that failed.
    fn probe(&mut self, agent: impl FnMut(&[Oid]) -> Option<Answer>) -> (Vec<usize>, Cells) {
        let probe = self.apart.as_ref().map_or(self.names.len() - 1, |it| it.probe());
        let job = self.job().with_probe(probe);
        self.run(job, agent)
    }

    fn run(&mut self, mut it: GetJob, agent: impl FnMut(&[Oid]) -> Option<Answer>) -> (Vec<usize>, Cells) {
        let sizes = drive(&mut it, agent);
        if let Some(apart) = &self.apart {
            it.put_in_order(apart.order());
        }
        self.limits = it.limits();
        let (apart, is_spoilt) = Apart::after(self.apart.take(), &it, &self.names);
        self.apart = apart;
        if is_spoilt {
            self.limits.forget();
        }
        (sizes, it.take_cells())
    }
}

/// How an agent refuses cells.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// tooBig, even alone.
    TooBig,
    /// tooBig, but not alone.
    TooBigBeside,
    /// genErr without an index, even alone.
    GenErr,
    /// genErr that names it, even alone.
    Named,
    /// genErr without an index, but not alone.
    GenErrBeside,
    /// genErr that names it, but not alone.
    NamedBeside,
}

fn refusing(how: Refusal, bad: &[i64], bears: usize) -> impl Fn(&[Oid]) -> Option<Answer> {
    move |names: &[Oid]| {
        let at = names.iter().position(|it| bad.contains(&last(it)));
        let is_alone = names.len() == 1;
        let index = at.map_or(0, |it| u32::try_from(it + 1).unwrap());
        let refused = match how {
            _ if bears < names.len() => Some((ErrorStatus::TOO_BIG, 0)),
            _ if at.is_none() => None,
            Refusal::TooBig => Some((ErrorStatus::TOO_BIG, 0)),
            Refusal::GenErr => Some((ErrorStatus::GEN_ERR, 0)),
            Refusal::Named => Some((ErrorStatus::GEN_ERR, index)),
            _ if is_alone => None,
            Refusal::TooBigBeside => Some((ErrorStatus::TOO_BIG, 0)),
            Refusal::GenErrBeside => Some((ErrorStatus::GEN_ERR, 0)),
            Refusal::NamedBeside => Some((ErrorStatus::GEN_ERR, index)),
        };
        Some(refused.map_or_else(|| (OK, 0, all(names)), |(status, index)| (status, index, vec![])))
    }
}

#[test]
fn a_cell_that_spoils_requests_is_asked_apart_and_the_others_as_if_it_were_not_there() {
    use Refusal::{GenErr, GenErrBeside, Named, NamedBeside, TooBig, TooBigBeside};
    let alone = [TooBig, GenErr, Named];
    let beside = [TooBigBeside, GenErrBeside, NamedBeside];
    for count in [2_u32, 5, 16, 60, 200] {
        let last_one = i64::from(count) - 1;
        for bad in [vec![0], vec![1], vec![last_one / 2], vec![last_one], vec![0, last_one / 2, last_one]] {
            for (how, is_read) in alone.map(|it| (it, false)).into_iter().chain(beside.map(|it| (it, true))) {
                let mut device = Device::new(count);
                let mut sizes = Vec::new();
                let mut cells = Cells::default();
                for _ in 0..30 {
                    (sizes, cells) = device.poll(refusing(how, &bad, 1000));
                }
                let name = format!("{how:?} {bad:?} of {count}: {sizes:?}");
                let mut bad = bad.clone();
                bad.dedup();
                for (at, cell) in cells.iter().enumerate() {
                    let at = i64::try_from(at).unwrap();
                    assert_eq!(cell.is_ok(), is_read || !bad.contains(&at), "{name}, cell {at}");
                    assert!(cell.is_err() || cell == Ok(Value::Integer(at)), "{name}, cell {at}");
                }
                // One whose company is at fault as well may stand apart beside each.
                let apart = if is_read { 2 * bad.len() } else { bad.len().min(Apart::REFUSED_A_POLL) };
                let frames = (count as usize).div_ceil(83);
                // Of two or five cells, no more than one or two of which ever came, the size may be to blame.
                if !is_read || 5 < count {
                    assert!(sizes.len() <= frames + apart, "{name}");
                    assert_eq!(device.limits.cells.failed(), None, "{name}: it says nothing of the size");
                }
            }
        }
    }
}

#[test]
fn a_cell_that_never_fits_hides_no_agent_that_bears_little() {
    for how in [Refusal::TooBig, Refusal::GenErr, Refusal::Named] {
        let mut device = Device::new(60);
        let mut sizes = Vec::new();
        for _ in 0..30 {
            sizes = device.poll(refusing(how, &[30], 10)).0;
        }
        assert_eq!(
            (&*sizes, device.limits.cells.failed()),
            (&[10, 10, 10, 10, 10, 9, 1][..], Some(11)),
            "{how:?}"
        );
    }
}

#[test]
fn cells_that_are_refused_are_asked_in_turn_and_come_back() {
    let bad: Vec<i64> = (3..60).step_by(6).collect();
    let mut device = Device::new(60);
    for _ in 0..3 {
        let cells = device.poll(refusing(Refusal::TooBig, &bad, 1000)).1;
        let missing = cells.iter().filter(|it| *it == Err(Missing::TooBig)).count();
        assert_eq!(missing, bad.len(), "whether it was asked or not, it says why it is missing");
    }
    let (sizes, _) = device.poll(refusing(Refusal::TooBig, &bad, 1000));
    assert_eq!(sizes, [50, 1, 1]);
    for _ in 0..5 {
        device.poll(|names| Some((OK, 0, all(names))));
    }
    let (sizes, cells) = device.poll(|names| Some((OK, 0, all(names))));
    assert_eq!((&*sizes, cells.iter().all(|it| it.is_ok())), (&[60][..], true), "the agent was mended");
    assert!(device.apart.is_none());
}

#[test]
fn what_is_refused_at_random_puts_nothing_apart_for_good() {
    for status in [ErrorStatus::TOO_BIG, ErrorStatus::GEN_ERR] {
        let mut device = Device::new(60);
        let mut requests = 0;
        for _ in 0..300 {
            device.poll(|names| {
                requests += 1;
                Some(if requests % 7 == 0 { (status, 0, vec![]) } else { (OK, 0, all(names)) })
            });
        }
        let sizes: Vec<Vec<usize>> =
            (0..8).map(|_| device.poll(|names| Some((OK, 0, all(names)))).0).collect();
        assert!(sizes[7].len() <= 2, "{status:?}: {sizes:?}");
    }
}

/// An agent whose answers have so many octets of varbinds at most; some cells are long texts.
fn bounded(most: usize) -> impl Fn(&[Oid]) -> Option<Answer> {
    move |names: &[Oid]| {
        let mut varbinds = all(names);
        // The second half of the cells are the longer ones.
        varbinds
            .iter_mut()
            .filter(|it| 50 <= last(&it.0))
            .for_each(|it| it.1 = Value::Integer(last(&it.0) << 16));
        let mut list = Vec::new();
        encode_varbinds(&mut list, varbinds.iter().map(|(name, value)| (name, value))).unwrap();
        Some(if list.len() <= most { (OK, 0, varbinds) } else { (ErrorStatus::TOO_BIG, 0, vec![]) })
    }
}

#[test]
fn an_agent_that_counts_octets_is_not_asked_too_much_at_each_poll() {
    for (most, fewest) in [(484, 4), (800, 3), (930, 2), (1000, 2), (1150, 2), (1400, 2)] {
        let mut limits = GetLimits::default();
        let mut requests = Vec::new();
        for _ in 0..60 {
            let mut it = job(100, limits);
            requests.push(drive(&mut it, bounded(most)).len());
            limits = it.limits();
        }
        assert!(requests.ends_with(&[fewest; 10]), "{most}: {requests:?}");
    }
}

#[test]
fn garbage_is_not_taken_for_size() {
    type Garble = fn(&mut Answer);
    let garbles: [(&str, u32, Garble); 5] = [
        ("another name", 5, |it| it.2[3].0 = Oid::new(&[1, 3, 9])),
        ("other names", 5, |it| it.2.iter_mut().for_each(|it| it.0 = Oid::new(&[1, 3, 9]))),
        ("nothing", 5, |it| it.2.clear()),
        ("tooBig", 20, |it| *it = (ErrorStatus::TOO_BIG, 0, vec![])),
        ("genErr", 20, |it| *it = (ErrorStatus::GEN_ERR, 0, vec![])),
    ];
    for (name, every, garble) in garbles {
        let mut limits = GetLimits::default();
        let mut requests = 0;
        for _ in 0..40 {
            let mut it = job(25, limits);
            let sizes = drive(&mut it, |names| {
                requests += 1;
                let mut answer = (OK, 0, all(names));
                if requests % every == 0 {
                    garble(&mut answer);
                }
                Some(answer)
            });
            assert!(whole(&it) && sizes.len() <= 5, "{name}: {sizes:?}");
            limits = it.limits();
        }
        assert_eq!((limits.cells.failed(), limits.cells.whole()), (None, 25), "{name}");
    }
}

#[test]
fn an_agent_that_refuses_everything_is_not_asked_cell_by_cell() {
    for index in [0, 1] {
        let mut it = job(1000, GetLimits::default());
        let sizes = drive(&mut it, |_| Some((ErrorStatus::AUTHORIZATION_ERROR, index, vec![])));
        assert!(sizes.len() <= 3 + GetJob::REFUSED_MAX as usize, "{}", sizes.len());
        assert!(it.cells().iter().all(|it| it == Err(Missing::AgentError)));
    }
}

#[test]
fn what_nobody_asked_for_is_not_measured() {
    let mut it = job(100, GetLimits::default());
    let sizes = drive(&mut it, |names| {
        let mut answer = all(names);
        answer.push((Oid::new(&[1, 3, 9]), Value::OctetString(vec![b'x'; 7000].into())));
        Some((OK, 0, answer))
    });
    assert_eq!(sizes, [83, 17]);
    assert!(it.limits().value_sixteenths <= GetLimits::VALUE_SIXTEENTHS);
}

/// An agent that says nothing to whatever holds one of these cells.
fn silent_at(cells: &'static [i64]) -> impl FnMut(&[Oid]) -> Option<Answer> {
    move |names| {
        let is_silent = names.iter().any(|it| cells.contains(&last(it)));
        (!is_silent).then(|| (OK, 0, all(names)))
    }
}

/// The places of cells that are missing.
fn missing(cells: &Cells) -> Vec<usize> {
    cells.iter().enumerate().filter(|(_, it)| it.is_err()).map(|(at, _)| at).collect()
}

#[test]
fn a_cell_that_silences_the_agent_costs_no_other() {
    for silent in [&[0][..], &[17], &[58], &[3, 41], &[20, 21]] {
        let mut device = Device::new(60);
        device.poll(|names| Some((OK, 0, all(names))));
        // It falls silent from one poll to the next; the device asks for its last cell first from then on.
        let agent = || {
            let silent: Vec<i64> = silent.to_vec();
            silent_at(silent.leak())
        };
        assert!(missing(&device.poll(agent()).1).len() == 60, "nothing was answered: {silent:?}");
        let wanted: Vec<usize> = silent.iter().map(|it| usize::try_from(*it).unwrap()).collect();
        let (sizes, cells) = device.probe(agent());
        assert_eq!(missing(&cells), wanted, "all others are read at once: {sizes:?}");
        assert!(sizes.len() <= 40, "{sizes:?}");
        let (sizes, cells) = device.poll(agent());
        assert_eq!(missing(&cells), wanted, "{sizes:?}");
        assert_eq!(sizes.len(), 1 + 2 * silent.len(), "asked alone, each with its proof: {sizes:?}");
        let seldom: usize = (0..32).map(|_| device.poll(agent()).0.len() - 1).sum();
        assert!(seldom <= 6 * silent.len(), "asked {seldom} times in 32 polls");
        let (_, cells) = device.poll(agent());
        assert_eq!(missing(&cells), wanted);
        // It heals, and is found to have healed.
        (0..Apart::SILENT_EVERY).for_each(|_| _ = device.poll(|names| Some((OK, 0, all(names)))));
        assert!(missing(&device.poll(|names| Some((OK, 0, all(names)))).1).is_empty());
    }
}

#[test]
fn an_agent_that_goes_in_the_midst_of_a_poll_is_not_waited_for_long_and_none_of_its_cells_is_suspected() {
    for answers in [1, 2] {
        let mut device = Device::new(300);
        let mut left = answers;
        let (sizes, cells) = device.poll(|names| {
            left -= 1;
            (0 <= left).then(|| (OK, 0, all(names)))
        });
        assert!(sizes.len() <= 5, "{sizes:?}");
        assert!(!missing(&cells).is_empty());
        let (_, cells) = device.poll(|names| Some((OK, 0, all(names))));
        assert!(missing(&cells).is_empty() && device.apart.is_none());
    }
}
