//! What every request passes first: who is it, and may they?

use super::super::error::ApiError;
use super::super::router::Shared;
use super::passwords::Verdict;
use super::web_file::{Token, WebFile};
use super::{Access, Caller, Role};
use crate::model::Secret;
use crate::telemetry::http as events;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Lets a request through or answers it. Whoever comes through is among the extensions as [`Caller`].
pub(in crate::http) async fn guard(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let access = &shared.app.access;
    let caller = access.caller(request.headers(), shared.limits.turn_time_max).await;
    let mut response = match caller {
        // Where nobody is asked who they are, what changes something refuses everybody by itself.
        Ok(it) if it.role < Role::Operator && !access.is_open() && changes_state(request.method()) => {
            events::denied("forbidden");
            ApiError::NotAnOperator.into_response()
        }
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(denied) => denied.answer(access),
    };
    for (name, value) in &access.0.file.load().headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

fn changes_state(method: &Method) -> bool {
    !method.is_safe()
}

/// Why somebody is not let in.
enum Denied {
    /// No name, a wrong one, or a wrong secret: which one is nobody's business.
    Unknown,
    Busy,
}

impl Denied {
    fn answer(self, access: &Access) -> Response {
        match self {
            Self::Busy => {
                events::denied("busy");
                ApiError::Busy.into_response()
            }
            Self::Unknown => {
                events::denied("unauthenticated");
                let mut response = ApiError::NotAuthenticated.into_response();
                let file = access.0.file.load();
                let headers = response.headers_mut();
                if !file.users.is_empty() {
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(BASIC_CHALLENGE));
                }
                if !file.tokens.is_empty() {
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        }
    }
}

const BASIC_CHALLENGE: &str = "Basic realm=\"Rackwarden\", charset=\"UTF-8\"";

impl Access {
    fn is_open(&self) -> bool {
        self.0.file.load().is_open()
    }

    /// Who sent these headers.
    async fn caller(&self, headers: &HeaderMap, wait_max: Duration) -> Result<Caller, Denied> {
        let file = self.0.file.load_full();
        if file.is_open() {
            return Ok(Caller { name: String::new(), role: Role::Reader });
        }
        let given = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()).ok_or(Denied::Unknown)?;
        let (scheme, given) = given.split_once(' ').ok_or(Denied::Unknown)?;
        let given = given.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return by_token(&file, given).ok_or(Denied::Unknown);
        }
        // Without users no password is tried: bcrypt costs.
        if !scheme.eq_ignore_ascii_case("basic") || file.users.is_empty() {
            return Err(Denied::Unknown);
        }
        let (name, password) = user_and_password(given).ok_or(Denied::Unknown)?;
        let user = file.users.get(&name);
        let hash = user.map(|it| it.hash.clone());
        match (self.0.passwords.check(&name, password, hash, wait_max).await, user) {
            (Verdict::Right, Some(user)) => Ok(Caller { role: user.role, name }),
            (Verdict::Busy, _) => Err(Denied::Busy),
            (Verdict::Right | Verdict::Wrong, _) => Err(Denied::Unknown),
        }
    }
}

/// All are compared, so that time does not tell which one was close.
fn by_token(file: &WebFile, token: &str) -> Option<Caller> {
    let sha256: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let is_it = |it: &&Token| bool::from(it.sha256.ct_eq(&sha256));
    let found: Vec<&Token> = file.tokens.iter().filter(is_it).collect();
    found.into_iter().max_by_key(|it| it.role).map(|it| Caller { name: it.name.clone(), role: it.role })
}

/// RFC 7617.
fn user_and_password(given: &str) -> Option<(String, Secret)> {
    let octets = Zeroizing::new(STANDARD.decode(given).ok()?);
    let (name, password) = std::str::from_utf8(&octets).ok()?.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}
