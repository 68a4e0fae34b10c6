//! Rules made ready: bound to a device's readings they become a [`Program`].
//!
//! Sketch: binding a device costs (rules that may be for it) x (its components) and some 20 ns a
//! comparison; it happens when the device is learnt and when the config changes. Rules for chosen
//! devices are found by the device's name, so that ten thousand rules for one device each cost each
//! device only its own.

use super::eval::CompiledRule;
use super::kind::Measure;
use super::program::{Draft, Program, Programs, UnboundObject};
use super::rule::Rule;
use super::select::{Found, Parts, UnboundReason, select};
use super::selector::Selection;
use crate::model::{ComponentKind, Ratings, Shape, Source};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// All rules of a config, compiled. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Ruleset(Arc<Compiled>);

#[derive(Debug, Clone, Default)]
struct Compiled {
    rules: Vec<CompiledRule>,
    by_name: HashMap<Arc<str>, u32>,
    disabled: BTreeMap<Arc<str>, Rule>,
    device_ratings: BTreeMap<Arc<str>, Vec<(ComponentKind, Ratings)>>,
    index: Index,
    programs: Arc<Programs>,
}

/// The rules by the devices that they may be for.
#[derive(Debug, Clone, Default)]
struct Index {
    /// Those that name their devices, by device.
    named: HashMap<Box<str>, Vec<u32>>,
    /// The others.
    general: Vec<u32>,
}

/// Whether a ruleset still has a rule of a name.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// It has, at that place.
    Rule(u32, &'a CompiledRule),
    /// It has, but switched off.
    Disabled,
    /// It has not.
    Removed,
}

impl Ruleset {
    /// Compiles checked rules. Of rules with the same name the first one counts ([`super::check_all`]
    /// refuses them).
    #[must_use]
    pub fn compile(rules: Vec<Rule>) -> Self {
        let mut names = BTreeSet::new();
        let mut compiled = Compiled::default();
        for rule in rules {
            if !names.insert(Arc::clone(&rule.name)) {
                continue;
            }
            if rule.enabled {
                let at = super::program::to_u32(compiled.rules.len());
                compiled.index.add(at, &rule.selection);
                compiled.by_name.insert(Arc::clone(&rule.name), at);
                compiled.rules.push(CompiledRule::new(rule));
            } else {
                compiled.disabled.insert(Arc::clone(&rule.name), rule);
            }
        }
        Self(Arc::new(compiled))
    }

    /// The same with ratings of a device's components by kind, in place of what the agent says.
    #[must_use]
    pub fn with_device_ratings(
        self,
        ratings: impl IntoIterator<Item = (Arc<str>, Vec<(ComponentKind, Ratings)>)>,
    ) -> Self {
        let mut compiled = Arc::unwrap_or_clone(self.0);
        compiled.device_ratings.extend(ratings);
        Self(Arc::new(compiled))
    }

    /// The rules that are evaluated.
    #[must_use]
    pub fn rules(&self) -> &[CompiledRule] {
        &self.0.rules
    }

    /// The rules that are switched off, by name.
    pub fn disabled(&self) -> impl Iterator<Item = &Rule> {
        self.0.disabled.values()
    }

    /// The rule at a place that a check names.
    #[must_use]
    pub fn rule(&self, at: u32) -> Option<&CompiledRule> {
        self.0.rules.get(at as usize)
    }

    /// The rule of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Lookup<'_> {
        let found = self.0.by_name.get(name).and_then(|at| Some((*at, self.rule(*at)?)));
        match found {
            Some((at, rule)) => Lookup::Rule(at, rule),
            None if self.0.disabled.contains_key(name) => Lookup::Disabled,
            None => Lookup::Removed,
        }
    }

    /// The comparisons that this device needs: the same `Arc` for devices that need the same.
    #[must_use]
    pub fn bind(&self, source: &Source, shape: &Shape) -> Arc<Program> {
        let mut draft = Draft::default();
        let parts = Parts::of(shape);
        let ratings = self.0.device_ratings.get(&source.device).map_or(&[][..], |it| it);
        for at in self.0.index.candidates(&source.device) {
            let Some(compiled) = self.rule(at) else { continue };
            let rule = &compiled.rule;
            if !rule.is_for(source) {
                continue;
            }
            if let Measure::Reachability { .. } = rule.trigger.measure {
                draft.reachability(at);
            }
            let group = rule.group.as_ref().map(|it| it.of_source(source).err());
            select(rule, source, &parts, ratings, |found| match found {
                Found::Reading { slot, rated } => match &group {
                    None => draft.reading(compiled, at, slot, rated),
                    Some(None) => draft.member(at, slot, rated),
                    Some(Some(label)) => draft.without_label(label),
                },
                Found::Unbound { component, reason } => {
                    draft.unbound(UnboundObject::Component(component), reason);
                }
            });
            if parts.is_learnt() {
                absent(rule, source, &parts, &mut draft);
            }
            draft.end_rule(at);
        }
        self.0.programs.share(draft.finish(self, shape))
    }
}

/// The chosen objects that the device does not have.
fn absent(rule: &Rule, source: &Source, parts: &Parts<'_>, draft: &mut Draft) {
    let (Selection::Objects(patterns), false) = (&rule.selection, rule.trigger.allowed.is_empty()) else {
        return;
    };
    let exact = patterns
        .iter()
        .filter(|it| it.device.is_exact() && it.kind.is_some() && it.device.matches(&source.device));
    for pattern in exact {
        if !parts.components().any(|it| pattern.fits_component(it)) {
            draft.unbound(UnboundObject::Pattern(pattern.to_string().into()), UnboundReason::NoSuchComponent);
        }
    }
}

impl Index {
    fn add(&mut self, rule: u32, selection: &Selection) {
        let named = match selection {
            Selection::Objects(patterns) if patterns.iter().all(|it| it.device.is_exact()) => patterns,
            Selection::All | Selection::Objects(_) | Selection::Match(_) => {
                self.general.push(rule);
                return;
            }
        };
        let devices: BTreeSet<&str> = named.iter().map(|it| it.device.text()).collect();
        for device in devices {
            self.named.entry(device.into()).or_default().push(rule);
        }
    }

    /// The rules that may be for the device, in their order.
    fn candidates(&self, device: &str) -> impl Iterator<Item = u32> {
        let named = self.named.get(device).map_or(&[][..], |it| it);
        let (mut left, mut right) = (self.general.iter().peekable(), named.iter().peekable());
        std::iter::from_fn(move || match (left.peek(), right.peek()) {
            (Some(general), Some(named)) if named < general => right.next().copied(),
            (None, _) => right.next().copied(),
            (Some(_), _) => left.next().copied(),
        })
    }
}
