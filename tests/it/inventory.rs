//! Inventory sources against servers that behave as the real ones do, over real sockets: Device42's DOQL over
//! PostgreSQL, NetBox, Snipe-IT and phpIPAM by their documented shapes, files, and every fault that a
//! network, a server or an operator may bring.

mod daemon;
mod device42;
mod device42_pages;
mod faults;
mod netbox;
mod phpipam;
mod postgres;
mod server;
mod snipe_it;

use rackwarden::inventory::settings::{Access, HttpAccess, Login, MatchKey, Product, TlsSettings};
use rackwarden::inventory::{Collector, Failure, InventorySettings, Object, Snapshot};
use rackwarden::model::{ComponentKind, Labels, Quantity, Sample, Secret, UnixMillis};
use std::time::Duration;

/// 2026-03-10T18:00:00Z
const NOW: UnixMillis = UnixMillis(1_773_165_600_000);
/// Nothing here takes long; a machine under load may.
const LIMIT: Duration = Duration::from_secs(60);

/// A source of that product at that address, with everything that it has.
fn settings(product: Product, url: &str, login: Login) -> InventorySettings {
    let access = HttpAccess {
        product,
        url: url.to_owned(),
        login,
        tls: TlsSettings::default(),
        page_rows: product.page_rows(),
    };
    InventorySettings {
        name: "source".into(),
        access: Access::Http(access),
        kinds: product.kinds().to_vec(),
        software_types: vec!["managed".to_owned()],
        interval: Duration::from_secs(900),
        timeout: Duration::from_secs(20),
        time_limit: LIMIT,
        gone_after: 3,
        labels: Labels::default(),
        match_by: MatchKey::ALL.to_vec(),
    }
}

fn http(settings: &mut InventorySettings) -> &mut HttpAccess {
    match &mut settings.access {
        Access::Http(access) => access,
        Access::File(_) => unreachable!("a source over HTTP"),
    }
}

fn token(text: &str) -> Login {
    Login::Token(Secret::new(text))
}

/// One snapshot by a collector of its own.
fn take(settings: &InventorySettings) -> Result<Snapshot, Failure> {
    runtime().block_on(async { Collector::new(settings)?.take(NOW).await })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn of_kind(snapshot: &Snapshot, kind: ComponentKind) -> Vec<&Object> {
    snapshot.objects().iter().filter(|it| it.kind == kind).collect()
}

#[track_caller]
fn object<'a>(snapshot: &'a Snapshot, kind: ComponentKind, id: &str) -> &'a Object {
    let found = snapshot.objects().iter().find(|it| it.kind == kind && &*it.id == id);
    found.unwrap_or_else(|| panic!("no {kind} {id} among {:?}", snapshot.counts()))
}

#[track_caller]
fn figure(object: &Object, quantity: Quantity) -> Sample {
    object.figures.iter().find(|it| it.quantity == quantity && it.name.is_empty()).unwrap().sample
}
