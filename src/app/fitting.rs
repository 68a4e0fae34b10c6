//! What a silence fits now: for whoever makes it, since a typing error in it would wake somebody.

use crate::alert::Board;
use crate::model::Labels;
use crate::notify::silence::{FACTS, Matcher};
use crate::store::{Published, Store};

const NONE_NOW: &str = "it fits no alert that goes on now: it holds back those that begin";
const NOTHING_KNOWN: &str = "it fits no alert that goes on now, nor any device or object that is known here: \
                             are the names and patterns as they should be?";

/// How many alerts that go on fit all of the matchers; if none does, what to say of that.
pub(super) fn of(matchers: &[Matcher], board: &Board, store: &Store) -> (usize, Option<&'static str>) {
    let fits = |it: &Matcher, alert: &crate::alert::AlertView| it.fits(&alert.facts, alert.severity);
    let fitting = board.list().iter().filter(|alert| matchers.iter().all(|it| fits(it, alert))).count();
    let is_known = || store.snapshot().iter().any(|it| may_fit(matchers, it));
    let note = match fitting {
        0 if is_known() => Some(NONE_NOW),
        0 => Some(NOTHING_KNOWN),
        _ => None,
    };
    (fitting, note)
}

/// Whether an alert of that device, or of an object of that inventory, may fit: by its labels and name. What else
/// an alert is known by is not known before it begins.
fn may_fit(matchers: &[Matcher], published: &Published) -> bool {
    let batch = published.batch();
    let none = Labels::default();
    let of_objects = batch.shape.components.iter().map(|it| &it.labels).filter(|it| !it.is_empty());
    let mut each = std::iter::once(&none).chain(of_objects);
    each.any(|own| {
        matchers.iter().all(|it| {
            let value = own.value(&it.name).or_else(|| batch.source.labels.value(&it.name));
            let text = match (value, &*it.name) {
                (Some(value), _) => value,
                (None, "device") => &*batch.source.device,
                (None, name) if FACTS.contains(&name) => return true,
                (None, _) => "",
            };
            it.pattern.matches(text) != it.negated
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{NONE_NOW, NOTHING_KNOWN, of};
    use crate::alert::Board;
    use crate::model::{Batch, Effort, Labels, Now, Shape, Source};
    use crate::notify::silence::Matcher;
    use crate::store::{Store, StoreSettings};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_silence_that_fits_nothing_is_pointed_out() {
        let store = Store::new(StoreSettings::default());
        let source =
            Source { device: "pdu-a1".into(), labels: Labels::new([("site", "ams1")]), ..Source::default() };
        store.publish(Batch {
            source: Arc::new(source),
            time: Now::default(),
            duration: Duration::ZERO,
            shape: Arc::new(Shape::default()),
            effort: Effort::default(),
            samples: Vec::new(),
            error: None,
        });
        for (matchers, note) in [
            (&["site=ams1"][..], NONE_NOW),
            (&["device=pdu-*", "severity=critical"], NONE_NOW),
            (&["rack!=A1"], NONE_NOW),
            (&["rule=infeed*"], NONE_NOW),
            (&["site=asm1"], NOTHING_KNOWN),
            (&["site=ams1", "rack=A1"], NOTHING_KNOWN),
            (&["device=PDU-A1"], NOTHING_KNOWN),
        ] {
            let read: Vec<Matcher> = matchers.iter().map(|it| Matcher::parse(it).unwrap()).collect();
            assert_eq!(of(&read, &Board::new(), &store), (0, Some(note)), "{matchers:?}");
        }
    }
}
