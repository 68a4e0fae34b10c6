//! One object of an inventory with its figures, and what is worked out from them.
//!
//! Invariants: a figure that the source does not give is missing with its reason, never zero; a
//! percentage of something missing is missing for the same reason.

use super::date::Expiry;
use super::loose::cut;
use crate::model::{
    Component, ComponentKind, Labels, Missing, Quantity, Ratings, Sample, UnixMillis, clean_text,
};
use std::sync::Arc;

/// One object: a component with its readings.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What it is, and what tells it from others of its kind.
    pub kind: ComponentKind,
    /// The source's id.
    pub id: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
    /// What else is known of it.
    pub labels: Vec<(&'static str, String)>,
    /// What it is rated for.
    pub ratings: Ratings,
    /// Its figures.
    pub figures: Vec<Figure>,
}

/// One figure of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// What it counts.
    pub quantity: Quantity,
    /// Tells it from others of its quantity; mostly empty.
    pub name: &'static str,
    /// The number, or why there is none.
    pub sample: Sample,
}

impl Object {
    /// An object without figures. Without a name it is called by its kind and id.
    #[must_use]
    pub fn new(kind: ComponentKind, id: impl Into<Arc<str>>, name: Option<String>) -> Self {
        let id = id.into();
        let name = name.unwrap_or_else(|| format!("{} {id}", kind.name().replace('_', " ")));
        let (labels, figures) = (Vec::new(), Vec::new());
        Self { kind, id, name: name.into(), labels, ratings: Ratings::default(), figures }
    }

    /// With a label, if it is known.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: Option<String>) -> Self {
        let clean = value.map(|it| cut(&clean_text(&it)).to_owned()).filter(|it| !it.is_empty());
        self.labels.extend(clean.map(|it| (name, it)));
        self
    }

    /// How many installations there are.
    #[must_use]
    pub fn installations(self, count: Sample) -> Self {
        self.figure(Quantity::Installations, "", count)
    }

    /// How many licences are owned and used, and the percentage. `name` tells several such from each
    /// other.
    #[must_use]
    pub fn licenses(self, name: &'static str, owned: Sample, used: Sample) -> Self {
        self.figure(Quantity::Licenses, name, owned).figure(Quantity::LicensesUsed, name, used).figure(
            Quantity::LicenseUse,
            name,
            license_use(owned, used),
        )
    }

    /// How many usable addresses there are, and how many of them are used.
    #[must_use]
    pub fn addresses(self, total: Sample, used: Sample) -> Self {
        let free = both(total, used, |total, used| Sample::Value((total - used).max(0.0)));
        let percent = both(total, used, |total, used| percentage(used, total));
        self.figure(Quantity::Addresses, "", total)
            .figure(Quantity::AddressesUsed, "", used)
            .figure(Quantity::AddressesFree, "", free)
            .figure(Quantity::AddressUse, "", percent)
    }

    /// How many parts there are, and how many of them are in stock.
    #[must_use]
    pub fn parts(self, total: Sample, available: Sample) -> Self {
        let percent = both(total, available, |total, available| percentage(available, total));
        self.figure(Quantity::Parts, "", total).figure(Quantity::PartsAvailable, "", available).figure(
            Quantity::PartAvailability,
            "",
            percent,
        )
    }

    /// When it expires: days left at `now`, and the date as a label.
    #[must_use]
    pub fn expires(self, expiry: Result<Expiry, Missing>, now: UnixMillis) -> Self {
        match expiry {
            Ok(expiry) => self.label("expires", Some(expiry.date())).figure(
                Quantity::DaysLeft,
                "",
                Sample::Value(expiry.days_left(now)),
            ),
            Err(missing) => self.figure(Quantity::DaysLeft, "", Sample::Missing(missing)),
        }
    }

    /// What a label says.
    #[must_use]
    pub fn label_value(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(it, _)| *it == name).map(|(_, value)| &**value)
    }

    /// As a component.
    #[must_use]
    pub fn component(&self) -> Component {
        Component {
            kind: self.kind,
            index: self.id.clone(),
            label: self.name.clone(),
            ratings: self.ratings,
            labels: Labels::new(self.labels.iter().map(|(name, value)| (*name, value.as_str()))),
        }
    }

    fn figure(mut self, quantity: Quantity, name: &'static str, sample: Sample) -> Self {
        self.figures.push(Figure { quantity, name, sample });
        self
    }
}

/// What two figures come to, or why not.
pub(super) fn both(left: Sample, right: Sample, of: impl FnOnce(f64, f64) -> Sample) -> Sample {
    match (left, right) {
        (Sample::Missing(missing), _) | (_, Sample::Missing(missing)) => Sample::Missing(missing),
        (Sample::Value(left) | Sample::Suspect(left), Sample::Value(right) | Sample::Suspect(right)) => {
            of(left, right)
        }
    }
}

/// A part in percent of the whole, at most 100; of nothing it is not defined.
fn percentage(part: f64, whole: f64) -> Sample {
    if whole <= 0.0 {
        Sample::Missing(Missing::NotDefined)
    } else {
        Sample::Value((100.0 * part / whole).clamp(0.0, 100.0))
    }
}

/// Licences in use in percent of those owned. Over-use is over 100; some in use and none owned is
/// [`Quantity::LICENSE_USE_MAX`]; none of either is not defined.
fn license_use(owned: Sample, used: Sample) -> Sample {
    both(owned, used, |owned, used| {
        if 0.0 < owned {
            Sample::Value((100.0 * used / owned).min(Quantity::LICENSE_USE_MAX))
        } else if 0.0 < used {
            Sample::Value(Quantity::LICENSE_USE_MAX)
        } else {
            Sample::Missing(Missing::NotDefined)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Object, license_use};
    use crate::model::{ComponentKind, Missing, Quantity, Sample};

    const NOT_GIVEN: Sample = Sample::Missing(Missing::NotGiven);
    const NOT_DEFINED: Sample = Sample::Missing(Missing::NotDefined);

    #[test]
    fn license_use_never_divides_by_zero() {
        let value = Sample::Value;
        for (owned, used, percent) in [
            (value(10.0), value(4.0), value(40.0)),
            (value(10.0), value(25.0), value(250.0)),
            (value(10.0), value(0.0), value(0.0)),
            (value(0.0), value(3.0), value(99_999.0)),
            (value(1.0), value(1e9), value(99_999.0)),
            (value(0.0), value(0.0), NOT_DEFINED),
            (NOT_GIVEN, value(3.0), NOT_GIVEN),
            (value(3.0), NOT_GIVEN, NOT_GIVEN),
        ] {
            assert_eq!(license_use(owned, used), percent, "{owned:?} {used:?}");
        }
    }

    #[test]
    fn percentages_of_nothing_are_not_defined() {
        let new = || Object::new(ComponentKind::PartModel, "1", None);
        let of = |object: &Object, quantity| {
            object.figures.iter().find(|it| it.quantity == quantity).map(|it| it.sample).unwrap()
        };
        let none = new().parts(Sample::Value(0.0), Sample::Value(0.0));
        assert_eq!(of(&none, Quantity::PartAvailability), NOT_DEFINED);
        assert_eq!(of(&none, Quantity::PartsAvailable), Sample::Value(0.0));
        let unknown = new().addresses(Sample::Value(254.0), NOT_GIVEN);
        assert_eq!(of(&unknown, Quantity::AddressesFree), NOT_GIVEN);
        assert_eq!(of(&unknown, Quantity::AddressUse), NOT_GIVEN);
        let over = new().addresses(Sample::Value(254.0), Sample::Value(256.0));
        assert_eq!(of(&over, Quantity::AddressesFree), Sample::Value(0.0));
        assert_eq!(of(&over, Quantity::AddressUse), Sample::Value(100.0));
        assert_eq!(&*new().name, "part model 1");
    }
}
