//! Joins a profile with those that it inherits: tables, identity and agent limits of an ancestor come
//! after its own.

use super::definition::{Definition, IdentitySpec};
use super::load::Found;
use super::reader::Spot;
use super::{AgentLimits, Profile};
use crate::model::{Diagnostic, closest};

/// A profile with all that it inherits; each ancestor counts once, nearest first. `None`: an ancestor
/// is missing, has mistakes, or inherits in a circle.
pub(super) fn join(own: &Definition, found: &Found, problems: &mut Vec<Diagnostic>) -> Option<Profile> {
    let mut walk = Walk { found, order: Vec::new(), path: Vec::new(), problems };
    if !walk.gather(own) {
        return None;
    }
    let order = walk.order;
    let mut agent = own.agent;
    let mut identity = IdentitySpec::default();
    let mut generations = Vec::new();
    for it in &order {
        agent.getbulk = agent.getbulk.or(it.agent.getbulk);
        agent.max_varbinds = agent.max_varbinds.or(it.agent.max_varbinds);
        agent.max_repetitions = agent.max_repetitions.or(it.agent.max_repetitions);
        agent.requests_per_second = agent.requests_per_second.or(it.agent.requests_per_second);
        agent.requests_in_flight = agent.requests_in_flight.or(it.agent.requests_in_flight);
        identity.extend(&it.identity);
        generations.push(it.blocks.clone());
    }
    let limits = AgentLimits::default();
    let agent = AgentLimits {
        getbulk: agent.getbulk.unwrap_or(limits.getbulk),
        max_varbinds: agent.max_varbinds.unwrap_or(limits.max_varbinds),
        max_repetitions: agent.max_repetitions.unwrap_or(limits.max_repetitions),
        requests_per_second: agent.requests_per_second.unwrap_or(limits.requests_per_second),
        requests_in_flight: agent.requests_in_flight.unwrap_or(limits.requests_in_flight),
    };
    let vendor = order.iter().find_map(|it| it.vendor.clone()).unwrap_or_default();
    Some(Profile::new(own, vendor, agent, identity, generations))
}

struct Walk<'a, 'p> {
    found: &'a Found,
    order: Vec<&'a Definition>,
    /// From the profile that is joined down to where the walk stands.
    path: Vec<&'a Definition>,
    problems: &'p mut Vec<Diagnostic>,
}

impl<'a> Walk<'a, '_> {
    /// Appends a definition and its ancestors to the order. False: they cannot be joined. A mistake is
    /// told once, by the file that it stands in.
    fn gather(&mut self, own: &'a Definition) -> bool {
        self.order.push(own);
        self.path.push(own);
        let mut whole = true;
        for parent in &own.inherits {
            let Some(definition) = self.found.definitions.get(&parent.value) else {
                self.tell_missing(own, parent);
                whole = false;
                continue;
            };
            if self.path.iter().any(|it| it.name.value == parent.value) {
                self.tell_circle(&parent.value);
                whole = false;
            } else if !self.order.iter().any(|it| it.name.value == parent.value) {
                whole &= self.gather(definition);
            }
        }
        self.path.pop();
        whole
    }

    fn tell_missing(&mut self, own: &Definition, parent: &Spot<String>) {
        if 1 < self.path.len() || self.found.refused.contains(&parent.value) {
            return;
        }
        let message = format!("there is no profile `{}` to inherit", parent.value);
        let mut problem = Diagnostic::at(&own.file, &own.text, parent.span.start, message);
        let near = closest(&parent.value, self.found.definitions.keys().map(String::as_str));
        problem.help = near.map(|it| format!("did you mean `{it}`?"));
        self.problems.push(problem);
    }

    /// Told by the first, by name, of those in the circle.
    fn tell_circle(&mut self, back_to: &str) {
        let names: Vec<&str> = self.path.iter().map(|it| it.name.value.as_str()).collect();
        let Some((first, way)) = names.split_first() else { return };
        if *first != back_to || way.iter().any(|it| it < first) {
            return;
        }
        let next = way.first().unwrap_or(first);
        let Some(own) = self.path.first() else { return };
        let Some(entry) = own.inherits.iter().find(|it| it.value == *next) else { return };
        let message = match way {
            [] => format!("`{first}` inherits itself"),
            _ => format!("`{first}` inherits itself by way of {}", way.join(", ")),
        };
        let problem = Diagnostic::at(&own.file, &own.text, entry.span.start, message);
        self.problems.push(problem.with_help("drop one of these from `inherits`"));
    }
}
