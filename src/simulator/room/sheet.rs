//! A device's rows as it is put together: those that never change, and those that are read off its
//! state.

use crate::model::{Oid, Value};
use crate::simulator::agent::Model;
use crate::simulator::cell::{Form, text};
use crate::simulator::tree::Tree;
use std::sync::Arc;
use std::time::Duration;

/// A device that has a state at each moment.
pub(super) trait World: Send + 'static {
    /// What the live cells are read off.
    type State;

    /// The state at that time since the start.
    fn state(&mut self, time: Duration) -> Self::State;

    /// Another number whenever something was done to the device.
    fn revision(&self) -> u64;
}

/// How a live cell is read off a state.
type Gauge<S> = Box<dyn Fn(&S) -> Value + Send>;

/// Rows in the making.
pub(super) struct Sheet<S> {
    fixed: Vec<(Oid, Value)>,
    live: Vec<(Oid, Gauge<S>)>,
}

/// Who a device says it is in the system group (SNMPv2-MIB).
pub(super) struct System<'a> {
    pub(super) object_id: &'a [u32],
    pub(super) description: &'a str,
    pub(super) name: &'a str,
    pub(super) location: &'a str,
    /// sysUpTime.0 at the start, in hundredths of a second.
    pub(super) up_ticks: u32,
}

/// What is printed on a device, and what its owner calls it and its outlets.
pub(super) struct Nameplate<'a> {
    pub(super) name: &'a str,
    pub(super) location: &'a str,
    pub(super) model: &'a str,
    pub(super) serial: &'a str,
    pub(super) outlet_names: &'a [String],
}

impl<S: 'static> Sheet<S> {
    pub(super) fn new(system: &System<'_>) -> Self {
        let mut sheet = Self { fixed: Vec::new(), live: Vec::new() };
        let group = Root(&[1, 3, 6, 1, 2, 1, 1]);
        sheet.text(group.at(&[1, 0]), system.description);
        sheet.fixed(group.at(&[2, 0]), Value::ObjectIdentifier(Oid::new(system.object_id)));
        sheet.fixed(group.at(&[3, 0]), Value::TimeTicks(system.up_ticks));
        sheet.text(group.at(&[4, 0]), "facilities@example.com");
        sheet.text(group.at(&[5, 0]), system.name);
        sheet.text(group.at(&[6, 0]), system.location);
        sheet.integer(group.at(&[7, 0]), 72);
        sheet
    }

    /// A cell that never changes.
    pub(super) fn fixed(&mut self, oid: Oid, value: Value) {
        self.fixed.push((oid, value));
    }

    /// An INTEGER that never changes.
    pub(super) fn integer(&mut self, oid: Oid, value: i64) {
        self.fixed(oid, Value::Integer(value));
    }

    /// A text that never changes.
    pub(super) fn text(&mut self, oid: Oid, value: &str) {
        self.fixed(oid, text(value));
    }

    /// A number that is read off the state, in the unit of the wire.
    pub(super) fn live(&mut self, oid: Oid, form: Form, read: impl Fn(&S) -> f64 + Send + 'static) {
        self.live.push((oid, Box::new(move |state| form.value(read(state)))));
    }

    /// An enumeration that is read off the state.
    pub(super) fn state(&mut self, oid: Oid, read: impl Fn(&S) -> i64 + Send + 'static) {
        self.live.push((oid, Box::new(move |state| Value::Integer(read(state)))));
    }

    /// A text that is read off the state.
    pub(super) fn live_text(&mut self, oid: Oid, read: impl Fn(&S) -> String + Send + 'static) {
        self.live.push((oid, Box::new(move |state| text(&read(state)))));
    }

    /// The rows, with the values of the start, and the device that reads them.
    #[expect(clippy::expect_used, reason = "every OID here is one of a MIB, written out in this module")]
    pub(super) fn build<W: World<State = S>>(self, mut world: W) -> (Arc<Tree>, Living<W>) {
        let state = world.state(Duration::ZERO);
        let live = self.live.iter().map(|(oid, gauge)| (oid.clone(), gauge(&state)));
        let tree = Tree::new(self.fixed.into_iter().chain(live)).expect("OIDs of MIBs can be encoded");
        (Arc::new(tree), Living { world, gauges: self.live, last: None })
    }
}

/// A device with its live cells. Its state is worked out once a second, as cheap meters do, and
/// whenever something was done to it.
pub(super) struct Living<W: World> {
    pub(super) world: W,
    gauges: Vec<(Oid, Gauge<W::State>)>,
    last: Option<(u64, u64)>,
}

impl<W: World> Model for Living<W> {
    fn oids(&self) -> Vec<Oid> {
        self.gauges.iter().map(|(oid, _)| oid.clone()).collect()
    }

    fn read(&mut self, time: Duration, values: &mut Vec<Value>) {
        let now = (time.as_secs(), self.world.revision());
        if self.last.replace(now) == Some(now) {
            return;
        }
        let state = self.world.state(time);
        values.extend(self.gauges.iter().map(|(_, gauge)| gauge(&state)));
    }
}

/// Where a vendor's objects begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root(pub(super) &'static [u32]);

impl Root {
    /// The OID with that tail.
    pub(super) fn at(self, tail: &[u32]) -> Oid {
        Oid::new(&[self.0, tail].concat())
    }

    /// The instance of a column, given by its path below the root.
    pub(super) fn cell(self, column: &[u32], index: &[u32]) -> Oid {
        Oid::new(&[self.0, column, index].concat())
    }
}

/// The numbers 1, 2, .. beside what they count, as tables have them.
pub(super) fn numbered<T>(items: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (1..).zip(items)
}
