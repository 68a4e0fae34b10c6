//! The thread that makes SNMPv3 keys, so that no poll waits for it: a passphrase is a megabyte of hashing
//! (RFC 3414 section A.2), and Reeder's extension is that much again for each engine.
//!
//! Bound: one request at a time; the others wait with their devices in the shard.

use super::execute::Command;
use super::shard::KeyRequest;
use crate::snmp::v3::{KeyCache, LocalizedKeys};
use nix::sys::eventfd::EventFd;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// A running key thread. It ends when this is dropped and what it is at is done.
#[derive(Debug)]
pub(super) struct KeyThread {
    cache: Arc<KeyCache>,
    requests: SyncSender<KeyRequest>,
    is_busy: bool,
}

impl KeyThread {
    /// Starts it; keys go to `answers`, whose thread is woken.
    pub(super) fn start(
        number: usize,
        cache: Arc<KeyCache>,
        answers: SyncSender<Command>,
        wake: Arc<EventFd>,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = sync_channel::<KeyRequest>(1);
        let made = Arc::clone(&cache);
        let run = move || {
            while let Ok(request) = inbox.recv() {
                let keys = made.derive(&request.user, &request.engine);
                let is_over = answers.send(Command::Keys(request, keys)).is_err();
                if is_over || wake.write(1).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name(format!("keys-{number}")).spawn(run)?;
        Ok(Self { cache, requests, is_busy: false })
    }

    /// Whether it can take a request.
    pub(super) const fn is_idle(&self) -> bool {
        !self.is_busy
    }

    /// The keys, if they are known; otherwise they are made, and come as a command.
    pub(super) fn find(&mut self, request: KeyRequest) -> Option<(KeyRequest, Arc<LocalizedKeys>)> {
        if let Some(keys) = self.cache.find(&request.user, &request.engine) {
            return Some((request, keys));
        }
        // It fails only when the thread has ended, and then so does the daemon.
        self.is_busy = self.requests.send(request).is_ok();
        None
    }

    /// An answer has come.
    pub(super) const fn on_answer(&mut self) {
        self.is_busy = false;
    }
}
