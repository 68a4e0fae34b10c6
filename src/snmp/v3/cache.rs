//! Localized keys, computed once for each user and engine and shared by all that speak to it.
//!
//! Asked when an engine is met, never for a message. Invariants: an entry is found by the secrets and
//! protocols themselves, so no two users can get each other's keys; nothing is computed under the lock;
//! keys that no session holds are gone.

use super::engine_id::EngineId;
use super::keys::{LocalizedKeys, UserKeys};
use super::user::{User, UserSecrets};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Keys by user and engine. Shared by threads.
#[derive(Default)]
pub struct KeyCache {
    users: Mutex<HashMap<UserSecrets, Entry>>,
}

#[derive(Default)]
struct Entry {
    /// Ku: kept for as long as the user, for each new engine needs it.
    user: Arc<UserKeys>,
    engines: HashMap<EngineId, Weak<LocalizedKeys>>,
    /// Forgotten keys are swept out when there are so many entries.
    sweep_at: usize,
}

impl KeyCache {
    /// Users whose Ku is kept: more sets of credentials than anyone writes into one configuration. Past
    /// it, users without an engine are forgotten, and derived anew when they are met.
    pub const USERS_MAX: usize = 4096;
    /// Fewer entries than this are not worth a sweep.
    const SWEEP_MIN: usize = 64;

    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys of that user at that engine, if some session holds them. Never computes.
    #[must_use]
    pub fn find(&self, user: &User, engine: &EngineId) -> Option<Arc<LocalizedKeys>> {
        self.lock().get(&user.secrets()?)?.engines.get(engine)?.upgrade()
    }

    /// The same, computed where they are not known: up to 4 ms for each passphrase that is met for the
    /// first time, some microseconds for an engine of a known one; with Reeder's lengthening some
    /// milliseconds for each engine. `None` for a user without authentication, who has no keys.
    #[must_use]
    pub fn derive(&self, user: &User, engine: &EngineId) -> Option<Arc<LocalizedKeys>> {
        let secrets = user.secrets()?;
        let ku = {
            let mut users = self.lock();
            if let Some(known) = users.get(&secrets).and_then(|it| it.engines.get(engine)?.upgrade()) {
                return Some(known);
            }
            if Self::USERS_MAX <= users.len() && !users.contains_key(&secrets) {
                users.retain(|_, it| it.engines.values().any(|it| 0 < it.strong_count()));
            }
            Arc::clone(&users.entry(secrets.clone()).or_default().user)
        };
        let made = Arc::new(LocalizedKeys::derive(&secrets, &ku, engine));
        let mut users = self.lock();
        let entry = users.entry(secrets).or_insert_with(|| Entry { user: ku, ..Entry::default() });
        // Another thread may have been first: both then share its keys.
        if let Some(known) = entry.engines.get(engine).and_then(Weak::upgrade) {
            return Some(known);
        }
        if entry.sweep_at <= entry.engines.len() {
            entry.engines.retain(|_, it| 0 < it.strong_count());
            entry.sweep_at = entry.engines.len().saturating_mul(2).max(Self::SWEEP_MIN);
        }
        entry.engines.insert(*engine, Arc::downgrade(&made));
        Some(made)
    }

    /// A panic elsewhere leaves the map whole: each change is one insertion.
    fn lock(&self) -> MutexGuard<'_, HashMap<UserSecrets, Entry>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCache").field("users", &self.lock().len()).finish()
    }
}
