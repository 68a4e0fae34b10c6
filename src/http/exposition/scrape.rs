//! A scrape on its way out: chunks made one ahead of the client, off the runtime's threads, with gzip
//! if the client takes it.

use super::registry::push_own;
use super::{AlertCounts, Exposition, Format};
use crate::http::turns::Turn;
use crate::model::{Moment, Now};
use crate::telemetry::http as events;
use axum::body::{Bytes, HttpBody};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Octets of text made at a time: small beside what a process may hold, large beside the cost of going
/// to another thread and back (about 20 us, where writing the chunk takes 150 us).
const CHUNK_BYTES: usize = 256 * 1024;

/// Room for a chunk and the device that goes over it.
const CHUNK_ROOM_BYTES: usize = CHUNK_BYTES + 32 * 1024;

/// What a scrape is to hold.
pub(in crate::http) struct Wanted {
    /// The devices' families.
    pub(in crate::http) devices: Exposition,
    /// Ours; `None`: not wanted.
    pub(in crate::http) own: Option<AlertCounts>,
    pub(in crate::http) format: Format,
    pub(in crate::http) gzip: bool,
    /// Whether it is of all devices.
    pub(in crate::http) is_whole: bool,
}

/// The devices' families, then our own, in chunks.
pub(in crate::http) struct Scrape {
    wanted: Wanted,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    text: Vec<u8>,
    rendering: Duration,
    done: bool,
    turn: Arc<Turn>,
}

impl Scrape {
    pub(in crate::http) fn new(
        wanted: Wanted,
        clock: Arc<dyn Fn() -> Now + Send + Sync>,
        turn: Turn,
    ) -> Self {
        let gzip = wanted.gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        let text = Vec::with_capacity(CHUNK_ROOM_BYTES);
        Self { wanted, clock, gzip, text, rendering: Duration::ZERO, done: false, turn: Arc::new(turn) }
    }

    /// The next octets; none may be ready while gzip gathers.
    fn chunk(&mut self) -> std::io::Result<Bytes> {
        let start: Moment = (self.clock)().moment;
        self.done = !self.wanted.devices.write(&mut self.text, CHUNK_BYTES);
        if self.done {
            let format = self.wanted.format;
            if let Some(alerts) = self.wanted.own {
                alerts.push(&mut self.text, format);
                push_own(&mut self.text, format);
            }
            self.text.extend_from_slice(format.end().as_bytes());
        }
        let chunk = match self.gzip.as_mut() {
            None => Bytes::from(std::mem::replace(&mut self.text, Vec::with_capacity(CHUNK_ROOM_BYTES))),
            Some(gzip) => {
                gzip.write_all(&self.text)?;
                if self.done {
                    gzip.try_finish()?;
                }
                self.text.clear();
                Bytes::from(std::mem::take(gzip.get_mut()))
            }
        };
        self.turn.step();
        self.rendering += (self.clock)().moment.since(start);
        if self.done && self.wanted.is_whole {
            events::scraped(self.rendering, self.wanted.devices.series());
        }
        Ok(chunk)
    }
}

/// What a chunk's making hands back.
type Made = (Box<Scrape>, std::io::Result<Bytes>);

/// The body of a scrape. The next chunk is made while the client takes the last one, and no more.
pub(in crate::http) struct ScrapeBody {
    making: Option<JoinHandle<Made>>,
    turn: Arc<Turn>,
}

impl ScrapeBody {
    /// Begins at once.
    pub(in crate::http) fn new(scrape: Scrape) -> Self {
        let turn = Arc::clone(&scrape.turn);
        Self { making: Some(make(Box::new(scrape))), turn }
    }
}

fn make(mut scrape: Box<Scrape>) -> JoinHandle<Made> {
    tokio::task::spawn_blocking(move || {
        let chunk = scrape.chunk();
        (scrape, chunk)
    })
}

impl HttpBody for ScrapeBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        while let Some(making) = self.making.as_mut() {
            let made = ready!(Pin::new(making).poll(context));
            self.making = None;
            let chunk = match made {
                Ok((scrape, Ok(chunk))) => {
                    self.making = (!scrape.done).then(|| make(scrape));
                    chunk
                }
                Ok((_, Err(error))) => return Poll::Ready(Some(Err(failed(error)))),
                Err(failure) => return Poll::Ready(Some(Err(failed(failure)))),
            };
            if !chunk.is_empty() {
                self.turn.step();
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
        }
        Poll::Ready(None)
    }
}

/// The connection is cut in the middle of a chunked body: the scraper sees that it is not whole.
fn failed(error: impl Into<axum::BoxError>) -> axum::BoxError {
    let error = error.into();
    events::answer_failed(&error);
    error
}
