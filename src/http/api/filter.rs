//! Query parameters: which of all that there is. A parameter that is unknown, or a value that nothing can
//! have, is an error: a typo must not look like an empty room.

use super::super::Limits;
use super::super::error::ApiError;
use super::Pairs;
use crate::alert::Phase;
use crate::model::{ComponentKind, Labels, Quantity};

/// What is wanted. Within one parameter any value will do; `match` must hold each time it is given.
#[derive(Debug, Default, PartialEq)]
pub(in crate::http) struct Filter {
    devices: Vec<String>,
    components: Vec<ComponentKind>,
    quantities: Vec<Quantity>,
    phases: Vec<Phase>,
    matches: Vec<Match>,
    /// At most so many.
    pub(super) limit: Option<usize>,
    /// Only devices whose name sorts after this one.
    pub(super) after: Option<String>,
}

/// `NAME=VALUE`, `NAME!=VALUE` on a device's labels. A label that is not there is empty.
#[derive(Debug, PartialEq)]
struct Match {
    name: String,
    value: String,
    equal: bool,
}

impl Filter {
    /// Leaves nothing out.
    pub(in crate::http) const EVERYTHING: Self = Self {
        devices: Vec::new(),
        components: Vec::new(),
        quantities: Vec::new(),
        phases: Vec::new(),
        matches: Vec::new(),
        limit: None,
        after: None,
    };

    /// Reads the parameters of an endpoint that takes those `known`.
    pub(in crate::http) fn read(pairs: Pairs, known: &[&str]) -> Result<Self, ApiError> {
        let Ok(pairs) = pairs else {
            return Err(ApiError::parameter("query", "cannot be read", "write name=value&name=value"));
        };
        Self::parse(&pairs, known)
    }

    fn parse(pairs: &[(String, String)], known: &[&str]) -> Result<Self, ApiError> {
        let mut filter = Self::default();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let help = format!("known here: {}", known.join(", "));
                return Err(ApiError::parameter(name, "is no parameter of this path", help));
            }
            filter.take(name, value)?;
        }
        Ok(filter)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        match name {
            "device" | "source" => self.devices.push(value.to_owned()),
            "kind" => {
                let kinds = &ComponentKind::OF_INVENTORIES;
                self.components.push(one_of(name, value, kinds, ComponentKind::name)?);
            }
            "component" => {
                self.components.push(one_of(name, value, &ComponentKind::OF_DEVICES, ComponentKind::name)?);
            }
            "quantity" => self.quantities.push(one_of(name, value, &Quantity::OF_DEVICES, Quantity::name)?),
            "phase" => self.phases.push(one_of(name, value, &PHASES, phase_name)?),
            "match" => self.matches.push(Match::parse(value)?),
            "limit" => self.limit = Some(parse_limit(value)?),
            _ => self.after = Some(value.to_owned()),
        }
        Ok(())
    }

    /// Whether a device is wanted.
    pub(in crate::http) fn wants_device(&self, device: &str, labels: &Labels) -> bool {
        let named = self.devices.is_empty() || self.devices.iter().any(|it| it == device);
        let after = self.after.as_deref().is_none_or(|it| it < device);
        named && after && self.matches.iter().all(|it| it.holds(labels))
    }

    /// One of the devices that are named.
    pub(in crate::http) fn first_device(&self) -> Option<&str> {
        self.devices.first().map(String::as_str)
    }

    /// Whether objects of a source may be wanted.
    pub(super) fn wants_source(&self, source: &str) -> bool {
        self.devices.is_empty() || self.devices.iter().any(|it| it == source)
    }

    /// Whether an object of a wanted source is wanted; labels are its own and its source's.
    pub(super) fn wants_object(&self, kind: ComponentKind, labels: &Labels) -> bool {
        let kind = self.components.is_empty() || self.components.contains(&kind);
        kind && self.matches.iter().all(|it| it.holds(labels))
    }

    /// Whether a reading of a wanted device is wanted.
    pub(super) fn wants_reading(&self, component: ComponentKind, quantity: Quantity) -> bool {
        let component = self.components.is_empty() || self.components.contains(&component);
        component && (self.quantities.is_empty() || self.quantities.contains(&quantity))
    }

    /// Whether an alert of a wanted device is wanted.
    pub(super) fn wants_phase(&self, phase: Phase) -> bool {
        self.phases.is_empty() || self.phases.contains(&phase)
    }
}

impl Match {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let Some((name, value)) = text.split_once('=') else {
            let help = "write match=NAME=VALUE or match=NAME!=VALUE";
            return Err(ApiError::parameter("match", format!("`{text}` holds no `=`"), help));
        };
        let (name, equal) = name.strip_suffix('!').map_or((name, true), |it| (it, false));
        Ok(Self { name: name.to_owned(), value: value.to_owned(), equal })
    }

    fn holds(&self, labels: &Labels) -> bool {
        (labels.value(&self.name).unwrap_or_default() == self.value) == self.equal
    }
}

const PHASES: [Phase; 2] = [Phase::Firing, Phase::Pending];

/// A phase's name in JSON.
pub(in crate::http) const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "pending",
        Phase::Firing => "firing",
    }
}

fn one_of<T: Copy>(
    parameter: &str,
    value: &str,
    all: &[T],
    name_of: fn(T) -> &'static str,
) -> Result<T, ApiError> {
    all.iter().copied().find(|it| name_of(*it) == value).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|it| name_of(*it)).collect();
        ApiError::parameter(
            parameter,
            format!("`{value}` is none of its values"),
            format!("write one of {}", names.join(", ")),
        )
    })
}

fn parse_limit(value: &str) -> Result<usize, ApiError> {
    match value.parse() {
        Ok(limit) if 0 < limit && limit <= Limits::READINGS_PAGE_MAX => Ok(limit),
        Ok(_) | Err(_) => {
            let help = format!("write a number from 1 to {}", Limits::READINGS_PAGE_MAX);
            Err(ApiError::parameter("limit", format!("`{value}` is out of bounds"), help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use crate::model::{ComponentKind, Labels, Quantity};

    fn parse(pairs: &[(&str, &str)]) -> Result<Filter, String> {
        let known = ["device", "component", "quantity", "match", "limit", "after", "phase"];
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Filter::parse(&pairs, &known).map_err(|it| it.to_string())
    }

    #[test]
    fn values_of_one_parameter_are_alternatives() {
        let filter =
            parse(&[("component", "phase"), ("component", "bank"), ("quantity", "current")]).unwrap();
        assert!(filter.wants_reading(ComponentKind::Bank, Quantity::Current));
        assert!(!filter.wants_reading(ComponentKind::Bank, Quantity::Voltage));
        assert!(!filter.wants_reading(ComponentKind::Outlet, Quantity::Current));
    }

    #[test]
    fn matches_all_hold() {
        let labels = Labels::new([("site", "ams1"), ("note", "a=b")]);
        for (matches, expected) in [
            (&["site=ams1"][..], true),
            (&["site=ams1", "note=a=b"], true),
            (&["site=ams1", "note=a"], false),
            (&["site!=ams1"], false),
            (&["rack!=r1"], true),
            (&["rack="], true),
        ] {
            let pairs: Vec<_> = matches.iter().map(|it| ("match", *it)).collect();
            assert_eq!(parse(&pairs).unwrap().wants_device("pdu", &labels), expected, "{matches:?}");
        }
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (pair, expected) in [
            (("colour", "red"), "colour: is no parameter of this path; known here: device, "),
            (("quantity", "amps"), "quantity: `amps` is none of its values; write one of current, voltage, "),
            (("match", "site"), "match: `site` holds no `=`; write match=NAME=VALUE"),
            (("limit", "0"), "limit: `0` is out of bounds; write a number from 1 to 10000"),
            (("limit", "-1"), "limit: `-1` is out of bounds"),
        ] {
            let message = parse(&[pair]).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
