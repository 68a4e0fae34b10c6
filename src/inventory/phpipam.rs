//! phpIPAM: subnets with their use, section by section; the use is phpIPAM's own figure.
//!
//! A user's token is had by HTTP Basic before each snapshot (it lives six hours); an application's code is
//! sent as it is. phpIPAM blocks an address for five minutes after ten failed logins: failures back off.

use super::capacity::Ipv4Net;
use super::failure::Failure;
use super::http::{Call, Client};
use super::loose::Row;
use super::object::Object;
use super::settings::Login;
use super::snapshot::{Snapshot, Warnings};
use crate::model::{ComponentKind, Missing, Sample, Secret, SnapshotError};
use reqwest::header::HeaderName;
use serde_json::Value;
use std::collections::BTreeMap;

/// One phpIPAM.
#[derive(Debug)]
pub(super) struct PhpIpam {
    client: Client,
    login: Login,
}

/// Its token's header.
const TOKEN: HeaderName = HeaderName::from_static("token");

impl PhpIpam {
    pub(super) const fn new(client: Client, login: Login) -> Self {
        Self { client, login }
    }

    pub(super) async fn take(&mut self) -> Result<Snapshot, Failure> {
        self.client.begin();
        let taken = self.read().await;
        taken.map_err(|it| self.client.hide(it))
    }

    async fn read(&mut self) -> Result<Snapshot, Failure> {
        self.log_in().await?;
        let vrfs = self.names("vrfs/", "vrfId").await?;
        let sections = self.names("sections/", "id").await?;
        let (mut objects, mut warnings) = (Vec::new(), Warnings::default());
        for (id, section) in sections {
            // 404 is a section without subnets.
            let subnets = self.list(&format!("sections/{id}/subnets/")).await?.unwrap_or_default();
            for subnet in subnets.iter().map(Row) {
                if subnet.flag("isFolder") == Some(true) {
                    continue;
                }
                let usage = match subnet.get("usage") {
                    Some(usage) => usage.clone(),
                    None => self.usage(&subnet.id("id")?).await?,
                };
                objects.push(object(subnet, Row(&usage), &section, &vrfs)?);
            }
        }
        if objects.is_empty() {
            warnings.add(|| "there is no subnet that the application may see".to_owned());
        }
        Snapshot::new(objects, None, warnings)
    }

    async fn log_in(&mut self) -> Result<(), Failure> {
        let login = self.login.clone();
        match &login {
            Login::Session { user, password, .. } => {
                let path = self.path("user/");
                let answer = self.client.call(&Call::post(&path, Vec::new()).basic(user, password)).await;
                let data = data(answer.map_err(|it| it.within("no token"))?)?.unwrap_or_default();
                let token = Row(&data)
                    .text("token")
                    .ok_or_else(|| Failure::malformed("the login brings no token"))?;
                let token = Secret::new(token);
                self.client.keep_secret(token.clone());
                self.client.authorize(TOKEN, Some(&token))
            }
            Login::AppCode { code, .. } => self.client.authorize(TOKEN, Some(code)),
            Login::Basic { .. } | Login::Token(_) => Ok(()),
        }
    }

    fn path(&self, rest: &str) -> String {
        let app = match &self.login {
            Login::Session { app, .. } | Login::AppCode { app, .. } => app.as_str(),
            Login::Basic { .. } | Login::Token(_) => "",
        };
        format!("api/{app}/{rest}")
    }

    /// The rows of a list; `None` where it says that there are none.
    async fn list(&mut self, rest: &str) -> Result<Option<Vec<Value>>, Failure> {
        let path = self.path(rest);
        let Some(answer) = self.client.ask(&Call::get(&path)).await.map_err(|it| it.within(rest))? else {
            return Ok(None);
        };
        match data(answer).map_err(|it| it.within(rest))? {
            None => Ok(None),
            Some(Value::Array(rows)) => Ok(Some(rows)),
            Some(_) => Err(Failure::malformed(format!("{rest} is no list"))),
        }
    }

    /// Names by id.
    async fn names(&mut self, rest: &str, id: &str) -> Result<BTreeMap<Box<str>, String>, Failure> {
        let rows = self.list(rest).await?.unwrap_or_default();
        let pair = |row: &Value| Ok((Row(row).id(id)?, Row(row).text("name").unwrap_or_default()));
        rows.iter().map(pair).collect()
    }

    /// For versions whose sections do not bring the use along.
    async fn usage(&mut self, id: &str) -> Result<Value, Failure> {
        let path = self.path(&format!("subnets/{id}/usage/"));
        let answer = self.client.call(&Call::get(&path)).await.map_err(|it| it.within("usage"))?;
        Ok(data(answer)?.unwrap_or_default())
    }
}

/// `data` of an answer; `None` where it is a success without any. Failures have `success: false`, as text
/// or number too, and a code that may not be that of HTTP.
fn data(answer: Value) -> Result<Option<Value>, Failure> {
    let row = Row(&answer);
    let code = row.text("code").and_then(|it| it.parse::<u16>().ok());
    if row.flag("success") == Some(false) || code.is_some_and(|it| 400 <= it) {
        let words = row.text("message").unwrap_or_else(|| "it does not say why".to_owned());
        let class = match code {
            Some(401 | 403) => SnapshotError::Access,
            Some(404) => return Ok(None),
            _ => SnapshotError::ServerError,
        };
        return Err(Failure::new(class, format!("phpIPAM refuses: {words}")));
    }
    if !answer.is_object() || (code.is_none() && row.flag("success").is_none()) {
        return Err(Failure::malformed("the answer is not phpIPAM's"));
    }
    Ok(row.get("data").cloned())
}

fn object(
    row: Row<'_>,
    usage: Row<'_>,
    section: &str,
    vrfs: &BTreeMap<Box<str>, String>,
) -> Result<Object, Failure> {
    let network = match (row.text("subnet"), row.text("mask")) {
        (Some(subnet), Some(mask)) => Some(format!("{subnet}/{mask}")),
        _ => None,
    };
    let is_v4 = network.as_deref().is_some_and(|it| Ipv4Net::parse(it).is_some());
    let vrf = row.id("vrfId").ok().and_then(|it| vrfs.get(&it).cloned());
    let (total, used) = if is_v4 {
        (usage.count("maxhosts"), usage.count("used"))
    } else {
        (Sample::Missing(Missing::NotDefined), Sample::Missing(Missing::NotDefined))
    };
    Ok(Object::new(ComponentKind::Subnet, row.id("id")?, row.text("description").or_else(|| network.clone()))
        .label("network", network)
        .label("vrf", vrf)
        .label("section", Some(section.to_owned()))
        .label("parent", row.text("masterSubnetId").filter(|it| it != "0"))
        .addresses(total, used))
}

#[cfg(test)]
mod tests {
    use super::{Row, data, object};
    use crate::model::{Missing, Quantity, Sample, SnapshotError};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn subnets_with_their_use() {
        let vrfs = BTreeMap::from([("2".into(), "blue".to_owned())]);
        let row = json!({"id": "7", "subnet": "10.0.0.0", "mask": "24", "description": "", "vrfId": "2",
            "masterSubnetId": "0", "isFolder": "0"});
        let usage = json!({"used": "127", "maxhosts": "254", "freehosts": "127", "Used_percent": 50.0});
        let subnet = object(Row(&row), Row(&usage), "Office", &vrfs).unwrap();
        let of = |quantity| subnet.figures.iter().find(|it| it.quantity == quantity).unwrap().sample;
        assert_eq!(of(Quantity::AddressUse), Sample::Value(50.0));
        assert_eq!((&*subnet.name, subnet.label_value("vrf")), ("10.0.0.0/24", Some("blue")));
        assert_eq!(subnet.label_value("parent"), None);
        let v6 = json!({"id": 8, "subnet": "2001:db8::", "mask": 64, "vrfId": null});
        let subnet =
            object(Row(&v6), Row(&json!({"used": 5, "maxhosts": "18446744073709551616"})), "", &vrfs)
                .unwrap();
        assert!(subnet.figures.iter().all(|it| it.sample == Sample::Missing(Missing::NotDefined)));
    }

    #[test]
    fn codes_inside_of_a_good_status() {
        let class = |answer| data(answer).unwrap_err().class;
        assert_eq!(
            class(json!({"code": 500, "success": false, "message": "Invalid application id"})),
            SnapshotError::ServerError
        );
        assert_eq!(class(json!({"code": "403", "success": 0, "message": "no"})), SnapshotError::Access);
        assert_eq!(class(json!({"rows": []})), SnapshotError::Malformed);
        assert_eq!(class(json!([])), SnapshotError::Malformed);
        assert_eq!(data(json!({"code": 200, "success": true, "data": [1]})).unwrap(), Some(json!([1])));
        assert_eq!(data(json!({"code": 404, "success": 0, "message": "No subnets found"})).unwrap(), None);
        assert_eq!(
            data(json!({"code": 200, "success": true, "message": "No sections available"})).unwrap(),
            None
        );
    }
}
