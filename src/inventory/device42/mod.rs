//! Device42: DOQL for all that it can say, REST where the vendor computes better (stock of part models).
//!
//! HTTP Basic, or a token that is minted before each snapshot and again when it has run out: tokens live
//! for as little as ten seconds.

mod query;
mod rows;

use super::failure::Failure;
use super::http::{Call, Client};
use super::limits::OBJECTS_MAX;
use super::loose::Row;
use super::object::Object;
use super::pages::{Next, Page, Pages};
use super::settings::Login;
use super::snapshot::{Snapshot, Warnings};
use crate::model::{ComponentKind, Secret, SnapshotError};
use query::{Dictionary, Fitted, QUERIES, Query};
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

/// One appliance.
#[derive(Debug)]
pub(super) struct Device42 {
    client: Client,
    login: Login,
    kinds: Vec<ComponentKind>,
    software_types: Vec<String>,
    page_rows: usize,
    /// The queries as they fit the appliance; looked at once, and again after a query failed.
    fitted: Option<Vec<(&'static Query, Fitted)>>,
    /// That the columns could not be checked.
    unchecked: Option<String>,
}

impl Device42 {
    pub(super) const fn new(
        client: Client,
        login: Login,
        kinds: Vec<ComponentKind>,
        software_types: Vec<String>,
        page_rows: usize,
    ) -> Self {
        Self { client, login, kinds, software_types, page_rows, fitted: None, unchecked: None }
    }

    pub(super) async fn take(&mut self) -> Result<Snapshot, Failure> {
        self.client.begin();
        let taken = self.read().await.map_err(|it| self.client.hide(it));
        if taken.is_err() {
            // Perhaps another version runs by then.
            self.fitted = None;
        }
        taken
    }

    async fn read(&mut self) -> Result<Snapshot, Failure> {
        self.log_in().await?;
        let fitted = match self.fitted.take() {
            Some(fitted) => fitted,
            None => self.fit().await?,
        };
        let (mut objects, mut warnings) = (Vec::new(), Warnings::default());
        for warning in fitted.iter().flat_map(|(_, it)| &it.warnings).chain(&self.unchecked) {
            warnings.add(|| warning.clone());
        }
        for (query, fitted) in &fitted {
            let from_rest = match query.kind {
                ComponentKind::PartModel => self.part_models(&mut warnings).await?,
                _ => None,
            };
            objects.extend(match from_rest {
                Some(objects) => objects,
                None => {
                    let rows = self.rows(query.kind, fitted).await.map_err(|it| explain(it, query.kind))?;
                    rows::objects(query.kind, &rows).map_err(|it| it.within(query.kind.name()))?
                }
            });
        }
        self.fitted = Some(fitted);
        Snapshot::new(objects, None, warnings)
    }

    /// Mints a token, where one is wanted.
    async fn log_in(&mut self) -> Result<(), Failure> {
        let Login::Session { user, password, .. } = &self.login else { return Ok(()) };
        let form = vec![("grant_type", "client_credentials".to_owned())];
        let answer = self.client.call(&Call::post("tauth/1.0/token/", form).basic(user, password)).await;
        let answer = answer.map_err(|it| it.within("no token"))?;
        let token =
            Row(&answer).first_text(&["token", "access_token"]).ok_or_else(|| query::refusal(&answer))?;
        self.client.keep_secret(Secret::new(token.clone()));
        self.client.authorize(AUTHORIZATION, Some(&Secret::new(format!("Bearer {token}"))))
    }

    /// One call; a token that has run out meanwhile is minted anew, once.
    async fn call(&mut self, call: Call<'_>) -> Result<Option<Value>, Failure> {
        let login = self.login.clone();
        let call = match &login {
            Login::Basic { user, password } => call.basic(user, password),
            _ => call,
        };
        match (self.client.ask(&call).await, &login) {
            (Err(failure), Login::Session { .. }) if failure.class == SnapshotError::Access => {
                self.log_in().await?;
                self.client.ask(&call).await
            }
            (answer, _) => answer,
        }
    }

    /// Holds the queries against the data dictionary.
    async fn fit(&mut self) -> Result<Vec<(&'static Query, Fitted)>, Failure> {
        let answer = self.call(Call::get("services/data/v1.0/dd/")).await;
        self.unchecked = None;
        let dictionary = match &answer {
            Ok(Some(answer)) => Dictionary::read(answer),
            Ok(None) => None,
            // It lets us in, but has no dictionary for us: the queries may do all the same.
            Err(failure)
                if matches!(failure.class, SnapshotError::ServerError | SnapshotError::Malformed) =>
            {
                None
            }
            Err(failure) => return Err(failure.clone().within("data dictionary")),
        };
        let queries = QUERIES.iter().filter(|it| self.kinds.contains(&it.kind));
        let Some(dictionary) = dictionary else {
            self.unchecked = Some("the data dictionary cannot be read: columns are not checked".to_owned());
            return Ok(queries.map(|it| (it, it.unfitted())).collect());
        };
        queries.map(|it| Ok((it, it.fit(&dictionary)?))).collect()
    }

    /// All rows of a query, page by page in the order of its key.
    async fn rows(&mut self, kind: ComponentKind, fitted: &Fitted) -> Result<Vec<Value>, Failure> {
        let (mut rows, mut after): (Vec<Value>, u64) = (Vec::new(), 0);
        loop {
            let text = fitted.page(after, self.page_rows, &self.software_types);
            let form = vec![("output_type", "json".to_owned()), ("query", text)];
            let answer = self.call(Call::post("services/data/v1.0/query/", form)).await?;
            let Some(answer) = answer else {
                let reason = "there is no DOQL at /services/data/v1.0/query/: is the url that of a Device42 appliance?";
                return Err(Failure::new(SnapshotError::Schema, reason));
            };
            let page = query::rows(answer)?;
            let count = page.len();
            for row in &page {
                let id = Row(row).id("id")?;
                let id = id
                    .parse::<u64>()
                    .map_err(|_| Failure::malformed(format!("the key {id} is no number")))?;
                if id <= after {
                    let reason = format!("rows of {kind} come out of order: {id} after {after}");
                    return Err(Failure::malformed(reason));
                }
                after = id;
            }
            rows.extend(page);
            if OBJECTS_MAX < rows.len() {
                let reason = format!("more than {OBJECTS_MAX} of {kind}");
                return Err(Failure::new(SnapshotError::Limit, reason));
            }
            if count < self.page_rows {
                return Ok(rows);
            }
        }
    }

    /// Part models by REST, where the vendor counts the stock; `None` where there is no such list for us.
    async fn part_models(&mut self, warnings: &mut Warnings) -> Result<Option<Vec<Object>>, Failure> {
        let mut pages = Pages::default();
        let mut offset = 0;
        loop {
            let call = Call::get("api/1.0/partmodels/").with("limit", self.page_rows).with("offset", offset);
            let answer = match self.call(call).await {
                Ok(Some(answer)) => answer,
                Ok(None) => break,
                Err(failure)
                    if matches!(failure.class, SnapshotError::Access | SnapshotError::ServerError) =>
                {
                    warnings
                        .add(|| format!("part models are counted by DOQL, since REST does not: {failure}"));
                    return Ok(None);
                }
                Err(failure) => return Err(failure.within("part_model")),
            };
            let rows =
                answer.get("partmodels").and_then(Value::as_array).ok_or_else(|| query::refusal(&answer))?;
            let keyed: Result<Vec<_>, Failure> =
                rows.iter().map(|it| Ok((Row(it).id("partmodel_id")?, it.clone()))).collect();
            let said = Row(&answer).text("total_count").and_then(|it| it.parse().ok());
            // Without its word: a page of another length than asked for is the last, or the whole list of
            // an appliance that does not enforce limits.
            let total = said.or_else(|| (rows.len() != self.page_rows).then(|| offset + rows.len()));
            match pages.take(Page { rows: keyed?, total }).map_err(|it| it.within("part_model"))? {
                Next::Ask { offset: next } => offset = next,
                Next::Done => return rows::objects(ComponentKind::PartModel, &pages.into_rows()).map(Some),
            }
        }
        warnings.add(|| "part models are counted by DOQL: there is no REST list of them".to_owned());
        Ok(None)
    }
}

/// A 500 of DOQL says nothing of its cause.
fn explain(failure: Failure, kind: ComponentKind) -> Failure {
    let is_500 = failure.class == SnapshotError::ServerError && failure.reason.contains("status 500");
    let hint = if is_500 {
        "; DOQL says so of a view or column that is not there or that our account may not read"
    } else {
        ""
    };
    Failure { reason: format!("{kind}: {}{hint}", failure.reason), ..failure }
}
