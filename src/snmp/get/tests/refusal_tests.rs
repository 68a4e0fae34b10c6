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
    // One cell is at fault: it is asked apart the next time, and the others as before.
    for index in [0, 1] {
        let mut limits = GetLimits::default();
        let mut apart = Box::default();
        let mut sizes = Vec::new();
        for _ in 0..3 {
            let names = job(16, limits).names;
            let mut it = GetJob::new_apart(names, limits, &apart);
            sizes = drive(&mut it, |names| {
                let bad = names.iter().position(|it| last(it) == 11);
                let named = bad.map_or(0, |at| index * u32::try_from(at + 1).unwrap());
                Some(match bad {
                    Some(_) => (ErrorStatus::GEN_ERR, named, vec![]),
                    None => (OK, 0, all(names)),
                })
            });
            assert_eq!(it.cells().iter().filter(|it| it.is_ok()).count(), 15, "{index}");
            (limits, apart) = (it.limits(), it.at_fault());
        }
        assert_eq!((&*sizes, &*apart), (&[11, 4, 1][..], &[11][..]), "{index}");
        assert_eq!(limits.cells.failed(), None, "a cell's error says nothing of the size");
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
