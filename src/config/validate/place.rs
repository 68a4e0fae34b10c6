//! From a merged value back to its place: figment's tag tells the layer, the keys lead on within it.

use crate::config::layer::{Layer, Step};
use crate::config::report::{Place, Report};
use figment::Figment;
use figment::value::magic::Tagged;
use std::collections::HashMap;
use std::path::Path;

/// All layers, and what came of them.
pub(in crate::config) struct Layers<'a, 't> {
    layers: &'a [Layer<'t>],
    figment: &'a Figment,
    by_name: HashMap<&'a str, usize>,
    files: &'a [&'a Path],
}

impl<'a, 't> Layers<'a, 't> {
    pub(in crate::config) fn new(
        layers: &'a [Layer<'t>],
        figment: &'a Figment,
        files: &'a [&'a Path],
    ) -> Self {
        let by_name = layers.iter().enumerate().map(|(at, it)| (it.name.as_str(), at)).collect();
        Self { layers, figment, by_name, files }
    }

    /// The place of a merged value that the steps lead to, or of the nearest thing on the way.
    pub(super) fn tagged<T>(&self, value: &Tagged<T>, steps: &[Step<'_>]) -> Place {
        match self.layer(value) {
            Some(layer) => Place::at(layer.source, layer.nearest(steps).start),
            None => self.first_with(&steps[..steps.len().saturating_sub(1)]),
        }
    }

    /// The place of what the steps lead to, in the first layer that has it.
    pub(super) fn first_with(&self, steps: &[Step<'_>]) -> Place {
        let layer = self.layers.iter().find(|it| it.has(steps));
        layer.map_or(Place::whole(0), |it| Place::at(it.source, it.nearest(steps).start))
    }

    /// Whether any layer has something there, right or wrong.
    pub(super) fn any_has(&self, steps: &[Step<'_>]) -> bool {
        self.layers.iter().any(|it| it.has(steps))
    }

    /// Whether the user says nothing about it.
    pub(super) fn is_default<T>(&self, value: &Tagged<T>) -> bool {
        self.layer(value).is_none()
    }

    /// The layer that a merged value comes from; `None` for built-in defaults.
    pub(super) fn layer<T>(&self, value: &Tagged<T>) -> Option<&'a Layer<'t>> {
        let name = &self.figment.get_metadata(value.tag())?.name;
        self.layers.get(*self.by_name.get(&**name)?)
    }

    /// The file of a place, if it is in one.
    pub(super) fn file(&self, place: Place) -> Option<&'a Path> {
        self.files.get(place.source).copied()
    }

    /// A place in words: `conf.d/pdus.toml:12`.
    pub(super) fn shown(&self, place: Place) -> String {
        let Some(layer) = self.layers.get(place.source) else { return "the built-in defaults".to_owned() };
        match place.offset {
            Some(offset) if !layer.literal => format!("{}:{}", layer.name, layer.line(offset)),
            _ => layer.name.clone(),
        }
    }
}

/// One element of a list of tables.
pub(super) struct Element<'a, 't> {
    layer: &'a Layer<'t>,
    list: &'static str,
    index: usize,
}

impl<'a, 't> Element<'a, 't> {
    /// The element at `index` of the list of that name in its layer.
    pub(super) fn new<T>(
        layers: &Layers<'a, 't>,
        value: &Tagged<T>,
        list: &'static str,
        index: usize,
    ) -> Option<Self> {
        Some(Self { layer: layers.layer(value)?, list, index })
    }

    /// The place of a key, or of the element if it has none.
    pub(super) fn place(&self, steps: &[Step<'_>]) -> Place {
        let mut all = vec![Step::Key(self.list), Step::Index(self.index)];
        all.extend_from_slice(steps);
        Place::at(self.layer.source, self.layer.nearest(&all).start)
    }

    /// The place of one key.
    pub(super) fn key(&self, key: &str) -> Place {
        self.place(&[Step::Key(key)])
    }

    /// Whether its file is broken somewhere, so that what seems missing may be there.
    pub(super) fn is_broken(&self, report: &Report) -> bool {
        report.is_broken(self.layer.source)
    }

    /// Whether the user wrote that key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.layer.has(&[Step::Key(self.list), Step::Index(self.index), Step::Key(key)])
    }
}
