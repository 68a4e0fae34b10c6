//! Server-sent events (WHATWG HTML section 9.2; DSP0266 section 12.5): when a service says that something
//! happened. Pure.
//!
//! An event is a hint to ask now; nothing in it is read as data, so a wrong one costs a poll at most. Invariants: one
//! event has a limit, and one over it counts as an event without content.

use super::limits::EVENT_OCTETS_MAX;

/// Takes an event stream in pieces.
#[derive(Debug, Default)]
pub struct EventStream {
    line: Vec<u8>,
    has_data: bool,
    octets: usize,
    is_after_return: bool,
}

impl EventStream {
    /// Takes a piece of the stream. How many events ended in it.
    pub fn take(&mut self, piece: &[u8]) -> usize {
        let mut events = 0;
        for &octet in piece {
            let was_return = std::mem::replace(&mut self.is_after_return, octet == b'\r');
            match octet {
                b'\n' if was_return => (),
                b'\n' | b'\r' => events += usize::from(self.end_line()),
                _ => self.keep(octet),
            }
        }
        events
    }

    fn keep(&mut self, octet: u8) {
        self.octets = self.octets.saturating_add(1);
        // The field's name is all that is looked at.
        if self.line.len() < FIELD_OCTETS {
            self.line.push(octet);
        }
    }

    /// Whether an event ends here.
    fn end_line(&mut self) -> bool {
        if self.line.is_empty() {
            self.octets = 0;
            return std::mem::take(&mut self.has_data);
        }
        self.has_data |= self.line.starts_with(b"data");
        self.line.clear();
        if EVENT_OCTETS_MAX < self.octets {
            self.octets = 0;
            return std::mem::take(&mut self.has_data);
        }
        false
    }
}

/// As long as `data:`.
const FIELD_OCTETS: usize = 8;

#[cfg(test)]
mod tests {
    use super::EventStream;

    #[test]
    fn events_are_counted_however_they_come_in() {
        let stream =
            b": hello\n\nid: 1\ndata: {\"Events\": []}\n\nevent: x\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\r";
        assert_eq!(EventStream::default().take(stream), 3);
        let mut pieces = EventStream::default();
        assert_eq!(stream.iter().map(|it| pieces.take(&[*it])).sum::<usize>(), 3);
    }

    #[test]
    fn comments_and_endless_lines_are_no_events() {
        let mut stream = EventStream::default();
        assert_eq!(stream.take(b":\n\n:\n\nid: 4\n\n"), 0);
        assert_eq!(stream.take(&vec![b'x'; 4_000_000]), 0);
        assert!(size_of_val(&stream) + stream.line.capacity() < 200);
    }
}
