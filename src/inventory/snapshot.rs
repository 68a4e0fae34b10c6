//! A whole snapshot of a source, and its way to components, readings and samples.
//!
//! Invariants: a snapshot holds no two objects of the same kind and id; objects stand in the order of
//! kind and id, so that the same inventory always has the same shape, however the source sorts its lists.

use super::failure::Failure;
use super::limits::{OBJECTS_MAX, WARNINGS_MAX};
use super::object::Object;
use crate::model::{
    Component, ComponentKind, Locator, Quantity, Ratings, ReadingShape, Sample, Shape, SnapshotError,
    UnixMillis,
};

/// What a source says, whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// By kind and id.
    objects: Vec<Object>,
    /// When the data was taken, where the source says so: a file may be old.
    pub taken_at: Option<UnixMillis>,
    /// What is odd in it, for people: the first few.
    pub warnings: Warnings,
}

/// Remarks for people: the first [`WARNINGS_MAX`], and how many there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warnings {
    /// The first ones.
    pub first: Vec<String>,
    /// How many there were in all.
    pub count: usize,
}

impl Warnings {
    /// Adds one.
    pub fn add(&mut self, warning: impl FnOnce() -> String) {
        if self.first.len() < WARNINGS_MAX {
            self.first.push(warning());
        }
        self.count += 1;
    }
}

impl Snapshot {
    /// A snapshot of these objects.
    ///
    /// # Errors
    /// Two objects of the same kind and id, or more than [`OBJECTS_MAX`].
    pub fn new(
        mut objects: Vec<Object>,
        taken_at: Option<UnixMillis>,
        warnings: Warnings,
    ) -> Result<Self, Failure> {
        if OBJECTS_MAX < objects.len() {
            let reason =
                format!("{} objects; {OBJECTS_MAX} are the most that one source may have", objects.len());
            return Err(Failure::new(SnapshotError::Limit, reason));
        }
        objects.sort_by(|left, right| (left.kind, &left.id).cmp(&(right.kind, &right.id)));
        for pair in objects.windows(2) {
            if let [left, right] = pair
                && (left.kind, &left.id) == (right.kind, &right.id)
            {
                return Err(Failure::malformed(format!("there are two of {} {}", left.kind, left.id)));
            }
        }
        Ok(Self { objects, taken_at, warnings })
    }

    /// The objects, by kind and id.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// How many objects of each kind there are; kinds without any are left out.
    #[must_use]
    pub fn counts(&self) -> Vec<(ComponentKind, usize)> {
        let mut counts: Vec<(ComponentKind, usize)> = Vec::new();
        for object in &self.objects {
            match counts.last_mut() {
                Some((kind, count)) if *kind == object.kind => *count += 1,
                _ => counts.push((object.kind, 1)),
            }
        }
        counts
    }

    /// The shape of a source of that name with these objects, and its samples; the first is the age.
    #[must_use]
    pub fn shape(&self, source: &str, age: Sample) -> (Shape, Vec<Sample>) {
        let (itself, its_age) = source_itself(source);
        let mut components = Vec::with_capacity(self.objects.len() + 1);
        components.push(itself);
        let (mut readings, mut samples) = (vec![its_age], vec![age]);
        for object in &self.objects {
            let component = u32::try_from(components.len()).unwrap_or(u32::MAX);
            components.push(object.component());
            for figure in &object.figures {
                readings.push(ReadingShape {
                    component,
                    quantity: figure.quantity,
                    name: figure.name.into(),
                    source: Locator::default(),
                    states: None,
                });
                samples.push(figure.sample);
            }
        }
        (Shape { components, readings: readings.into() }, samples)
    }
}

/// The shape of a source of which nothing is known yet: itself and its age.
#[must_use]
pub fn empty_shape(source: &str) -> Shape {
    let (itself, age) = source_itself(source);
    Shape { components: vec![itself], readings: [age].into() }
}

/// The component and the reading that every source has.
fn source_itself(source: &str) -> (Component, ReadingShape) {
    let itself = Component {
        kind: ComponentKind::Inventory,
        index: "0".into(),
        label: source.into(),
        ratings: Ratings::default(),
        ..Component::default()
    };
    let age = ReadingShape {
        component: 0,
        quantity: Quantity::Age,
        name: "".into(),
        source: Locator::default(),
        states: None,
    };
    (itself, age)
}

#[cfg(test)]
mod tests {
    use super::{Snapshot, Warnings};
    use crate::inventory::object::Object;
    use crate::model::{ComponentKind, Quantity, Sample};

    fn subnet(id: &str, used: f64) -> Object {
        let object = Object::new(ComponentKind::Subnet, id, Some(format!("net {id}")));
        object.addresses(Sample::Value(254.0), Sample::Value(used))
    }

    fn snapshot(objects: Vec<Object>) -> Snapshot {
        Snapshot::new(objects, None, Warnings::default()).unwrap()
    }

    #[test]
    fn the_order_of_a_list_does_not_matter() {
        let age = Sample::Value(0.0);
        let software = Object::new(ComponentKind::Software, "9", None).installations(Sample::Value(1.0));
        let one = snapshot(vec![subnet("1", 5.0), subnet("10", 6.0), software.clone()]);
        let two = snapshot(vec![software, subnet("10", 6.0), subnet("1", 5.0)]);
        assert_eq!(one.shape("ipam", age), two.shape("ipam", age));
        assert_eq!(one.counts(), [(ComponentKind::Software, 1), (ComponentKind::Subnet, 2)]);
        let (shape, samples) = one.shape("ipam", age);
        assert_eq!(shape.readings.len(), samples.len());
        assert_eq!(shape.readings[0].quantity, Quantity::Age);
        assert_eq!(&*shape.components[0].label, "ipam");
    }

    #[test]
    fn no_two_of_the_same() {
        let twice = Snapshot::new(vec![subnet("1", 5.0), subnet("1", 6.0)], None, Warnings::default());
        assert_eq!(twice.unwrap_err().reason, "there are two of subnet 1");
        let kinds = vec![subnet("1", 5.0), Object::new(ComponentKind::License, "1", None)];
        assert_eq!(snapshot(kinds).objects().len(), 2, "of two kinds");
    }
}
