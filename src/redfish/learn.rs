//! Learning a service: which resources it has that can be read. Pure: [`Learner::ask`] says what to ask,
//! [`Learner::take`] takes what came.
//!
//! $expand is used where the service says that it knows it, and believed of members of a kind once one of them that was
//! asked by itself holds nothing that it lacks within the collection. A resource that is not there is a gap in the tree,
//! never an error of the learning. Invariants: each URI is asked once; collections, pages, resources and
//! requests have limits; nothing is asked that the service did not name, but for the two collections whose URIs
//! DSP0266 lays down, where its root names neither.

use super::document::{error_of, items, link, links_at};
use super::limits::{LEARN_REQUESTS_MAX, MEMBERS_MAX, PAGES_MAX, REPORTS_MAX, RESOURCES_MAX};
use super::tree::{Part, Resource, Role, Tree, is_whole, members_of};
use super::uri::{Origin, ResourceUri};
use crate::model::Missing;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet, VecDeque};

/// What is asked next.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// Which resource.
    pub uri: ResourceUri,
    /// With this query; often empty.
    pub query: String,
    /// Of a further page: the collection that it belongs to.
    of: Option<ResourceUri>,
    role: Role,
    page: usize,
    purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To know it.
    Know,
    /// To know it, and whether what came with $expand is as much.
    Prove,
}

/// Why a resource could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What it means for its readings.
    pub missing: Missing,
    /// Whether asking without a query may help.
    pub is_of_query: bool,
}

/// Whether $expand is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The service does not say that it knows it, or does it badly.
    No,
    /// Not tried yet.
    Untried,
    /// A member is being asked by itself.
    Asked,
    /// It brings as much.
    Yes,
}

/// A service that is being learnt.
#[derive(Debug)]
pub struct Learner {
    origin: Origin,
    tree: Tree,
    queue: VecDeque<Want>,
    /// What is asked only if nothing cheaper says the same: (chassis, where, role).
    deferred: VecDeque<(ResourceUri, &'static str, Role)>,
    seen: HashSet<ResourceUri>,
    expand: Option<&'static str>,
    /// By what the members are.
    trusts: Vec<(Role, Trust)>,
    /// Collections that came with $expand before it was believed.
    pending: Vec<(Want, Value)>,
    in_flight: usize,
    requests: usize,
    gaps: usize,
    is_cut: bool,
}

impl Learner {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        let mut learner = Self {
            origin,
            tree: Tree::default(),
            queue: VecDeque::new(),
            deferred: VecDeque::new(),
            seen: HashSet::new(),
            expand: None,
            trusts: Vec::new(),
            pending: Vec::new(),
            in_flight: 0,
            requests: 0,
            gaps: 0,
            is_cut: false,
        };
        learner.want(ResourceUri::root(), Role::Root);
        learner
    }

    /// Resources that were named and are not there.
    #[must_use]
    pub const fn gaps(&self) -> usize {
        self.gaps
    }

    /// Whether a limit cut it short.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What it came to.
    #[must_use]
    pub fn into_tree(mut self) -> Tree {
        self.tree.sort(&self.origin);
        self.tree
    }

    /// What is known so far.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Whether all that there is to ask is in flight or done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.in_flight == 0 && self.queue.is_empty() && self.deferred.is_empty() && self.pending.is_empty()
    }

    /// What to ask next; `None`: nothing before an answer has come, or nothing at all.
    pub fn ask(&mut self) -> Option<Want> {
        if self.queue.is_empty() && self.in_flight == 0 {
            self.resume();
        }
        if LEARN_REQUESTS_MAX <= self.requests {
            self.is_cut |= !self.queue.is_empty();
            self.queue.clear();
            self.deferred.clear();
            return None;
        }
        let want = self.queue.pop_front()?;
        self.requests += 1;
        self.in_flight += 1;
        Some(want)
    }

    /// Nothing cheaper is left to ask.
    fn resume(&mut self) {
        self.settle(None);
        while let Some((chassis, pointer, role)) = self.deferred.pop_front() {
            if self.needs(&chassis) {
                self.follow_from(&chassis, pointer, role);
            } else if role == Role::ThermalSubsystem {
                // Leaks are told there alone.
                self.follow_from(&chassis, pointer, Role::LeakSubsystem);
            }
            if !self.queue.is_empty() {
                return;
            }
        }
    }

    /// Whether a chassis's temperatures are not had from its old Thermal resource, in one request.
    fn needs(&self, chassis: &ResourceUri) -> bool {
        let Some(node) = self.tree.get(chassis) else { return false };
        let is_equipment = self.tree.of_role(Role::Unit).any(|unit| {
            links_at(unit.document, "/Links/Chassis")
                .any(|it| self.origin.resource(it).as_ref() == Ok(chassis))
        });
        let thermal = self.tree.follow(&self.origin, node.document, "/Thermal");
        is_equipment || thermal.is_none_or(|it| items(it.document, "/Temperatures").is_empty())
    }

    fn want(&mut self, uri: ResourceUri, role: Role) {
        let query = match (role.members(), self.expand) {
            (Some(members), Some(expand)) if self.trust(members) != Trust::No => expand,
            _ => "",
        };
        let query = query.to_owned();
        self.want_with(Want { uri, query, of: None, role, page: 0, purpose: Purpose::Know });
    }

    fn want_with(&mut self, want: Want) {
        if RESOURCES_MAX <= self.seen.len() {
            self.is_cut = true;
        } else if self.seen.insert(want.uri.clone()) {
            self.tree.order.push(want.uri.clone());
            self.queue.push_back(want);
        }
    }

    fn follow_from(&mut self, from: &ResourceUri, pointer: &str, role: Role) {
        let Some(node) = self.tree.get(from) else { return };
        let found: Vec<ResourceUri> =
            links_at(node.document, pointer).filter_map(|it| self.origin.resource(it).ok()).collect();
        for uri in found.into_iter().take(MEMBERS_MAX) {
            self.want(uri, role);
        }
    }

    /// Takes the answer to what was asked.
    pub fn take(&mut self, want: Want, answer: Result<Value, Refusal>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let document = match answer {
            Ok(document) if document.is_object() && error_of(&document).is_none() => Ok(document),
            Ok(_) => Err(Refusal { missing: Missing::AgentError, is_of_query: !want.query.is_empty() }),
            Err(refusal) => Err(refusal),
        };
        match document {
            Err(refusal) if refusal.is_of_query && Some(&*want.query) == self.expand => {
                // It does not know what it says that it knows.
                if refusal.missing != Missing::NoSuchInstance {
                    self.judge(want.role.members().unwrap_or(want.role), false);
                }
                self.queue.push_front(Want { query: String::new(), ..want });
            }
            Err(refusal) => {
                if want.page == 0 {
                    self.gaps += 1;
                    self.insert(want.uri, want.role, Err(refusal.missing));
                }
                if want.purpose == Purpose::Prove {
                    self.judge(want.role, false);
                }
            }
            Ok(document) if want.role.members().is_some() => self.take_collection(want, document),
            Ok(document) => self.take_resource(&want, document),
        }
    }

    fn insert(&mut self, uri: ResourceUri, role: Role, document: Result<Value, Missing>) {
        self.tree.resources.insert(uri, Resource { role, document });
    }

    fn take_resource(&mut self, want: &Want, document: Value) {
        if want.role == Role::Root {
            self.read_root(&document);
        }
        if want.purpose == Purpose::Prove {
            let inline =
                self.pending.iter().flat_map(|(_, it)| members_of(it)).find(|it| {
                    link(it).and_then(|it| self.origin.resource(it).ok()).as_ref() == Some(&want.uri)
                });
            let holds = inline.is_some_and(|it| has_all_of(it, &document));
            self.judge(want.role, holds);
        }
        self.know(want.uri.clone(), want.role, document);
    }

    /// Whether $expand is believed of members of that kind.
    fn trust(&self, members: Role) -> Trust {
        let own = self.trusts.iter().find(|(it, _)| *it == members).map(|(_, it)| *it);
        let of = |trust: Trust| self.trusts.iter().filter(|(_, it)| *it == trust).count();
        match own {
            Some(own) => own,
            None if self.expand.is_none() => Trust::No,
            // It says that it knows it, and does not.
            None if REFUSALS_MAX <= of(Trust::No) && of(Trust::Yes) == 0 => Trust::No,
            None => Trust::Untried,
        }
    }

    fn set_trust(&mut self, members: Role, trust: Trust) {
        self.trusts.retain(|(it, _)| *it != members);
        self.trusts.push((members, trust));
    }

    /// Whether $expand holds for members of that kind; what waited for that goes on.
    fn judge(&mut self, members: Role, holds: bool) {
        self.set_trust(members, if holds { Trust::Yes } else { Trust::No });
        self.settle(Some(members));
    }

    /// Collections of that kind, or of all kinds, wait no longer.
    fn settle(&mut self, members: Option<Role>) {
        for (want, document) in std::mem::take(&mut self.pending) {
            if members.is_none() || want.role.members() == members {
                self.collection(&want, &document);
            } else {
                self.pending.push((want, document));
            }
        }
    }

    fn know(&mut self, uri: ResourceUri, role: Role, document: Value) {
        self.insert(uri.clone(), role, Ok(document));
        for (pointer, role) in role.links() {
            self.follow_from(&uri, pointer, *role);
        }
        if role == Role::Chassis {
            self.deferred.push_back((uri.clone(), "/ThermalSubsystem", Role::ThermalSubsystem));
            self.deferred.push_back((uri, "/Sensors", Role::Parts(Part::Sensor)));
        }
    }

    fn read_root(&mut self, root: &Value) {
        let known = |name: &str| {
            root.pointer("/ProtocolFeaturesSupported/ExpandQuery")
                .and_then(|it| it.get(name)?.as_bool())
                .unwrap_or(false)
        };
        self.expand = match (known("NoLinks"), known("ExpandAll"), known("Levels")) {
            (true, _, true) => Some(EXPAND_NO_LINKS),
            (true, _, false) => Some("$expand=."),
            (false, true, true) => Some("$expand=*($levels=1)"),
            (false, true, false) => Some("$expand=*"),
            (false, false, _) => None,
        };
        let named =
            |name: &str| root.get(name).and_then(link).is_some_and(|it| self.origin.resource(it).is_ok());
        if !named("PowerEquipment") && !named("Chassis") {
            for (uri, role) in USUAL {
                if let Ok(uri) = self.origin.resource(uri) {
                    self.want(uri, role);
                }
            }
        }
    }

    fn take_collection(&mut self, want: Want, document: Value) {
        // Members that do not say who they are: the collection by itself has links.
        let is_nameless = |it: &Value| is_whole(it) && link(it).is_none();
        if Some(&*want.query) == self.expand && members_of(&document).iter().any(is_nameless) {
            self.queue.push_front(Want { query: String::new(), ..want });
            return;
        }
        let is_expanded = Some(&*want.query) == self.expand || want.page != 0;
        let first = members_of(&document).iter().find(|it| is_whole(it));
        let first = first.and_then(link).and_then(|it| self.origin.resource(it).ok());
        let Some(role) = want.role.members() else { return };
        match (self.trust(role), first) {
            (Trust::Untried, Some(first)) if is_expanded && self.seen.insert(first.clone()) => {
                self.set_trust(role, Trust::Asked);
                self.tree.order.push(first.clone());
                let (query, purpose) = (String::new(), Purpose::Prove);
                self.queue.push_front(Want { uri: first, query, of: None, role, page: 0, purpose });
                self.pending.push((want, document));
            }
            (Trust::Asked, Some(_)) => self.pending.push((want, document)),
            _ => self.collection(&want, &document),
        }
    }

    /// The members of one page.
    fn collection(&mut self, want: &Want, document: &Value) {
        let Some(role) = want.role.members() else { return };
        let is_believed = self.trust(role) == Trust::Yes;
        let owner = want.of.as_ref().unwrap_or(&want.uri);
        let most = match want.role {
            Role::Reports => REPORTS_MAX,
            Role::Managers => 1,
            _ => MEMBERS_MAX,
        };
        let (mut inline, mut named) = (BTreeSet::new(), Vec::new());
        for member in members_of(document) {
            let Some(uri) = link(member).and_then(|it| self.origin.resource(it).ok()) else { continue };
            if most <= self.tree.members.get(owner).map_or(0, Vec::len) + named.len() {
                self.is_cut |= most == MEMBERS_MAX;
                break;
            }
            named.push(uri.clone());
            let is_inline = is_believed && is_whole(member) && error_of(member).is_none();
            if is_inline {
                inline.insert(uri.clone());
            }
            if is_inline && self.seen.insert(uri.clone()) {
                self.tree.order.push(uri.clone());
                self.know(uri, role, member.clone());
            } else {
                self.want(uri, role);
            }
        }
        let next = ["Members@odata.nextLink", "@odata.nextLink"].iter().find_map(|it| document.get(it));
        let next = next.and_then(link);
        if want.page == 0 {
            // Members that dangle, and those of later pages, are asked by themselves.
            if !inline.is_empty() {
                let expand = self.expand.unwrap_or_default();
                self.tree.expandable.insert(want.uri.clone(), (expand, inline));
            }
            self.insert(want.uri.clone(), want.role, Ok(Value::Null));
        }
        let is_empty = named.is_empty();
        self.tree.members.entry(owner.clone()).or_default().extend(named);
        if let Some(next) = next.filter(|_| !is_empty) {
            self.next_page(want, next);
        }
    }

    fn next_page(&mut self, want: &Want, next: &str) {
        if PAGES_MAX <= want.page + 1 {
            self.is_cut = true;
            return;
        }
        // A loop ends at the limit of pages, and each member is asked once.
        let owner = want.of.as_ref().unwrap_or(&want.uri).clone();
        if let Ok((uri, query)) = self.origin.page(next)
            && (uri != owner || !query.is_empty())
        {
            self.queue.push_back(Want { uri, query, of: Some(owner), page: want.page + 1, ..want.clone() });
        }
    }
}

/// Kinds of members that $expand did not bring whole, after which it is not tried for others.
const REFUSALS_MAX: usize = 2;

/// Where DSP0266 (section 7.2.2, since 1.6) has them whatever the root names.
const USUAL: [(&str, Role); 2] =
    [("/redfish/v1/PowerEquipment", Role::PowerEquipment), ("/redfish/v1/Chassis", Role::AllChassis)];

/// Members inline, what they link to not: DSP0266 section 7.3.
const EXPAND_NO_LINKS: &str = "$expand=.($levels=1)";

/// Whether `inline` has every property that `alone` has. Values change from one to the other.
fn has_all_of(inline: &Value, alone: &Value) -> bool {
    match (inline, alone) {
        (Value::Object(inline), Value::Object(alone)) => alone
            .iter()
            .filter(|(key, _)| !key.starts_with('@'))
            .all(|(key, value)| inline.get(key).is_some_and(|it| has_all_of(it, value))),
        (_, Value::Object(alone)) => alone.is_empty(),
        _ => true,
    }
}
