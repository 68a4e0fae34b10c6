//! What is watched, as one value that is replaced as a whole: the rules, what they are bound to, the
//! groups that they make, and which device hangs on which.

use super::groups::Groups;
use super::tally::Tally;
use crate::alert::Link;
use crate::config::Settings;
use crate::model::{Now, Ratings};
use crate::rules::Ruleset;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What is watched.
pub(super) struct Watch {
    /// The rules in force.
    pub(super) ruleset: Ruleset,
    pub(super) tally: Tally,
    pub(super) groups: Groups,
    links: HashMap<Arc<str>, Arc<Link>>,
    parents: HashMap<Arc<str>, Arc<Link>>,
}

impl Watch {
    /// What the settings ask for; links that did not change are those of `previous`, with what they know.
    pub(super) fn new(settings: &Settings, previous: Option<&Self>, now: Now) -> Self {
        let ruleset = ruleset(settings);
        let links = links(settings, previous.map(|it| &it.links));
        let parents = settings
            .parents
            .iter()
            .filter_map(|(child, parent)| Some((Arc::clone(child), Arc::clone(links.get(parent)?))));
        Self {
            tally: Tally::new(&ruleset),
            groups: Groups::new(&ruleset, settings, now),
            parents: parents.collect(),
            links,
            ruleset,
        }
    }

    /// The device's own link, if others hang on it, and that of the device on which it hangs.
    pub(super) fn links_of(&self, device: &str) -> (Option<Arc<Link>>, Option<Arc<Link>>) {
        (self.links.get(device).cloned(), self.parents.get(device).cloned())
    }
}

/// The rules in force, with the ratings that devices are given by hand.
fn ruleset(settings: &Settings) -> Ruleset {
    let ratings = settings.polled().filter(|it| !it.rated_current_amperes.is_empty()).map(|device| {
        let by_kind = device.rated_current_amperes.iter().map(|(kind, amperes)| {
            (*kind, Ratings { current_amperes: Some(*amperes), ..Default::default() })
        });
        (Arc::clone(device.name), by_kind.collect())
    });
    Ruleset::compile(settings.rules.clone()).with_device_ratings(ratings)
}

/// A link for each device on which others hang, those above it first.
fn links(
    settings: &Settings,
    previous: Option<&HashMap<Arc<str>, Arc<Link>>>,
) -> HashMap<Arc<str>, Arc<Link>> {
    let intervals: HashMap<&str, Duration> = settings.polled().map(|it| (&**it.name, it.interval)).collect();
    let mut links: HashMap<Arc<str>, Arc<Link>> = HashMap::new();
    for parent in settings.parents.values() {
        // The config was checked: there are no circles.
        let above: Vec<&Arc<str>> =
            std::iter::successors(Some(parent), |it| settings.parents.get(*it)).collect();
        for name in above.into_iter().rev() {
            if links.contains_key(name) {
                continue;
            }
            let interval = intervals.get(&**name).copied().unwrap_or_default();
            let own_parent = settings.parents.get(name).and_then(|it| links.get(it));
            let kept = previous.and_then(|it| it.get(name)).filter(|it| it.is_alike(interval, own_parent));
            let link = kept
                .cloned()
                .unwrap_or_else(|| Arc::new(Link::new(Arc::clone(name), interval, own_parent.cloned())));
            links.insert(Arc::clone(name), link);
        }
    }
    links
}
