//! What is known of a service: its resources by URI, and what role each plays. Pure.

use super::document::{items, link, links_at, text_at};
use super::uri::{Origin, ResourceUri};
use crate::model::Missing;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a resource is, by the way that led to it; `@odata.type` is a hint at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The service's root.
    Root,
    /// PowerEquipment: the way to units.
    PowerEquipment,
    /// RackPDUs, FloorPDUs, TransferSwitches, Switchgear, PowerShelves, ElectricalBuses.
    Units,
    /// A PowerDistribution.
    Unit,
    /// A collection of circuits, outlets, outlet groups, sensors or other parts.
    Parts(Part),
    /// One of them.
    Part(Part),
    /// The collection of chassis.
    AllChassis,
    /// A chassis.
    Chassis,
    /// The collection of facilities.
    Facilities,
    /// A room or building.
    Facility,
    /// PowerSubsystem.
    PowerSubsystem,
    /// ThermalSubsystem.
    ThermalSubsystem,
    /// ThermalSubsystem, of which only leaks are not told elsewhere.
    LeakSubsystem,
    /// LeakDetection.
    LeakDetection,
    /// A document with readings and no links that matter: Metrics, EnvironmentMetrics, Power, Thermal.
    Readings,
    /// The collection of managers.
    Managers,
    /// A manager: its firmware.
    Manager,
    /// SessionService: its time-out.
    SessionService,
    /// EventService: its event stream.
    EventService,
    /// TelemetryService.
    TelemetryService,
    /// The collection of reports.
    Reports,
    /// A report.
    Report,
}

/// Parts that come in collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Mains, branches, feeders, subfeeds.
    Circuit,
    /// Outlet.
    Outlet,
    /// OutletGroup.
    OutletGroup,
    /// Sensor.
    Sensor,
    /// PowerSupply.
    PowerSupply,
    /// Battery.
    Battery,
    /// Fan.
    Fan,
    /// LeakDetector.
    LeakDetector,
}

impl Role {
    /// The properties that lead on, and what stands there.
    #[must_use]
    pub const fn links(self) -> &'static [(&'static str, Self)] {
        match self {
            Self::Root => &[
                ("/PowerEquipment", Self::PowerEquipment),
                ("/Chassis", Self::AllChassis),
                ("/Facilities", Self::Facilities),
                ("/Managers", Self::Managers),
                ("/EventService", Self::EventService),
                ("/TelemetryService", Self::TelemetryService),
            ],
            Self::PowerEquipment => &[
                ("/RackPDUs", Self::Units),
                ("/FloorPDUs", Self::Units),
                ("/TransferSwitches", Self::Units),
                ("/Switchgear", Self::Units),
                ("/PowerShelves", Self::Units),
                ("/ElectricalBuses", Self::Units),
                // Of no schema, but of simulators and of services that are ahead of it.
                ("/UPSs", Self::Units),
                ("/BatteryShelves", Self::Units),
            ],
            Self::Unit => &[
                ("/Mains", Self::Parts(Part::Circuit)),
                ("/Branches", Self::Parts(Part::Circuit)),
                ("/Feeders", Self::Parts(Part::Circuit)),
                ("/Subfeeds", Self::Parts(Part::Circuit)),
                ("/Outlets", Self::Parts(Part::Outlet)),
                ("/OutletGroups", Self::Parts(Part::OutletGroup)),
                ("/Metrics", Self::Readings),
                // Of shelves.
                ("/PowerSupplies", Self::Parts(Part::PowerSupply)),
                ("/Batteries", Self::Parts(Part::Battery)),
                ("/Sensors", Self::Parts(Part::Sensor)),
                ("/Links/Chassis", Self::Chassis),
            ],
            Self::Chassis => &[
                ("/Power", Self::Readings),
                ("/Thermal", Self::Readings),
                ("/EnvironmentMetrics", Self::Readings),
                ("/PowerSubsystem", Self::PowerSubsystem),
            ],
            Self::Facility => &[("/EnvironmentMetrics", Self::Readings), ("/AmbientMetrics", Self::Readings)],
            Self::PowerSubsystem => &[
                ("/PowerSupplies", Self::Parts(Part::PowerSupply)),
                ("/Batteries", Self::Parts(Part::Battery)),
            ],
            Self::ThermalSubsystem => &[
                ("/ThermalMetrics", Self::Readings),
                ("/Fans", Self::Parts(Part::Fan)),
                ("/LeakDetection", Self::LeakDetection),
            ],
            Self::LeakSubsystem => &[("/LeakDetection", Self::LeakDetection)],
            Self::LeakDetection => &[("/LeakDetectors", Self::Parts(Part::LeakDetector))],
            Self::Part(Part::PowerSupply | Part::Battery) => &[("/Metrics", Self::Readings)],
            Self::TelemetryService => &[("/MetricReports", Self::Reports)],
            Self::Part(_)
            | Self::Units
            | Self::Parts(_)
            | Self::AllChassis
            | Self::Facilities
            | Self::Readings
            | Self::Managers
            | Self::Manager
            | Self::SessionService
            | Self::EventService
            | Self::Reports
            | Self::Report => &[],
        }
    }

    /// What the members of a collection are; `None`: it is no collection.
    #[must_use]
    pub const fn members(self) -> Option<Self> {
        match self {
            Self::Units => Some(Self::Unit),
            Self::Parts(part) => Some(Self::Part(part)),
            Self::AllChassis => Some(Self::Chassis),
            Self::Facilities => Some(Self::Facility),
            Self::Managers => Some(Self::Manager),
            Self::Reports => Some(Self::Report),
            _ => None,
        }
    }
}

/// What the learner follows from a chassis last.
const LATE: [&str; 2] = ["/ThermalSubsystem", "/Sensors"];

/// One resource.
#[derive(Debug)]
pub struct Resource {
    /// What it is.
    pub role: Role,
    /// Its document, or why there is none.
    pub document: Result<Value, Missing>,
}

/// All resources that are known.
#[derive(Debug, Default)]
pub struct Tree {
    pub(super) resources: BTreeMap<ResourceUri, Resource>,
    /// All of them, see [`Self::sort`]; before that in the order in which they were named.
    pub(super) order: Vec<ResourceUri>,
    /// Of collections, all pages.
    pub(super) members: BTreeMap<ResourceUri, Vec<ResourceUri>>,
    /// Collections with members that came whole with $expand: what it was, and which.
    pub(super) expandable: BTreeMap<ResourceUri, (&'static str, BTreeSet<ResourceUri>)>,
}

/// A resource that is there.
#[derive(Debug, Clone, Copy)]
pub struct Node<'t> {
    /// Where.
    pub uri: &'t ResourceUri,
    /// Its document.
    pub document: &'t Value,
}

impl Tree {
    /// The resource of that URI, if it is there.
    #[must_use]
    pub fn get(&self, uri: &ResourceUri) -> Option<Node<'_>> {
        let (uri, resource) = self.resources.get_key_value(uri)?;
        Some(Node { uri, document: resource.document.as_ref().ok()? })
    }

    /// The root's document; null before it is known.
    #[must_use]
    pub fn root(&self) -> &Value {
        self.get(&ResourceUri::root()).map_or(&Value::Null, |it| it.document)
    }

    /// All that are known, by URI.
    pub fn resources(&self) -> impl Iterator<Item = (&ResourceUri, &Resource)> {
        self.resources.iter()
    }

    /// The members of a collection, if it is one.
    #[must_use]
    pub fn members(&self, collection: &ResourceUri) -> Option<&[ResourceUri]> {
        self.members.get(collection).map(Vec::as_slice)
    }

    /// Puts the resources in the order in which links lead to them, whichever answer came first.
    pub(super) fn sort(&mut self, origin: &Origin) {
        let mut order = Vec::with_capacity(self.order.len());
        let mut seen = BTreeSet::new();
        let mut ways = vec![ResourceUri::root()];
        while let Some(uri) = ways.pop() {
            let Some(resource) = self.resources.get(&uri).filter(|_| !seen.contains(&uri)) else { continue };
            let mut next = self.members.get(&uri).cloned().unwrap_or_default();
            if let Ok(document) = &resource.document {
                let pointers = resource.role.links().iter().map(|(pointer, _)| *pointer).chain(LATE);
                next.extend(
                    pointers.flat_map(|it| links_at(document, it)).filter_map(|it| origin.resource(it).ok()),
                );
            }
            ways.extend(next.into_iter().rev());
            seen.insert(uri.clone());
            order.push(uri);
        }
        order.extend(std::mem::take(&mut self.order).into_iter().filter(|it| !seen.contains(it)));
        self.order = order;
    }

    /// All of a role that are there, in the order of [`Self::sort`].
    pub fn of_role(&self, role: Role) -> impl Iterator<Item = Node<'_>> {
        let with = move |uri: &&ResourceUri| self.resources.get(*uri).is_some_and(|it| it.role == role);
        self.order.iter().filter(with).filter_map(|uri| self.get(uri))
    }

    /// Where a property leads, if it leads to something that is there.
    #[must_use]
    pub fn follow(&self, origin: &Origin, from: &Value, pointer: &str) -> Option<Node<'_>> {
        let text = links_at(from, pointer).next()?;
        self.get(&origin.resource(text).ok()?)
    }

    /// The members of the collection at a property, those that are not there too.
    #[must_use]
    pub fn members_at(&self, origin: &Origin, from: &Value, pointer: &str) -> &[ResourceUri] {
        let collection = links_at(from, pointer).next().and_then(|it| origin.resource(it).ok());
        collection.and_then(|it| self.members.get(&it)).map_or(&[], Vec::as_slice)
    }

    /// Those of them that are there.
    pub fn nodes_at<'t>(
        &'t self,
        origin: &Origin,
        from: &Value,
        pointer: &str,
    ) -> impl Iterator<Item = Node<'t>> {
        self.members_at(origin, from, pointer).iter().filter_map(|it| self.get(it))
    }

    /// Whether the service has anything that could be read: power equipment or chassis.
    #[must_use]
    pub fn is_promising(&self) -> bool {
        ["/PowerEquipment", "/Chassis"].iter().any(|it| self.root().pointer(it).and_then(link).is_some())
    }

    /// Who the service says it is.
    #[must_use]
    pub fn product(&self) -> String {
        let root = self.root();
        let words = [text_at(root, "/Vendor"), text_at(root, "/Product")];
        words.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Every object within a document that has a URI of its own, the fullest of each URI.
pub fn inline<'v>(
    origin: &Origin,
    document: &'v Value,
    depth: usize,
    found: &mut BTreeMap<ResourceUri, &'v Value>,
) {
    match document {
        Value::Object(object) => {
            let own = object.get("@odata.id").and_then(Value::as_str).and_then(|it| origin.resource(it).ok());
            // A fragment names a part of a document, not a resource.
            let is_part = object.get("@odata.id").and_then(Value::as_str).is_some_and(|it| it.contains('#'));
            if let Some(uri) = own.filter(|_| !is_part) {
                let place = found.entry(uri).or_insert(document);
                if place.as_object().map_or(0, serde_json::Map::len) < object.len() {
                    *place = document;
                }
            }
            if let Some(depth) = depth.checked_sub(1) {
                for value in object.values() {
                    inline(origin, value, depth, found);
                }
            }
        }
        Value::Array(array) => {
            for value in array {
                inline(origin, value, depth, found);
            }
        }
        _ => (),
    }
}

/// Whether an object is more than a link.
#[must_use]
pub fn is_whole(object: &Value) -> bool {
    let own = |key: &&String| !key.starts_with('@');
    object.as_object().is_some_and(|it| it.keys().filter(own).count() != 0)
}

/// The members of one page of a collection.
#[must_use]
pub fn members_of(document: &Value) -> &[Value] {
    items(document, "/Members")
}
