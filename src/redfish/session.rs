//! How a service lets us in: sessions, HTTP Basic, and when to stop asking. Pure.
//!
//! Invariants: one session a service; a request is repeated after at most one new login a poll; after
//! [`REFUSALS_MAX`] refused logins in a row the service is left alone for longer and longer, so that no account
//! is locked out; a session is handed over to be deleted before another takes its place.

use super::document::{error_of, message_ids};
use super::uri::{Origin, ResourceUri};
use crate::model::{Moment, Secret};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Fewer than any AccountLockoutThreshold that is in use.
pub const REFUSALS_MAX: u32 = 2;
/// How long a service is left alone after so many refused logins; doubled each time, up to the longest.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The longest such pause.
pub const REFUSED_PAUSE_MAX: Duration = Duration::from_secs(6 * 3600);
/// How long no session is opened after the service said that it has too many.
pub const FULL_PAUSE: Duration = Duration::from_secs(300);

/// What a request carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Pass {
    /// Nothing: no user is configured.
    Open,
    /// HTTP Basic.
    Basic,
    /// A session's token; the number tells sessions apart.
    Token(Secret, u32),
}

/// What comes before a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Gate {
    /// Go.
    Pass(Pass),
    /// Log in first.
    Login,
    /// Do not ask: it refused us.
    Closed(String),
}

/// A session that is open at the service.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSession {
    /// What lets us in.
    pub token: Secret,
    /// What is deleted in the end; `None` where the service did not say.
    pub uri: Option<ResourceUri>,
}

/// The answer to a login.
#[derive(Debug)]
pub struct LoginAnswer<'a> {
    /// Its status.
    pub status: u16,
    /// X-Auth-Token.
    pub token: Option<Secret>,
    /// Location.
    pub location: Option<&'a str>,
    /// Its body, where that is JSON.
    pub body: Option<&'a Value>,
}

/// What becomes of a request that was answered with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is asked again, with what the gate says then.
    Again,
    /// The user is let in, but not there: others go on.
    Barred,
    /// Nobody is let in.
    Ends,
}

/// As many requests with a password that may be wrong by now.
const SUSPECTS_MAX: usize = 2;

/// Resources that are remembered as closed to the user: as many as a service has circuits, supplies and sensors.
const BARRED_MAX: usize = 1_024;

/// How logins are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One session, kept.
    Session,
    /// A session for each poll: it would time out between them, and Basic is refused.
    SessionAPoll,
    /// HTTP Basic.
    Basic,
}

/// How one service lets us in.
#[derive(Debug)]
pub struct Access {
    has_user: bool,
    mode: Mode,
    open: Option<OpenSession>,
    /// Sessions so far.
    number: u32,
    /// Whether Basic was refused while the password is known to be right.
    basic_refused: bool,
    /// Refused logins in a row.
    refusals: u32,
    refused_until: Moment,
    full_until: Moment,
    reason: String,
    /// Whether a login was made again in this poll.
    is_renewed: bool,
    /// Sessions to be deleted.
    stale: Vec<OpenSession>,
    /// Whether a login has ever gone well.
    is_proved: bool,
    /// Whether a request with a user was answered well in this poll.
    is_let_in: bool,
    /// Resources that the user may not see, though he is let in.
    barred: BTreeSet<ResourceUri>,
    /// What was answered with 401 since HTTP Basic was answered well: barred, or the password is another by now.
    suspects: Vec<ResourceUri>,
    /// Whether HTTP Basic was ever answered well.
    is_basic_proved: bool,
}

impl Access {
    /// For a service with or without a user.
    #[must_use]
    pub const fn new(has_user: bool) -> Self {
        Self {
            has_user,
            mode: Mode::Session,
            open: None,
            number: 0,
            basic_refused: false,
            refusals: 0,
            refused_until: Moment::ZERO,
            full_until: Moment::ZERO,
            reason: String::new(),
            is_renewed: false,
            stale: Vec::new(),
            is_proved: false,
            is_let_in: false,
            barred: BTreeSet::new(),
            suspects: Vec::new(),
            is_basic_proved: false,
        }
    }

    /// What comes before the next request.
    #[must_use]
    pub fn gate(&self, now: Moment) -> Gate {
        if !self.has_user {
            return Gate::Pass(Pass::Open);
        }
        if let Some(open) = &self.open {
            return Gate::Pass(Pass::Token(open.token.clone(), self.number));
        }
        if now < self.refused_until {
            return Gate::Closed(self.reason.clone());
        }
        match self.mode {
            Mode::Basic => Gate::Pass(Pass::Basic),
            Mode::Session | Mode::SessionAPoll if now < self.full_until && !self.basic_refused => {
                Gate::Pass(Pass::Basic)
            }
            Mode::Session | Mode::SessionAPoll if now < self.full_until => Gate::Closed(self.reason.clone()),
            Mode::Session | Mode::SessionAPoll => Gate::Login,
        }
    }

    /// A poll begins: one new login is allowed in it.
    pub const fn begin(&mut self) {
        self.is_renewed = false;
        self.is_let_in = false;
    }

    /// The service is learnt anew: the user may be allowed more by now.
    pub fn forget_barred(&mut self) {
        self.barred.clear();
    }

    /// A poll has ended.
    pub fn end(&mut self) {
        if self.mode == Mode::SessionAPoll {
            self.stale.extend(self.open.take());
        }
    }

    /// A session that is to be deleted now. It stays the first until [`Self::deleted`] is told of it, so that a
    /// deletion that is cut off is made up for.
    #[must_use]
    pub fn stale(&self) -> Option<OpenSession> {
        self.stale.first().cloned()
    }

    /// That session was deleted, or cannot be.
    pub fn deleted(&mut self, session: &OpenSession) {
        self.stale.retain(|it| it != session);
    }

    /// The service is left: whatever is open is to be deleted.
    pub fn close(&mut self) {
        self.stale.extend(self.open.take());
    }

    /// Whether there is a session that is kept.
    #[must_use]
    pub const fn has_session(&self) -> bool {
        self.open.is_some()
    }

    /// The service ends idle sessions after that long.
    pub fn set_timeout(&mut self, timeout: Duration, interval: Duration) {
        // A poll may come a little late.
        if self.mode == Mode::Session && timeout <= interval + interval / 4 {
            self.mode = if self.basic_refused { Mode::SessionAPoll } else { Mode::Basic };
            self.stale.extend(self.open.take());
        }
    }

    /// A login was answered.
    pub fn on_login(&mut self, origin: &Origin, answer: &LoginAnswer<'_>, now: Moment) {
        let ids = || answer.body.into_iter().flat_map(message_ids);
        let is_full = || {
            ids().any(|it| it.contains("SessionLimitExceeded") || it.contains("RAC0218"))
                || answer.body.and_then(error_of).is_some_and(|it| it.contains("maximum number of"))
        };
        match (answer.status, &answer.token) {
            (200..=299, Some(token)) => {
                // Without a Location header the body says which session it is.
                let own = answer.body.and_then(|it| it.get("@odata.id")?.as_str());
                let named = [answer.location, own].into_iter().flatten();
                let uri = named.clone().find_map(|it| origin.resource(it).ok());
                // Behind a proxy or another name it gives its own name: the path is the same here.
                let uri = uri.or_else(|| named.clone().find_map(|it| origin.path_here(it)));
                self.stale.extend(self.open.take());
                self.open = Some(OpenSession { token: token.clone(), uri });
                self.number = self.number.wrapping_add(1);
                self.refusals = 0;
                self.is_proved = true;
                if ids().any(|it| it.contains("PasswordChangeRequired")) {
                    "the service wants another password for this user".clone_into(&mut self.reason);
                }
            }
            (401 | 403, _) if !is_full() => self.refuse(answer, now),
            (503 | 429, _) | (_, None) if is_full() => {
                self.full_until = now + FULL_PAUSE;
                "the service has as many sessions as it bears".clone_into(&mut self.reason);
            }
            (503 | 429 | 500, _) => {
                self.full_until = now + FULL_PAUSE;
                self.reason = format!("the service does not open a session (status {})", answer.status);
            }
            // It has no sessions.
            _ => self.mode = Mode::Basic,
        }
    }

    fn refuse(&mut self, answer: &LoginAnswer<'_>, now: Moment) {
        self.refusals = self.refusals.saturating_add(1);
        let said = answer.body.and_then(error_of).filter(|it| !it.is_empty());
        let said = said.map(|it| format!(": {it}")).unwrap_or_default();
        self.reason = format!("it does not accept the user or the password (status {}){said}", answer.status);
        if REFUSALS_MAX <= self.refusals {
            let doublings = (self.refusals - REFUSALS_MAX).min(5);
            let pause = REFUSED_PAUSE.saturating_mul(1 << doublings).min(REFUSED_PAUSE_MAX);
            self.refused_until = now + pause;
            self.reason.push_str("; it is not tried again for a while, so that the user is not locked out");
        }
    }

    /// Why nobody is let in, for people; empty where nothing is known.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// A request for that resource was answered with 401.
    pub fn on_unauthorized(&mut self, pass: &Pass, uri: &ResourceUri, now: Moment) -> Refused {
        match pass {
            Pass::Open => {
                "it wants a user and a password".clone_into(&mut self.reason);
                Refused::Ends
            }
            // Another request has logged in meanwhile.
            Pass::Token(_, number) if *number != self.number || self.open.is_none() => Refused::Again,
            Pass::Token(..) | Pass::Basic if self.barred.contains(uri) => Refused::Barred,
            Pass::Token(..) if self.is_renewed => {
                // The session was opened a moment ago, and is good elsewhere.
                self.bar(uri);
                Refused::Barred
            }
            Pass::Token(..) => {
                self.stale.extend(self.open.take());
                self.is_renewed = true;
                Refused::Again
            }
            Pass::Basic if self.is_let_in => {
                self.bar(uri);
                Refused::Barred
            }
            Pass::Basic if self.is_basic_proved => {
                self.suspects.push(uri.clone());
                if self.suspects.len() < SUSPECTS_MAX {
                    return Refused::Barred;
                }
                // Each of them was a refusal.
                self.suspects.clear();
                self.refusals = self.refusals.max(REFUSALS_MAX - 1);
                self.refuse_basic(now)
            }
            Pass::Basic if self.is_proved && !self.basic_refused => {
                self.basic_refused = true;
                if self.mode == Mode::Basic {
                    self.mode = Mode::SessionAPoll;
                }
                Refused::Again
            }
            Pass::Basic => self.refuse_basic(now),
        }
    }

    fn refuse_basic(&mut self, now: Moment) -> Refused {
        let answer = LoginAnswer { status: 401, token: None, location: None, body: None };
        self.refuse(&answer, now);
        Refused::Ends
    }

    /// One that was not let in anywhere yet is not believed to be barred there.
    fn bar(&mut self, uri: &ResourceUri) {
        if self.is_let_in && self.barred.len() < BARRED_MAX {
            self.barred.insert(uri.clone());
        }
    }

    /// A request with that pass was answered well.
    pub fn on_success(&mut self, pass: &Pass) {
        self.is_let_in |= *pass != Pass::Open;
        if *pass == Pass::Basic {
            self.refusals = 0;
            self.is_proved = true;
            self.is_basic_proved = true;
            for uri in std::mem::take(&mut self.suspects) {
                self.bar(&uri);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, FULL_PAUSE, Gate, LoginAnswer, OpenSession, Pass, REFUSED_PAUSE, Refused};
    use crate::model::{Moment, Secret};
    use crate::redfish::uri::{Origin, ResourceUri};
    use reqwest::Url;
    use serde_json::{Value, json};
    use std::time::Duration;

    const NOW: Moment = Moment::from_nanoseconds(1);

    fn origin() -> Origin {
        Origin::new(Url::parse("https://192.0.2.7").unwrap()).unwrap()
    }

    fn answer<'a>(
        status: u16,
        token: Option<&str>,
        location: Option<&'a str>,
        body: &'a Value,
    ) -> LoginAnswer<'a> {
        LoginAnswer { status, token: token.map(Secret::new), location, body: Some(body) }
    }

    fn log_in(access: &mut Access, token: &str, location: Option<&str>, body: &Value) {
        assert_eq!(access.gate(NOW), Gate::Login);
        access.on_login(&origin(), &answer(201, Some(token), location, body), NOW);
    }

    fn take_stale(access: &mut Access) -> Vec<OpenSession> {
        let mut all = Vec::new();
        while let Some(stale) = access.stale() {
            access.deleted(&stale);
            all.push(stale);
        }
        all
    }

    fn here() -> ResourceUri {
        ResourceUri::root()
    }

    fn pass(access: &Access) -> Pass {
        match access.gate(NOW) {
            Gate::Pass(pass) => pass,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_session_is_known_by_location_or_body_and_never_elsewhere() {
        let body = json!({"@odata.id": "/redfish/v1/SessionService/Sessions/7"});
        for (location, uri) in [
            (Some("/redfish/v1/SessionService/Sessions/3"), Some("/redfish/v1/SessionService/Sessions/3")),
            (Some("https://192.0.2.7/redfish/v1/Sessions/3"), Some("/redfish/v1/Sessions/3")),
            (None, Some("/redfish/v1/SessionService/Sessions/7")),
            // Its own name for itself, or another's: the path is asked here, and nowhere else.
            (
                Some("https://evil.example/redfish/v1/Sessions/3"),
                Some("/redfish/v1/SessionService/Sessions/7"),
            ),
        ] {
            let mut access = Access::new(true);
            log_in(&mut access, "t", location, &body);
            access.close();
            let stale = take_stale(&mut access);
            assert_eq!(stale[0].uri.as_ref().map(|it| it.as_str()), uri);
            assert_eq!(access.stale(), None);
        }
        let mut access = Access::new(true);
        let bodiless = Value::Null;
        log_in(&mut access, "t", Some("http://pdu-4.example/redfish/v1/Sessions/3"), &bodiless);
        access.close();
        let stale = take_stale(&mut access);
        assert_eq!(stale[0].uri.as_ref().map(|it| it.as_str()), Some("/redfish/v1/Sessions/3"));
    }

    #[test]
    fn one_new_login_a_poll() {
        let mut access = Access::new(true);
        log_in(&mut access, "a", None, &json!({}));
        access.begin();
        let first = pass(&access);
        assert_eq!(access.on_unauthorized(&first, &here(), NOW), Refused::Again, "it has expired");
        log_in(&mut access, "b", None, &json!({}));
        let other = access.on_unauthorized(&first, &here(), NOW);
        assert_eq!(other, Refused::Again, "the other request in flight takes the new one");
        let second = pass(&access);
        let again = access.on_unauthorized(&second, &here(), NOW);
        assert_eq!(again, Refused::Barred, "no third session is opened in this poll");
        assert_eq!(pass(&access), second);
        access.begin();
        assert_eq!(access.on_unauthorized(&second, &here(), NOW), Refused::Again);
    }

    #[test]
    fn a_wrong_password_is_tried_twice() {
        let mut access = Access::new(true);
        let body = json!({"error": {"message": "Bad", "@Message.ExtendedInfo": []}});
        for _ in 0..2 {
            assert_eq!(access.gate(NOW), Gate::Login);
            access.on_login(&origin(), &answer(401, None, None, &body), NOW);
        }
        let Gate::Closed(reason) = access.gate(NOW) else { panic!() };
        assert!(reason.contains("not accept the user or the password (status 401): Bad"), "{reason}");
        assert!(reason.contains("not locked out"), "{reason}");
        let later = NOW + REFUSED_PAUSE;
        assert_eq!(access.gate(later), Gate::Login);
        access.on_login(&origin(), &answer(401, None, None, &body), later);
        assert!(matches!(access.gate(later + REFUSED_PAUSE), Gate::Closed(_)), "longer each time");
        assert_eq!(access.gate(later + 2 * REFUSED_PAUSE), Gate::Login);
    }

    #[test]
    fn where_there_are_no_sessions_basic_is_used() {
        for status in [404, 405, 501, 204] {
            let mut access = Access::new(true);
            access.on_login(&origin(), &answer(status, None, None, &json!({})), NOW);
            assert_eq!(pass(&access), Pass::Basic, "{status}");
        }
    }

    #[test]
    fn too_many_sessions_are_not_made_more() {
        let body = json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "IDRAC.2.8.RAC0218"}]}});
        let mut access = Access::new(true);
        access.on_login(&origin(), &answer(503, None, None, &body), NOW);
        assert_eq!(pass(&access), Pass::Basic);
        assert_eq!(access.gate(NOW + FULL_PAUSE), Gate::Login);
    }

    #[test]
    fn short_sessions_are_not_piled_up() {
        let mut access = Access::new(true);
        log_in(&mut access, "a", None, &json!({}));
        access.set_timeout(Duration::from_secs(30), Duration::from_secs(60));
        assert_eq!(take_stale(&mut access).len(), 1);
        assert_eq!(pass(&access), Pass::Basic);
        let answer = access.on_unauthorized(&Pass::Basic, &here(), NOW);
        assert_eq!(answer, Refused::Again, "the password is right: it knows no Basic");
        log_in(&mut access, "b", None, &json!({}));
        access.end();
        assert_eq!(take_stale(&mut access).len(), 1, "one session a poll, deleted after it");
    }

    #[test]
    fn without_a_user_nothing_is_sent() {
        let mut access = Access::new(false);
        assert_eq!(pass(&access), Pass::Open);
        assert_eq!(access.on_unauthorized(&Pass::Open, &here(), NOW), Refused::Ends);
        assert!(access.reason().contains("wants a user"));
    }

    /// What a user may not see is asked with the session that there is, and with a password that was good a
    /// moment ago: neither sessions nor refusals come of it.
    #[test]
    fn one_closed_door_is_not_the_house() {
        let mut access = Access::new(true);
        log_in(&mut access, "a", None, &json!({}));
        access.on_success(&pass(&access));
        let first = pass(&access);
        assert_eq!(access.on_unauthorized(&first, &here(), NOW), Refused::Again, "it may have expired");
        log_in(&mut access, "b", None, &json!({}));
        let second = pass(&access);
        assert_eq!(access.on_unauthorized(&second, &here(), NOW), Refused::Barred);
        for _ in 0..5 {
            access.begin();
            assert_eq!(access.on_unauthorized(&second, &here(), NOW), Refused::Barred);
            assert_eq!(pass(&access), second, "no login is made for it");
        }
        let mut access = Access::new(true);
        access.on_login(&origin(), &answer(405, None, None, &json!({})), NOW);
        for _ in 0..5 {
            access.begin();
            access.on_success(&Pass::Basic);
            assert_eq!(access.on_unauthorized(&Pass::Basic, &here(), NOW), Refused::Barred);
            assert_eq!(pass(&access), Pass::Basic);
        }
        // Another password: two requests are answered so, and no third is made.
        access.forget_barred();
        access.begin();
        assert_eq!(access.on_unauthorized(&Pass::Basic, &here(), NOW), Refused::Barred);
        access.begin();
        assert_eq!(access.on_unauthorized(&Pass::Basic, &here(), NOW), Refused::Ends);
        assert!(matches!(access.gate(NOW), Gate::Closed(_)));
    }
}
