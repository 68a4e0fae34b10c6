//! Passwords against bcrypt hashes, with what that costs kept in bounds.
//!
//! bcrypt is slow on purpose (50 ms and more), and a scraper sends its password with each scrape. So what was
//! right is remembered, as a keyed digest; and of what is not, one at a time is tried, with a pause after a wrong
//! one: guessing is slow, and takes no more than a part of one core from the pollers.

use crate::model::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashSet;
use std::str::FromStr as _;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Passwords that were right and are remembered: many more than there are users. Then all are forgotten.
const REMEMBERED_MAX: usize = 1024;
/// After a wrong password: four guesses a second.
const WRONG_PAUSE: Duration = Duration::from_millis(250);
/// bcrypt's cost doubles with each: at 15 a check takes seconds.
const COST_MAX: u32 = 14;
/// Of a user who does not exist the password is checked against this, so that time does not tell: of an
/// arbitrary password that nobody has noted.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuOFrJnYxPDAiGYDEd4pXLHEcLvLLSLHW";

/// Whether a password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Others' passwords are being tried.
    Busy,
}

/// The passwords that were right.
pub(super) struct Passwords {
    /// Digests of user, password and hash.
    right: Mutex<HashSet<[u8; 32]>>,
    one_at_a_time: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { right: Mutex::default(), one_at_a_time: Arc::new(Semaphore::new(1)) }
    }
}

/// Another in each process, so that what is remembered is of no use elsewhere.
static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let mut key = [0; 32];
    if let Err(error) = getrandom::fill(&mut key) {
        tracing::warn!(%error, "no random octets for the memory of passwords");
    }
    key
});

impl Passwords {
    /// Whether that is the user's password. `hash`: the user's; `None`: there is no such user.
    pub(super) async fn check(
        &self,
        user: &str,
        password: Secret,
        hash: Option<Secret>,
        wait_max: Duration,
    ) -> Verdict {
        let digest = hash.as_ref().and_then(|it| digest(user, &password, it));
        if let Some(digest) = &digest
            && self.right.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
        {
            return Verdict::Right;
        }
        let turn = tokio::time::timeout(wait_max, Arc::clone(&self.one_at_a_time).acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Verdict::Busy };
        let checked = tokio::task::spawn_blocking(move || {
            let against = hash.as_ref().map_or(NOBODY, |it| it.expose());
            let is_right = bcrypt::verify(password.expose(), against).is_ok_and(|it| it && hash.is_some());
            if !is_right {
                // The turn is held over the pause, whether the client waits for it or not.
                std::thread::sleep(WRONG_PAUSE);
            }
            drop(turn);
            is_right
        });
        if checked.await.is_ok_and(|it| it) {
            if let Some(digest) = digest {
                let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
                if REMEMBERED_MAX <= right.len() {
                    right.clear();
                }
                right.insert(digest);
            }
            return Verdict::Right;
        }
        Verdict::Wrong
    }
}

fn digest(user: &str, password: &Secret, hash: &Secret) -> Option<[u8; 32]> {
    let mut digest = Hmac::<Sha256>::new_from_slice(&*KEY).ok()?;
    for part in [user, hash.expose(), password.expose()] {
        digest.update(&u64::try_from(part.len()).ok()?.to_be_bytes());
        digest.update(part.as_bytes());
    }
    Some(digest.finalize().into_bytes().into())
}

/// Whether that is a hash to check by.
pub(super) fn check_hash(hash: &str) -> Result<(), String> {
    match bcrypt::HashParts::from_str(hash) {
        Ok(parts) if parts.get_cost() <= COST_MAX => Ok(()),
        Ok(parts) => Err(format!(
            "has a cost of {}, so that each check would take seconds; {COST_MAX} is the most here, 10 is usual",
            parts.get_cost()
        )),
        Err(_) => Err("takes a bcrypt hash: htpasswd -nBC 10 NAME makes one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, Passwords, Verdict, check_hash};
    use crate::model::Secret;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn right_is_remembered_for_that_hash_alone() {
        let passwords = Passwords::default();
        let hash = |it: &str| Some(Secret::new(bcrypt::hash(it, 4).unwrap()));
        let (old, new) = (hash("old"), hash("new"));
        let check = |password: &'static str, hash: &Option<Secret>| {
            passwords.check("anna", Secret::new(password), hash.clone(), SOON)
        };
        assert_eq!(check("old", &old).await, Verdict::Right);
        assert_eq!(passwords.right.lock().unwrap().len(), 1);
        // While all else waits for its turn.
        let turn = passwords.one_at_a_time.clone().try_acquire_owned().unwrap();
        assert_eq!(check("old", &old).await, Verdict::Right);
        drop(turn);
        assert_eq!(check("old", &new).await, Verdict::Wrong, "the password was changed");
        assert_eq!(check("", &old).await, Verdict::Wrong);
        assert_eq!(passwords.check("nobody", Secret::new("x"), None, SOON).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn guesses_are_made_one_at_a_time() {
        let passwords = Passwords::default();
        let hash = Some(Secret::new(bcrypt::hash("right", 4).unwrap()));
        let check = |wait| passwords.check("anna", Secret::new("wrong"), hash.clone(), wait);
        let (first, second) = tokio::join!(check(SOON), check(Duration::from_millis(100)));
        assert_eq!((first, second), (Verdict::Wrong, Verdict::Busy));
    }

    #[test]
    fn hashes() {
        check_hash(NOBODY).unwrap();
        for (hash, says) in [
            ("secret", "takes a bcrypt hash"),
            ("$1$abc$def", "takes a bcrypt hash"),
            ("$2y$31$abcdefghijklmnopqrstuuOFrJnYxPDAiGYDEd4pXLHEcLvLLSLHW", "a cost of 31"),
        ] {
            assert!(check_hash(hash).unwrap_err().contains(says), "{hash}");
        }
    }
}
