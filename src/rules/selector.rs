//! Which objects a rule is for: all, chosen ones by pattern, or those with certain labels.

use crate::model::{Component, ComponentKind, Source};

/// A text with `*` for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Box<str>);

impl Glob {
    /// The pattern of that text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether the whole of `text` fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return *self.0 == *text };
        let Some(mut left) = text.strip_prefix(head) else { return false };
        let mut pieces = rest.split('*').peekable();
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return left.ends_with(piece);
            }
            // The leftmost fit leaves the most for the pieces that follow.
            let Some((_, after)) = left.split_once(piece) else { return false };
            left = after;
        }
        true
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether it fits one text alone.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }
}

/// One chosen object: `device`, `device/infeed` or `device/infeed/1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPattern {
    /// The device's name.
    pub device: Glob,
    /// The component's kind; `None`: any.
    pub kind: Option<Glob>,
    /// The component's index or label (of a subnet its network too); `None`: any.
    pub index: Option<Glob>,
}

impl ObjectPattern {
    /// The pattern of that text; what follows the second slash is index or label.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut parts = text.splitn(3, '/');
        Self {
            device: Glob::new(parts.next().unwrap_or_default()),
            kind: parts.next().map(Glob::new),
            index: parts.next().map(Glob::new),
        }
    }

    /// Whether it fits that component of a device that it fits.
    #[must_use]
    pub fn fits_component(&self, component: &Component) -> bool {
        let network = component.labels.value("network").filter(|_| component.kind == ComponentKind::Subnet);
        self.fits_kind(component.kind)
            && self.index.as_ref().is_none_or(|it| {
                it.matches(&component.index)
                    || it.matches(&component.label)
                    || network.is_some_and(|network| it.matches(network))
            })
    }

    /// Whether components of that kind can fit.
    #[must_use]
    pub fn fits_kind(&self, kind: ComponentKind) -> bool {
        self.kind.as_ref().is_none_or(|it| it.matches(kind.name()))
    }
}

impl std::fmt::Display for ObjectPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.device.text())?;
        for part in [&self.kind, &self.index].into_iter().flatten() {
            write!(f, "/{}", part.text())?;
        }
        Ok(())
    }
}

/// The objects of a rule, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All that the trigger fits.
    All,
    /// Chosen ones.
    Objects(Box<[ObjectPattern]>),
    /// Those of devices with all these labels.
    Match(Box<[(Box<str>, Glob)]>),
}

impl Selection {
    /// Whether it can hold anything of that device or inventory.
    #[must_use]
    pub fn fits_source(&self, source: &Source) -> bool {
        match self {
            Self::All => true,
            Self::Objects(patterns) => patterns.iter().any(|it| it.device.matches(&source.device)),
            // Objects of an inventory have labels of their own.
            Self::Match(_) if source.kind.is_inventory() => true,
            Self::Match(wanted) => {
                wanted.iter().all(|(name, pattern)| fits_label(pattern, source.labels.value(name)))
            }
        }
    }

    /// Whether it holds that component of a device or inventory that it fits.
    #[must_use]
    pub fn fits_component(&self, source: &Source, component: &Component) -> bool {
        match self {
            Self::All => true,
            Self::Match(_) if component.labels.is_empty() && !source.kind.is_inventory() => true,
            Self::Match(wanted) => wanted.iter().all(|(name, pattern)| {
                let value = component.labels.value(name).or_else(|| source.labels.value(name));
                fits_label(pattern, value)
            }),
            Self::Objects(patterns) => {
                patterns.iter().any(|it| it.device.matches(&source.device) && it.fits_component(component))
            }
        }
    }

    /// Whether it says itself which of the objects with that label it means.
    #[must_use]
    pub fn decides(&self, label: &str) -> bool {
        match self {
            Self::All => false,
            Self::Objects(patterns) => patterns.iter().all(|it| it.index.is_some()),
            Self::Match(wanted) => wanted.iter().any(|(name, _)| **name == *label),
        }
    }
}

fn fits_label(pattern: &Glob, value: Option<&str>) -> bool {
    value.is_some_and(|it| pattern.matches(it))
}

#[cfg(test)]
mod tests {
    use super::{Glob, ObjectPattern, Selection};
    use crate::model::{Component, ComponentKind, Labels, Source, SourceKind};

    #[track_caller]
    fn check(pattern: &str, text: &str, fits: bool) {
        assert_eq!(Glob::new(pattern).matches(text), fits, "{pattern} on {text}");
    }

    #[test]
    fn globs() {
        check("pdu-1", "pdu-1", true);
        check("pdu-1", "pdu-11", false);
        check("pdu-*", "pdu-11", true);
        check("pdu-*", "pdu-", true);
        check("*-a", "pdu-1-a", true);
        check("*-a", "pdu-1-b", false);
        check("a*b*c", "a1b2b3c", true);
        check("a*b*c", "acb", false);
        check("a*bc*bc", "abcbc", true);
        check("a*bc*bc", "abc", false);
        check("*", "", true);
        check("**", "x", true);
        check("", "", true);
        check("", "x", false);
        check("ä*ß", "ä-ß", true);
        check("a*a", "a", false);
    }

    #[test]
    fn chosen_objects() {
        let component = |kind, index: &str, label: &str| Component {
            kind,
            index: index.into(),
            label: label.into(),
            ..Component::default()
        };
        let source = Source { device: "pdu-1".into(), ..Source::default() };
        let infeed = component(ComponentKind::Infeed, "1", "Feed A");
        let bank = component(ComponentKind::Bank, "1", "Bank 1");
        for (pattern, on_infeed, on_bank) in [
            ("pdu-1", true, true),
            ("pdu-2", false, false),
            ("pdu-1/infeed", true, false),
            ("pdu-1/*/1", true, true),
            ("pdu-*/infeed/Feed *", true, false),
            ("pdu-1/bank/2", false, false),
        ] {
            let selection = Selection::Objects([ObjectPattern::new(pattern)].into());
            assert_eq!(selection.fits_component(&source, &infeed), on_infeed, "{pattern}");
            assert_eq!(selection.fits_component(&source, &bank), on_bank, "{pattern}");
            assert_eq!(ObjectPattern::new(pattern).to_string(), pattern);
        }
    }

    #[test]
    fn labels() {
        let labels = Labels::new([("site", "ams-1"), ("feed", "A")]);
        for (name, pattern, fits) in
            [("site", "ams-*", true), ("site", "fra-*", false), ("rack", "*", false), ("feed", "A", true)]
        {
            let selection = Selection::Match([(name.into(), Glob::new(pattern))].into());
            let source = Source { labels: labels.clone(), ..Source::default() };
            assert_eq!(selection.fits_source(&source), fits, "{name}={pattern}");
        }
    }

    #[test]
    fn objects_of_inventories() {
        let kind = SourceKind::Inventory { gone_after_snapshots: 3 };
        let source =
            Source { kind, device: "nb".into(), labels: Labels::new([("site", "ams")]), ..Source::default() };
        let subnet = Component {
            kind: ComponentKind::Subnet,
            index: "17".into(),
            label: "servers".into(),
            labels: Labels::new([("network", "10.0.0.0/24"), ("vrf", "prod")]),
            ..Component::default()
        };
        for (pattern, fits) in [
            ("nb/subnet/17", true),
            ("nb/subnet/servers", true),
            ("nb/subnet/10.0.0.0/24", true),
            ("nb/subnet/10.0.*", true),
            ("*/subnet", true),
            ("nb/subnet/10.0.0.0/16", false),
            ("nb/software/17", false),
        ] {
            let selection = Selection::Objects([ObjectPattern::new(pattern)].into());
            assert!(selection.fits_source(&source));
            assert_eq!(selection.fits_component(&source, &subnet), fits, "{pattern}");
        }
        for (pairs, fits) in [
            (&[("vrf", "prod")][..], true),
            (&[("vrf", "prod"), ("site", "ams")], true),
            (&[("vrf", "test")], false),
            (&[("vrf", "prod"), ("site", "fra")], false),
            (&[("tenant", "*")], false),
        ] {
            let wanted = pairs.iter().map(|(name, value)| ((*name).into(), Glob::new(value)));
            let selection = Selection::Match(wanted.collect());
            assert_eq!(selection.fits_component(&source, &subnet), fits, "{pairs:?}");
        }
    }
}
