//! Lines of one device in one family, written one after the other.
//!
//! A line is five short texts. Copied by their lengths, each would cost a call that costs more than the copy; in
//! steps of a fixed size the compiler makes it a few moves. What a step writes too much, the next text
//! overwrites, and the end cuts off.

use super::number::Digits;
use crate::store::{Padded, STEP};

/// Room made at a time at most: what is made is first filled with zeros.
const ROOM_BYTES_MAX: usize = 8 * 1024;

/// A line with two labels from the operator.
const LINE_BYTES_TYPICAL: usize = 160;

/// The longest number, and the end of the line.
const NUMBER_BYTES_MAX: usize = 32;

/// Lines under way.
pub(super) struct Lines<'a> {
    out: &'a mut Vec<u8>,
    /// Where the first line begins.
    start: usize,
    /// How much of each line is as in the first one.
    alike: usize,
    /// Where the next line begins: what lies beyond is no text yet.
    at: usize,
    /// No line is longer.
    line_bytes_max: usize,
    /// Lines that may be left.
    left: usize,
    written: u64,
}

impl<'a> Lines<'a> {
    /// `count` lines at most that begin with the texts of `alike`, and whose other texts have `rest_bytes_max`
    /// octets together at most.
    pub(super) fn new(out: &'a mut Vec<u8>, alike: [&[u8]; 2], rest_bytes_max: usize, count: usize) -> Self {
        let start = out.len();
        alike.iter().for_each(|it| out.extend_from_slice(it));
        let alike = out.len() - start;
        let line_bytes_max = alike + rest_bytes_max + NUMBER_BYTES_MAX;
        Self { out, start, alike, at: start, line_bytes_max, left: count, written: 0 }
    }

    /// One more line: the beginning, these texts, and the value.
    #[inline]
    pub(super) fn push(&mut self, texts: [Padded<'_>; 3], value: f64) {
        if self.out.len() < self.at + self.line_bytes_max + STEP {
            self.make_room();
        }
        self.left = self.left.saturating_sub(1);
        let (before, to) = self.out.split_at_mut(self.at);
        let mut at = self.alike;
        if self.written != 0 {
            copy(to, 0, Padded::new(before, self.start, self.alike));
        }
        for text in texts {
            at = copy(to, at, text);
        }
        let mut digits = Digits::new();
        let number = digits.of(value);
        let end = at + number.len();
        if let Some((newline, to)) = to.get_mut(at..=end).and_then(<[u8]>::split_last_mut) {
            to.copy_from_slice(number);
            *newline = b'\n';
        }
        self.at += end + 1;
        self.written += 1;
    }

    fn make_room(&mut self) {
        let rest = (self.left * LINE_BYTES_TYPICAL).min(ROOM_BYTES_MAX);
        self.out.resize(self.at + self.line_bytes_max + STEP + rest, 0);
    }

    /// How many there are. Without any, nothing stands.
    pub(super) fn end(self) -> u64 {
        self.out.truncate(self.at);
        self.written
    }
}

/// Copies a text to that place, and something after it. Where it ends.
#[inline]
fn copy(to: &mut [u8], at: usize, text: Padded<'_>) -> usize {
    let mut done = 0;
    while done < text.len() {
        let target = to.get_mut(at + done..).and_then(<[u8]>::first_chunk_mut::<STEP>);
        match (target, text.step(done)) {
            (Some(target), Some(step)) => *target = *step,
            _ => return copy_exactly(to, at, text),
        }
        done += STEP;
    }
    at + text.len()
}

/// The same at the end of what a text stands in.
#[cold]
fn copy_exactly(to: &mut [u8], at: usize, text: Padded<'_>) -> usize {
    let end = at + text.len();
    if let Some(to) = to.get_mut(at..end) {
        to.copy_from_slice(text.octets());
    }
    end
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::store::{Padded, STEP};
    use proptest::prelude::*;
    use std::fmt::Write as _;

    proptest! {
        /// Whatever the lengths are, and whether or not there is anything after the texts.
        #[test]
        fn lines_are_their_texts(
            before in "[a-z]{0,9}",
            alike in "[a-z]{0,70}",
            lines in proptest::collection::vec(("[a-z]{0,70}", "[a-z]{0,3}", -1_000_000..1_000_000_i32), 0..90),
            padding in 0..2 * STEP,
        ) {
            let mut out = before.clone().into_bytes();
            let mut pushed = Lines::new(&mut out, [alike.as_bytes(), b"{"], 74, lines.len());
            let mut expected = before;
            for (first, second, value) in &lines {
                let text = format!("{first}{second}{}", "#".repeat(padding));
                let (left, right) = (first.len(), second.len());
                let of = |start, length| Padded::new(text.as_bytes(), start, length);
                pushed.push([of(0, left), of(left, right), of(left, 0)], f64::from(*value));
                writeln!(expected, "{alike}{{{first}{second}{value}").unwrap();
            }
            prop_assert_eq!(pushed.end(), lines.len() as u64);
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
