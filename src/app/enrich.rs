//! What inventories lend to polled devices: the place of a power unit as labels, and its ratings where the
//! agent says none. Pure.
//!
//! What the operator wrote goes first, then the agent's own ratings, then inventories in the order of the
//! config. A unit is matched with a device by the first of its source's keys that fits one unit alone: two
//! units with one serial number fit nobody.
//!
//! Invariant: source and shape stay the same `Arc`s as long as device and what is lent are the same, so that
//! a snapshot which changes nothing rebinds nothing.

use crate::inventory::settings::MatchKey;
use crate::inventory::{Object, Snapshot};
use crate::model::{Batch, Component, ComponentKind, Labels, Ratings, Shape, Source};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What all inventories lend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Enrichment {
    sources: Vec<Arc<Lender>>,
}

/// What one inventory lends.
#[derive(Debug, PartialEq)]
pub(super) struct Lender {
    keys: Vec<MatchKey>,
    units: Vec<Unit>,
    /// By key and the text that is compared; `None`: several units have it.
    index: HashMap<(Key, String), Option<usize>>,
}

/// As [`MatchKey`], hashable.
type Key = u8;

/// One power unit.
#[derive(Debug, PartialEq)]
struct Unit {
    labels: Vec<(&'static str, String)>,
    ratings: Ratings,
}

/// The labels that a device is lent.
const LENT: [&str; 4] = ["site", "building", "room", "rack"];
/// The label of the unit's name in the inventory.
const UNIT: &str = "power_unit";

impl Lender {
    /// What a snapshot lends; `None`: nothing.
    pub(super) fn new(keys: &[MatchKey], snapshot: &Snapshot) -> Option<Self> {
        if keys.is_empty() {
            return None;
        }
        let mut lender = Self { keys: keys.to_vec(), units: Vec::new(), index: HashMap::new() };
        for object in snapshot.objects().iter().filter(|it| it.kind == ComponentKind::PowerUnit) {
            lender.add(object);
        }
        (!lender.units.is_empty()).then_some(lender)
    }

    fn add(&mut self, object: &Object) {
        let at = self.units.len();
        let place = LENT.iter().filter_map(|it| Some((*it, object.label_value(it)?.to_owned())));
        let labels = place.chain([(UNIT, object.name.to_string())]).collect();
        self.units.push(Unit { labels, ratings: object.ratings });
        let names = [Some(&*object.name), object.label_value("device")];
        for (key, texts) in [
            (MatchKey::Serial, vec![object.label_value("serial")]),
            (MatchKey::Address, vec![object.label_value("address")]),
            (MatchKey::Name, names.to_vec()),
        ] {
            for text in texts.into_iter().flatten().filter_map(|it| comparable(key, it)) {
                let unit = self.index.entry((key as Key, text)).or_insert(Some(at));
                if *unit != Some(at) {
                    *unit = None;
                }
            }
        }
    }

    fn unit_of(&self, source: &Source) -> Option<&Unit> {
        self.keys.iter().find_map(|key| {
            let text = match key {
                MatchKey::Serial => &source.identity.serial,
                MatchKey::Address => &source.address,
                MatchKey::Name => &*source.device,
            };
            let found = self.index.get(&(*key as Key, comparable(*key, text)?))?;
            self.units.get((*found)?)
        })
    }
}

/// The text that is compared; `None` for one that tells nothing.
fn comparable(key: MatchKey, text: &str) -> Option<String> {
    let text = text.trim();
    match key {
        MatchKey::Address => {
            let bare = text.parse::<SocketAddr>().map(|it| it.ip()).or_else(|_| text.parse::<IpAddr>());
            bare.ok().map(|it| it.to_canonical().to_string())
        }
        MatchKey::Serial | MatchKey::Name => (!text.is_empty()).then(|| text.to_lowercase()),
    }
}

impl Enrichment {
    /// Of these inventories, in their order.
    pub(super) const fn new(sources: Vec<Arc<Lender>>) -> Self {
        Self { sources }
    }

    fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The device as it is with what it is lent; `None`: as it was.
    fn lend(&self, source: &Source, shape: &Shape) -> Option<(Source, Shape)> {
        let units: Vec<&Unit> = self.sources.iter().filter_map(|it| it.unit_of(source)).collect();
        if units.is_empty() {
            return None;
        }
        let lent = units.iter().rev().flat_map(|it| it.labels.iter().map(|(name, value)| (*name, &**value)));
        let labels = Labels::new(lent.chain(source.labels.iter()));
        let ratings: Vec<Ratings> = units.iter().map(|it| it.ratings).collect();
        let inlets = shape.components.iter().filter(|it| is_inlet(it)).count();
        let components = shape.components.iter().map(|it| Component {
            ratings: ratings.iter().fold(it.ratings, |own, lent| rated(it, own, *lent, inlets)),
            ..it.clone()
        });
        let shape = Shape { components: components.collect(), readings: shape.readings.clone() };
        Some((Source { labels, ..source.clone() }, shape))
    }
}

const fn is_inlet(component: &Component) -> bool {
    matches!(component.kind, ComponentKind::Infeed | ComponentKind::Input)
}

/// A rated current is that of a line of a feed: of infeeds, inputs and phases. A rated power is that of the
/// whole unit: of the device, and of its only inlet if it has one.
fn rated(component: &Component, own: Ratings, lent: Ratings, inlets: usize) -> Ratings {
    let of_lines = is_inlet(component) || component.kind == ComponentKind::Phase;
    let of_whole = component.kind == ComponentKind::Device || (is_inlet(component) && inlets == 1);
    let or = |own: Option<f64>, lent: Option<f64>, fits: bool| own.or(if fits { lent } else { None });
    Ratings {
        current_amperes: or(own.current_amperes, lent.current_amperes, of_lines),
        active_power_watts: or(own.active_power_watts, lent.active_power_watts, of_whole),
        apparent_power_volt_amperes: or(
            own.apparent_power_volt_amperes,
            lent.apparent_power_volt_amperes,
            of_whole,
        ),
    }
}

/// One device with what it is lent, kept from poll to poll.
#[derive(Debug)]
pub(super) struct Lent {
    by: Arc<Enrichment>,
    from: (Arc<Source>, Arc<Shape>),
    /// The last batch with what is lent.
    batch: Batch,
}

impl Lent {
    /// The batch with the source and shape of its device with what it is lent. Costs a few comparisons of
    /// pointers, and where anything is lent at all a copy of the samples, while nothing changes.
    pub(super) fn apply<'a>(
        place: &'a mut Option<Box<Self>>,
        enrichment: &Arc<Enrichment>,
        batch: &'a Batch,
    ) -> &'a Batch {
        if enrichment.is_empty() {
            *place = None;
            return batch;
        }
        let holds = place.as_ref().is_some_and(|it| {
            Arc::ptr_eq(&it.by, enrichment)
                && Arc::ptr_eq(&it.from.0, &batch.source)
                && Arc::ptr_eq(&it.from.1, &batch.shape)
        });
        if !holds {
            let from = (Arc::clone(&batch.source), Arc::clone(&batch.shape));
            let before = place.take().map(|it| (it.batch.source, it.batch.shape));
            let (source, shape) = match enrichment.lend(&from.0, &from.1) {
                Some((source, shape)) => (
                    kept(source, before.as_ref().map(|it| &it.0)),
                    kept(shape, before.as_ref().map(|it| &it.1)),
                ),
                None => (Arc::clone(&from.0), Arc::clone(&from.1)),
            };
            let batch = Batch { source, shape, ..batch.clone() };
            return &place.insert(Box::new(Self { by: Arc::clone(enrichment), from, batch })).batch;
        }
        let Some(lent) = place else { return batch };
        lent.batch.take_samples(batch);
        &lent.batch
    }
}

/// The `Arc` of before, if it holds the same.
fn kept<T: PartialEq>(now: T, before: Option<&Arc<T>>) -> Arc<T> {
    match before {
        Some(before) if **before == now => Arc::clone(before),
        _ => Arc::new(now),
    }
}

#[cfg(test)]
mod tests {
    use super::{Enrichment, Lender, Lent};
    use crate::inventory::object::Object;
    use crate::inventory::settings::MatchKey;
    use crate::inventory::snapshot::{Snapshot, Warnings};
    use crate::model::{
        Batch, Component, ComponentKind, Effort, Identity, Labels, Now, Ratings, Shape, Source,
    };
    use std::sync::Arc;
    use std::time::Duration;

    fn unit(id: &str, name: &str, labels: &[(&'static str, &str)], amperes: Option<f64>) -> Object {
        let object = Object::new(ComponentKind::PowerUnit, id, Some(name.to_owned()));
        let object =
            labels.iter().fold(object, |it, (name, value)| it.label(name, Some((*value).to_owned())));
        Object {
            ratings: Ratings {
                current_amperes: amperes,
                active_power_watts: Some(7000.0),
                ..Ratings::default()
            },
            ..object
        }
    }

    fn enrichment(keys: &[MatchKey], units: Vec<Object>) -> Arc<Enrichment> {
        let snapshot = Snapshot::new(units, None, Warnings::default()).unwrap();
        Arc::new(Enrichment::new(Lender::new(keys, &snapshot).map(Arc::new).into_iter().collect()))
    }

    fn device(serial: &str, labels: &[(&str, &str)]) -> Batch {
        let component = |kind, amperes| Component {
            kind,
            ratings: Ratings { current_amperes: amperes, ..Ratings::default() },
            ..Component::default()
        };
        let components = vec![
            component(ComponentKind::Device, None),
            component(ComponentKind::Infeed, None),
            component(ComponentKind::Phase, Some(20.0)),
            component(ComponentKind::Outlet, None),
        ];
        let source = Source {
            device: "PDU-1".into(),
            labels: Labels::new(labels.iter().copied()),
            address: "10.0.0.20:161".to_owned(),
            identity: Identity { serial: serial.to_owned(), ..Identity::default() },
            ..Source::default()
        };
        Batch {
            source: Arc::new(source),
            time: Now::default(),
            duration: Duration::ZERO,
            shape: Arc::new(Shape { components, readings: [].into() }),
            samples: Vec::new(),
            effort: Effort::default(),
            error: None,
        }
    }

    fn applied(enrichment: &Arc<Enrichment>, batch: &Batch) -> Batch {
        Lent::apply(&mut None, enrichment, batch).clone()
    }

    #[test]
    fn labels_and_ratings_are_lent_where_there_are_none() {
        let lent = enrichment(
            &MatchKey::ALL,
            vec![unit("1", "PDU A1", &[("serial", "x9"), ("rack", "A1"), ("site", "ams")], Some(32.0))],
        );
        let found = applied(&lent, &device("X9", &[("site", "own")]));
        let labels: Vec<_> = found.source.labels.iter().collect();
        assert_eq!(labels, [("power_unit", "PDU A1"), ("rack", "A1"), ("site", "own")], "the config wins");
        let amperes: Vec<_> = found.shape.components.iter().map(|it| it.ratings.current_amperes).collect();
        assert_eq!(amperes, [None, Some(32.0), Some(20.0), None], "the agent wins");
        let watts: Vec<_> = found.shape.components.iter().map(|it| it.ratings.active_power_watts).collect();
        assert_eq!(watts, [Some(7000.0), Some(7000.0), None, None]);
    }

    #[test]
    fn devices_are_matched_by_the_keys_that_are_wanted() {
        let by = |keys: &[MatchKey], units: Vec<Object>| {
            let found = applied(&enrichment(keys, units), &device("X9", &[]));
            found.source.labels.value("power_unit").map(str::to_owned)
        };
        let named = || vec![unit("1", "other", &[("device", "pdu-1")], None)];
        assert_eq!(by(&[MatchKey::Name], named()).as_deref(), Some("other"));
        assert_eq!(by(&[MatchKey::Serial, MatchKey::Address], named()), None);
        let addressed = || vec![unit("1", "a", &[("address", "10.0.0.20")], None)];
        assert_eq!(by(&[MatchKey::Address], addressed()).as_deref(), Some("a"));
        let twice =
            || vec![unit("1", "a", &[("serial", "X9")], None), unit("2", "b", &[("serial", "x9")], None)];
        assert_eq!(by(&[MatchKey::Serial], twice()), None, "two units with one serial number fit nobody");
        let both =
            vec![unit("1", "pdu-1", &[("serial", "Y")], None), unit("2", "b", &[("serial", "X9")], None)];
        assert_eq!(
            by(&[MatchKey::Serial, MatchKey::Name], both).as_deref(),
            Some("b"),
            "the first key counts"
        );
        assert_eq!(by(&[], addressed()), None);
        let empty = vec![unit("1", "a", &[("serial", "")], None)];
        let nameless = applied(&enrichment(&[MatchKey::Serial], empty), &device("", &[]));
        assert!(nameless.source.labels.is_empty(), "no serial number is none");
    }

    #[test]
    fn what_changes_nothing_rebinds_nothing() {
        let units = |rack: &str| vec![unit("1", "a", &[("serial", "X9"), ("rack", rack)], None)];
        let (first, same, other) = (
            enrichment(&MatchKey::ALL, units("A1")),
            enrichment(&MatchKey::ALL, units("A1")),
            enrichment(&MatchKey::ALL, units("B2")),
        );
        let polled = device("X9", &[]);
        let mut place = None;
        let mut poll = |by: &Arc<Enrichment>| Lent::apply(&mut place, by, &polled).clone();
        let before = poll(&first);
        for by in [&first, &same] {
            let after = poll(by);
            assert!(Arc::ptr_eq(&before.source, &after.source) && Arc::ptr_eq(&before.shape, &after.shape));
        }
        let moved = poll(&other);
        assert!(!Arc::ptr_eq(&before.source, &moved.source) && Arc::ptr_eq(&before.shape, &moved.shape));
        let without = poll(&Arc::new(Enrichment::default()));
        assert!(Arc::ptr_eq(&without.source, &polled.source), "taken back when the inventory leaves");
    }
}
