//! Snipe-IT: licences with seats and expiry dates; components, consumables and accessories as part models.
//!
//! Its API grants 120 requests a minute to a user and hands out at most 500 rows at a time; texts are
//! escaped for HTML.

use super::date::Expiry;
use super::failure::Failure;
use super::http::{Call, Client};
use super::loose::{self, Row};
use super::object::{Object, both};
use super::pages::{Next, Page, Pages};
use super::snapshot::{Snapshot, Warnings};
use crate::model::{ComponentKind, Missing, Sample, SnapshotError, UnixMillis};
use serde_json::Value;

/// One Snipe-IT.
#[derive(Debug)]
pub(super) struct SnipeIt {
    client: Client,
    kinds: Vec<ComponentKind>,
    page_rows: usize,
}

impl SnipeIt {
    pub(super) const fn new(client: Client, kinds: Vec<ComponentKind>, page_rows: usize) -> Self {
        Self { client, kinds, page_rows }
    }

    pub(super) async fn take(&mut self, now: UnixMillis) -> Result<Snapshot, Failure> {
        self.client.begin();
        let taken = self.read(now).await;
        taken.map_err(|it| self.client.hide(it))
    }

    async fn read(&mut self, now: UnixMillis) -> Result<Snapshot, Failure> {
        let mut objects = Vec::new();
        for kind in self.kinds.clone() {
            let lists: &[&str] = match kind {
                ComponentKind::License => &["licenses"],
                _ => &["components", "consumables", "accessories"],
            };
            for list in lists {
                let rows = self.list(list).await.map_err(|it| it.within(list))?;
                let each = rows.iter().map(|it| object(list, Row(it), now));
                objects.extend(each.collect::<Result<Vec<_>, _>>().map_err(|it| it.within(list))?);
            }
        }
        Snapshot::new(objects, None, Warnings::default())
    }

    async fn list(&mut self, list: &str) -> Result<Vec<Value>, Failure> {
        let path = format!("api/v1/{list}");
        let mut pages = Pages::default();
        let mut offset = 0;
        loop {
            let call = Call::get(&path)
                .with("limit", self.page_rows)
                .with("offset", offset)
                .with("sort", "id")
                .with("order", "asc");
            let Some(answer) = self.client.ask(&call).await? else {
                let reason = format!("there is no /{path}: is the url that of a Snipe-IT?");
                return Err(Failure::new(SnapshotError::Schema, reason));
            };
            let Some(rows) = answer.get("rows").and_then(Value::as_array) else {
                return Err(refusal(&answer));
            };
            let keyed: Result<Vec<_>, Failure> =
                rows.iter().map(|it| Ok((Row(it).id("id")?, it.clone()))).collect();
            let total = answer.get("total").and_then(loose::number).and_then(whole);
            match pages.take(Page { rows: keyed?, total })? {
                Next::Ask { offset: next } => offset = next,
                Next::Done => return Ok(pages.into_rows()),
            }
        }
    }
}

/// Errors come with status 200: `{"status": "error", "messages": ".."}`.
fn refusal(answer: &Value) -> Failure {
    let row = Row(answer);
    match row.first_text(&["messages", "message", "error"]) {
        Some(words) => Failure::new(SnapshotError::ServerError, format!("it refuses: {}", unescaped(&words))),
        None => Failure::malformed("the answer is no list of rows"),
    }
}

fn object(list: &str, row: Row<'_>, now: UnixMillis) -> Result<Object, Failure> {
    let text = |value: Option<String>| value.map(|it| unescaped(&it));
    let of = |key: &str| text(row.row(key).text("name"));
    let name = text(row.text("name"));
    let id = row.id("id")?;
    if list == "licenses" {
        return Ok(Object::new(ComponentKind::License, id, name)
            .label("vendor", of("manufacturer"))
            .label("category", of("category"))
            .label("customer", of("company"))
            .expires(expiry(row), now)
            .licenses("", row.count("seats"), used(row)));
    }
    // The three lists count their ids each for itself.
    let kind =
        list.strip_suffix("ies").map_or_else(|| list.trim_end_matches('s').to_owned(), |it| format!("{it}y"));
    Ok(Object::new(ComponentKind::PartModel, format!("{kind}-{id}"), name)
        .label("type", Some(kind))
        .label("category", of("category"))
        .label("vendor", of("manufacturer"))
        .label("model_number", text(row.text("model_number")))
        .label("part_number", text(row.text("item_no")))
        .label("location", of("location"))
        .label("customer", of("company"))
        .parts(row.count("qty"), remaining(row)))
}

/// Accessories have called it `remaining_qty` since 2018.
fn remaining(row: Row<'_>) -> Sample {
    match row.count("remaining") {
        Sample::Missing(Missing::NotGiven) => row.count("remaining_qty"),
        given => given,
    }
}

/// Seats that are checked out.
fn used(row: Row<'_>) -> Sample {
    let free = match row.count("free_seats_count") {
        Sample::Missing(Missing::NotGiven) => row.count("remaining"),
        given => given,
    };
    both(row.count("seats"), free, |seats, free| Sample::Value((seats - free).max(0.0)))
}

/// The earlier of expiry and termination.
fn expiry(row: Row<'_>) -> Result<Expiry, Missing> {
    let date = |key: &str| match row.row(key).first_text(&["date", "datetime"]).or_else(|| row.text(key)) {
        Some(text) => Expiry::parse(&text),
        None => Err(Missing::NotGiven),
    };
    match (date("expiration_date"), date("termination_date")) {
        (Ok(expiry), Ok(end)) if end.date() < expiry.date() => Ok(end),
        (Err(Missing::NotGiven), end) => end,
        (expiry, _) => expiry,
    }
}

fn whole(number: f64) -> Option<usize> {
    format!("{number:.0}").parse().ok()
}

/// Without the escapes that its API puts into texts (PHP's htmlspecialchars).
fn unescaped(text: &str) -> String {
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&amp;", "&")];
    plain.iter().fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[cfg(test)]
mod tests {
    use super::{Row, object, unescaped};
    use crate::model::{Missing, Quantity, Sample, UnixMillis};
    use serde_json::json;

    #[test]
    fn licences_and_parts() {
        let now = UnixMillis(1_773_165_600_000);
        let row = json!({"id": 3, "name": "R&amp;D &quot;suite&quot;", "seats": 10, "free_seats_count": "4",
            "manufacturer": {"id": 1, "name": "ACME"}, "category": null,
            "expiration_date": {"date": "2026-03-20", "formatted": "20.03.2026"}, "termination_date": null});
        let license = object("licenses", Row(&row), now).unwrap();
        let of = |quantity| license.figures.iter().find(|it| it.quantity == quantity).unwrap().sample;
        assert_eq!(&*license.name, "R&D \"suite\"");
        assert_eq!(of(Quantity::DaysLeft), Sample::Value(10.0));
        assert_eq!(of(Quantity::LicenseUse), Sample::Value(60.0));
        let endless =
            json!({"id": 4, "name": "x", "seats": 10, "free_seats_count": null, "expiration_date": null});
        let license = object("licenses", Row(&endless), now).unwrap();
        assert!(
            license
                .figures
                .iter()
                .filter(|it| it.quantity != Quantity::Licenses)
                .all(|it| it.sample == Sample::Missing(Missing::NotGiven))
        );
        let row =
            json!({"id": 5, "name": "RAM", "qty": null, "remaining": 2, "category": {"name": "Memory"}});
        let part = object("components", Row(&row), now).unwrap();
        assert_eq!((&*part.id, part.label_value("type")), ("component-5", Some("component")));
        assert_eq!(part.figures[0].sample, Sample::Missing(Missing::NotGiven), "null is unknown, never 0");
        assert_eq!(part.figures[1].sample, Sample::Value(2.0));
        let row = json!({"id": 5, "name": "Mouse", "qty": 8, "remaining_qty": 6});
        let part = object("accessories", Row(&row), now).unwrap();
        assert_eq!((&*part.id, part.figures[2].sample), ("accessory-5", Sample::Value(75.0)));
    }

    #[test]
    fn the_earlier_date_counts() {
        let date = |expires: &str, ends: &str| {
            let row =
                json!({"id": 1, "expiration_date": {"date": expires}, "termination_date": {"date": ends}});
            object("licenses", Row(&row), UnixMillis(0)).unwrap().label_value("expires").map(str::to_owned)
        };
        assert_eq!(date("2027-01-01", "2026-06-01").as_deref(), Some("2026-06-01"));
        assert_eq!(date("2026-01-01", "2026-06-01").as_deref(), Some("2026-01-01"));
        assert_eq!(date("", "2026-06-01").as_deref(), Some("2026-06-01"));
        assert_eq!(unescaped("a &amp;lt; b"), "a &lt; b", "unescaped once");
    }
}
