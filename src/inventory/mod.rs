//! Inventories: snapshots of what asset systems and files know (software, licences, operating systems,
//! subnets, part models, power units), as readings in the same store as those of polled devices.
//!
//! Pure: the shape of a snapshot (`snapshot`, `object`), the way of rows to objects (`loose`, each source's
//! `rows`), files (`document`, `table`), counting (`capacity`, `occupancy`, `date`), paging (`pages`), and
//! what is kept between snapshots (`keeper`). Shells: `http`, `file`, and the sources that call them.
//!
//! Invariants: a snapshot is taken whole or not at all; null is unknown, never 0; a source is asked one
//! request at a time; redirects are not followed; everything that a source sends has a limit.

pub mod capacity;
mod collector;
pub mod date;
mod device42;
pub mod document;
pub mod failure;
pub mod file;
pub mod http;
pub mod keeper;
pub mod limits;
pub mod loose;
mod netbox;
pub mod object;
pub mod occupancy;
pub mod pages;
mod phpipam;
pub mod settings;
pub mod snapshot;
mod snipe_it;
pub mod table;

pub use collector::Collector;
pub use failure::Failure;
pub use keeper::Keeper;
pub use object::Object;
pub use settings::InventorySettings;
pub use snapshot::Snapshot;
