//! What a row says of its component: label and ratings.

use super::definition::{Block, Rating};
use super::learned::Learned;
use super::lookup::Row;
use crate::model::{ComponentKind, Ratings};

/// How good a component's label is; a better one of a later block replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LabelRank {
    Default,
    Constant,
    FromAgent,
}

/// A label better than what the component has.
pub(super) fn label(
    block: &Block,
    learned: &Learned,
    row: Row<'_>,
    rank: LabelRank,
) -> Option<(String, LabelRank)> {
    for template in &block.labels {
        let own =
            if template.objects().next().is_some() { LabelRank::FromAgent } else { LabelRank::Constant };
        if own <= rank {
            continue;
        }
        if let Some(text) = template.fill(learned, row) {
            return Some((text, own));
        }
    }
    None
}

/// `Phase 1`; the one of its kind is just `Device`.
pub(super) fn default_label(kind: ComponentKind, index: &str) -> String {
    let mut letters = kind.name().chars();
    let head: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let name = format!("{head}{}", letters.as_str());
    if index == "0" { name } else { format!("{name} {index}") }
}

/// Fills in the ratings that are still unknown.
pub(super) fn rate(ratings: &mut Ratings, block: &Block, learned: &Learned, row: Row<'_>) {
    for (known, specs) in [
        (&mut ratings.current_amperes, &block.rated_current),
        (&mut ratings.active_power_watts, &block.rated_power),
        (&mut ratings.apparent_power_volt_amperes, &block.rated_apparent_power),
    ] {
        if known.is_none() {
            *known = specs.iter().find_map(|it| rating(it, learned, row));
        }
    }
}

fn rating(rating: &Rating, learned: &Learned, row: Row<'_>) -> Option<f64> {
    let number = match rating {
        Rating::Constant(number) => *number,
        Rating::Cell(cell) => {
            let (lookup, scaling) = &**cell;
            let (_, value) = lookup.find(learned, row)?;
            let wire = scaling.wire(value).ok()?;
            scaling.learned(learned, row)?.apply(wire)
        }
    };
    (number.is_finite() && 0.0 < number).then_some(number)
}
