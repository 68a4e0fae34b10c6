//! What a poll of a device brought, by whatever way it was polled.

use rackwarden::model::{Cells, Identity, Missing, Oid, Quantity, Ratings, Sample};
use rackwarden::profile::{Learned, Plan, ProfileSet, SystemGroup};

/// A device's readings and who it says it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Polled {
    /// Empty: none fits.
    pub(crate) profile: String,
    pub(crate) identity: Identity,
    pub(crate) readings: Vec<PolledReading>,
    pub(crate) warnings: Vec<String>,
}

/// One reading.
#[derive(Debug, Clone)]
pub(crate) struct PolledReading {
    pub(crate) component: String,
    pub(crate) index: String,
    pub(crate) label: String,
    pub(crate) ratings: Ratings,
    pub(crate) quantity: Quantity,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) sample: Sample,
    /// A state's name and health.
    pub(crate) state: Option<(String, String)>,
    pub(crate) source: Oid,
    /// Other cells that carry it too.
    pub(crate) also: Vec<Oid>,
}

/// Polls cells straight, without a network: chooses the profile, learns only what it asks for, makes
/// the plan, answers it and decodes.
pub(crate) fn poll(profiles: &ProfileSet, cells: &Learned, system: &SystemGroup) -> Polled {
    let Some(profile) = choose(profiles, cells, system) else { return Polled::default() };
    let plan = profile.compile(&learn(&profile, cells), system);
    let answers: Cells =
        plan.cells.iter().map(|it| cells.get(it).cloned().ok_or(Missing::NoSuchInstance)).collect();
    of_answers(&plan, &answers)
}

pub(crate) use rackwarden::profile::fixture::{choose, learn};

/// The readings of a plan and its answers.
pub(crate) fn of_answers(plan: &Plan, answers: &Cells) -> Polled {
    let mut samples = Vec::new();
    plan.decode(answers, &mut samples);
    assert_eq!(samples.len(), plan.shape.readings.len());
    let readings = plan.shape.readings.iter().zip(&samples).enumerate().map(|(at, (reading, sample))| {
        let component = plan.shape.component_of(reading).unwrap();
        let state = sample.value().and_then(|it| reading.states.as_ref()?.state(it));
        PolledReading {
            component: component.kind.to_string(),
            index: component.index.to_string(),
            label: component.label.to_string(),
            ratings: component.ratings,
            quantity: reading.quantity,
            name: reading.name.to_string(),
            unit: reading.quantity.unit().to_string(),
            sample: *sample,

            state: state.map(|it| (it.name.to_string(), it.health.to_string())),
            source: reading.source.oid().cloned().unwrap_or_default(),
            also: plan.also(at).to_vec(),
        }
    });
    Polled {
        profile: plan.profile.to_string(),
        identity: plan.identity.clone(),
        readings: readings.collect(),
        warnings: plan.warnings.first.clone(),
    }
}
