//! NetBox: subnets by counting addresses, counts of device types, module types and inventory items, and
//! power units with the ratings of their feeds.
//!
//! NetBox has no figure for the use of a prefix and no API to ask for many at once: asking prefix by
//! prefix would be a request each, so all addresses are read once and counted here.

mod rows;

use super::failure::Failure;
use super::http::{Call, Client};
use super::loose::Row;
use super::object::Object;
use super::occupancy::Occupancy;
use super::pages::{Next, Page, Pages};
use super::snapshot::{Snapshot, Warnings};
use crate::model::{ComponentKind, SnapshotError};
use rows::{Feed, Items, Prefix};
use serde_json::Value;
use std::collections::BTreeMap;

/// One NetBox.
#[derive(Debug)]
pub(super) struct NetBox {
    client: Client,
    kinds: Vec<ComponentKind>,
    page_rows: usize,
}

impl NetBox {
    pub(super) const fn new(client: Client, kinds: Vec<ComponentKind>, page_rows: usize) -> Self {
        Self { client, kinds, page_rows }
    }

    pub(super) async fn take(&mut self) -> Result<Snapshot, Failure> {
        self.client.begin();
        let taken = self.read().await;
        taken.map_err(|it| self.client.hide(it))
    }

    async fn read(&mut self) -> Result<Snapshot, Failure> {
        let (mut objects, mut warnings) = (Vec::new(), Warnings::default());
        for kind in self.kinds.clone() {
            let taken = match kind {
                ComponentKind::Subnet => self.subnets().await,
                ComponentKind::PartModel => self.part_models(&mut warnings).await,
                _ => self.power_units(&mut warnings).await,
            };
            objects.extend(taken.map_err(|it| it.within(kind.name()))?);
        }
        Snapshot::new(objects, None, warnings)
    }

    async fn subnets(&mut self) -> Result<Vec<Object>, Failure> {
        let prefixes: Vec<Prefix> = self.list("api/ipam/prefixes/", &[], rows::prefix).await?;
        let fields = [("fields", "id,address,vrf")];
        let addresses = self.list("api/ipam/ip-addresses/", &fields, |row| Ok(rows::address(row))).await?;
        let ranges = self.list("api/ipam/ip-ranges/", &[], |row| Ok(rows::utilized_range(row))).await?;
        let mut taken = Occupancy::default();
        for (vrf, address) in addresses.into_iter().flatten() {
            taken.address(vrf, address);
        }
        for (vrf, first, last) in ranges.into_iter().flatten() {
            taken.range(vrf, first, last);
        }
        taken.settle();
        Ok(prefixes.into_iter().map(|it| it.counted(&taken)).collect())
    }

    async fn part_models(&mut self, warnings: &mut Warnings) -> Result<Vec<Object>, Failure> {
        let mut spares: BTreeMap<Box<str>, u32> = BTreeMap::new();
        let in_store = [("status", "inventory"), ("exclude", "config_context")];
        let types = self.list("api/dcim/devices/", &in_store, |row| row.row("device_type").id("id")).await?;
        for of_type in types {
            *spares.entry(of_type).or_default() += 1;
        }
        let mut objects = self
            .list("api/dcim/device-types/", &[], |row| rows::type_of(row, "device type", Some(&spares)))
            .await?;
        objects.extend(
            self.list("api/dcim/module-types/", &[], |row| rows::type_of(row, "module type", None)).await?,
        );
        objects.retain(rows::is_used);
        let mut items = Items::default();
        let counted = self.list("api/dcim/inventory-items/", &[], |row| {
            items.add(row);
            Ok(())
        });
        match counted.await {
            Ok(_) => objects.extend(items.objects()),
            // They are to leave NetBox.
            Err(failure) if failure.class == SnapshotError::Schema => {
                warnings.add(|| "there are no inventory items: parts in devices are not counted".to_owned());
            }
            Err(failure) => return Err(failure),
        }
        Ok(objects)
    }

    async fn power_units(&mut self, warnings: &mut Warnings) -> Result<Vec<Object>, Failure> {
        let mut feeds: BTreeMap<Box<str>, Vec<Feed>> = BTreeMap::new();
        for (devices, feed) in
            self.list("api/dcim/power-feeds/", &[], |row| Ok(rows::feed(row))).await?.into_iter().flatten()
        {
            for device in devices {
                feeds.entry(device).or_default().push(feed);
            }
        }
        let outlets = [("power_outlets", "true"), ("exclude", "config_context")];
        self.list("api/dcim/devices/", &outlets, |row| {
            let fed_by = feeds.get(&row.id("id")?).map(Vec::as_slice).unwrap_or_default();
            rows::power_unit(row, fed_by, &mut |it| warnings.add(|| it))
        })
        .await
    }

    /// All rows of a list, in the order of their ids.
    async fn list<T>(
        &mut self,
        path: &str,
        parameters: &[(&str, &str)],
        mut of_row: impl FnMut(Row<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut pages = Pages::default();
        let mut offset = 0;
        loop {
            let call =
                Call::get(path).with("limit", self.page_rows).with("offset", offset).with("ordering", "id");
            let call = parameters.iter().fold(call, |call, (name, value)| call.with(name, value));
            let Some(answer) = self.client.ask(&call).await? else {
                let reason = format!("there is no /{path}: is the url that of a NetBox?");
                return Err(Failure::new(SnapshotError::Schema, reason));
            };
            let list = answer.get("results").and_then(Value::as_array);
            let list = list.ok_or_else(|| Failure::malformed(format!("/{path} sends no results")))?;
            let rows: Result<Vec<_>, Failure> =
                list.iter().map(|it| Ok((Row(it).id("id")?, it.clone()))).collect();
            let total = answer.get("count").and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
            // Without a count, `next` tells the end.
            let is_last = answer.get("next").is_none_or(Value::is_null);
            let total = total.or_else(|| is_last.then(|| offset + list.len()));
            match pages.take(Page { rows: rows?, total }).map_err(|it| it.within(path))? {
                Next::Ask { offset: next } => offset = next,
                Next::Done => return pages.into_rows().iter().map(|it| of_row(Row(it))).collect(),
            }
        }
    }
}
