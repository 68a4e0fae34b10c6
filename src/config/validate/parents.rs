//! `parent` of `[[devices]]`: that it is there, leads to no circle, and that somebody is told when it
//! is silent, as its children then are.

use super::Context;
use super::place::Element;
use crate::config::raw::RawConfig;
use crate::config::suggest::instead;
use crate::model::Source;
use crate::poller::settings::DeviceSettings;
use crate::rules::{Measure, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Each child with its parent.
pub(super) fn parents(
    context: &mut Context<'_, '_>,
    raw: &RawConfig,
    devices: &[DeviceSettings],
    rules: &[Rule],
) -> BTreeMap<Arc<str>, Arc<str>> {
    let names: BTreeSet<&str> = raw.devices.iter().filter_map(|it| it.name.as_deref()).collect();
    let written: BTreeMap<&str, &str> =
        raw.devices.iter().filter_map(|it| Some((it.name.as_deref()?, it.parent.as_deref()?))).collect();
    let mut unwatched: BTreeSet<&str> = BTreeSet::new();
    for device in &raw.devices {
        let (Some(name), Some(parent)) = (device.name.as_deref(), device.parent.as_deref()) else { continue };
        let Some(element) = Element::new(&context.layers, device, "devices", device.place) else { continue };
        if !names.contains(parent) {
            if !context.report.any_broken() {
                let help = instead(parent, names.iter().copied());
                let message = format!("there is no device \"{parent}\"");
                context.report.mistake(element.key("parent"), message).help(help);
            }
        } else if let Some(circle) = circle(name, &written) {
            context.report.mistake(element.key("parent"), circle).help("drop one of these parents");
        } else if !is_watched(parent, &written, devices, rules) && unwatched.insert(parent) {
            warn_unwatched(context, &element, parent);
        }
    }
    written.into_iter().map(|(child, parent)| (child.into(), parent.into())).collect()
}

fn warn_unwatched(context: &mut Context<'_, '_>, element: &Element<'_, '_>, parent: &str) {
    if context.report.any_broken() {
        return;
    }
    let message = format!(
        "no power_unit_offline rule is for \"{parent}\": its silence would not be told, and so is not taken to \
         explain that of its children"
    );
    let help = format!("write an [[alerts]] with type = \"power_unit_offline\" that applies to \"{parent}\"");
    context.report.warning(element.key("parent"), message).help(help);
}

/// The way back to the device, if its parents lead there.
fn circle(name: &str, parents: &BTreeMap<&str, &str>) -> Option<String> {
    let mut way = vec![name];
    let mut at = *parents.get(name)?;
    while at != name {
        // A circle further up is told at its own devices.
        if way.contains(&at) {
            return None;
        }
        way.push(at);
        at = parents.get(at)?;
    }
    way.push(name);
    Some(format!("its parents lead back to it: {}", way.join(", ")))
}

/// Whether a rule tells of the silence of the device, or of one above it.
fn is_watched(
    name: &str,
    parents: &BTreeMap<&str, &str>,
    devices: &[DeviceSettings],
    rules: &[Rule],
) -> bool {
    let told = |name: &str| {
        let Some(device) = devices.iter().find(|it| *it.name == *name) else { return true };
        let source =
            Source { device: Arc::clone(&device.name), labels: device.labels.clone(), ..Source::default() };
        rules.iter().any(|it| {
            it.enabled && it.is_for(&source) && matches!(it.trigger.measure, Measure::Reachability { .. })
        })
    };
    let mut above = std::iter::successors(Some(name), |it| parents.get(it).copied());
    above.by_ref().take(parents.len() + 1).any(told)
}
