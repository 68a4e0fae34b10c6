//! One source, ready to be asked: which product speaks to it, and the limit of a whole snapshot.

use super::device42::Device42;
use super::failure::Failure;
use super::file::{Looker, Stamp};
use super::http::Client;
use super::netbox::NetBox;
use super::phpipam::PhpIpam;
use super::settings::{Access, HttpAccess, InventorySettings, Login, Product};
use super::snapshot::Snapshot;
use super::snipe_it::SnipeIt;
use crate::model::{ComponentKind, Secret, SnapshotError, UnixMillis};
use reqwest::header::AUTHORIZATION;
use std::time::Duration;

/// One source, ready to be asked.
#[derive(Debug)]
pub struct Collector {
    asked: Asked,
    time_limit: Duration,
}

#[derive(Debug)]
enum Asked {
    Device42(Box<Device42>),
    NetBox(Box<NetBox>),
    SnipeIt(Box<SnipeIt>),
    PhpIpam(Box<PhpIpam>),
    File(Looker),
}

impl Collector {
    /// A collector of that source. Reads certificates from disk.
    ///
    /// # Errors
    /// Its certificates or its secret cannot be used.
    pub fn new(settings: &InventorySettings) -> Result<Self, Failure> {
        let kinds = settings.kinds.clone();
        let asked = match &settings.access {
            Access::File(access) => Asked::File(Looker::new(access.clone(), &kinds)),
            Access::Http(access) => Self::asking(access, settings, kinds)?,
        };
        Ok(Self { asked, time_limit: settings.time_limit })
    }

    fn asking(
        access: &HttpAccess,
        settings: &InventorySettings,
        kinds: Vec<ComponentKind>,
    ) -> Result<Asked, Failure> {
        let mut client = Client::new(access, settings.timeout, vec![access.login.secret().clone()])?;
        let rows = access.page_rows;
        Ok(match access.product {
            Product::Device42 => {
                let types = settings.software_types.clone();
                Asked::Device42(Box::new(Device42::new(client, access.login.clone(), kinds, types, rows)))
            }
            Product::NetBox => {
                client.authorize(AUTHORIZATION, netbox_token(&access.login).as_ref())?;
                Asked::NetBox(Box::new(NetBox::new(client, kinds, rows)))
            }
            Product::SnipeIt => {
                let token = access.login.secret().expose();
                client.authorize(AUTHORIZATION, Some(&Secret::new(format!("Bearer {token}"))))?;
                Asked::SnipeIt(Box::new(SnipeIt::new(client, kinds, rows)))
            }
            Product::PhpIpam => Asked::PhpIpam(Box::new(PhpIpam::new(client, access.login.clone()))),
        })
    }

    /// What would change if its file were replaced; `None` where it is not to be seen, or none.
    pub async fn stamp(&self) -> Option<Stamp> {
        match &self.asked {
            Asked::File(looker) => looker.stamp().await,
            Asked::Device42(_) | Asked::NetBox(_) | Asked::SnipeIt(_) | Asked::PhpIpam(_) => None,
        }
    }

    /// Takes a snapshot, whole or not at all, within the time limit.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn take(&mut self, now: UnixMillis) -> Result<Snapshot, Failure> {
        let limit = self.time_limit;
        let taking = async {
            match &mut self.asked {
                Asked::Device42(it) => it.take().await,
                Asked::NetBox(it) => it.take().await,
                Asked::SnipeIt(it) => it.take(now).await,
                Asked::PhpIpam(it) => it.take().await,
                Asked::File(looker) => looker.take(now).await,
            }
        };
        tokio::time::timeout(limit, taking).await.unwrap_or_else(|_| {
            let shown = humantime::format_duration(limit);
            Err(Failure::new(SnapshotError::Limit, format!("the snapshot was not complete within {shown}")))
        })
    }
}

impl Login {
    /// The secret in it.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        match self {
            Self::Basic { password: secret, .. }
            | Self::Token(secret)
            | Self::Session { password: secret, .. }
            | Self::AppCode { code: secret, .. } => secret,
        }
    }
}

/// Tokens of version 2 begin with `nbt_` and are bearers.
fn netbox_token(login: &Login) -> Option<Secret> {
    let token = login.secret().expose();
    let scheme = if token.starts_with("nbt_") { "Bearer" } else { "Token" };
    (!token.is_empty()).then(|| Secret::new(format!("{scheme} {token}")))
}
