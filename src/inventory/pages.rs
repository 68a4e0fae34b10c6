//! A list that comes in pages by offset: what to ask for next, and whether the list stood still while it
//! was read. Pure.
//!
//! Each page but the first begins with the last row of the page before: where that is another row, rows
//! have come or gone in between, and rows would be lost or doubled. The list is then begun anew, a few
//! times. A total that changes tells the same. Sources that sort by anything but the id would look as if
//! they changed all the time: they are asked to sort by id.

use super::failure::Failure;
use super::limits::{LIST_ATTEMPTS, PAGES_MAX, ROWS_MAX};
use crate::model::SnapshotError;
use std::collections::HashSet;

/// One page as a source sent it.
#[derive(Debug)]
pub struct Page<T> {
    /// Its rows with their ids.
    pub rows: Vec<(Box<str>, T)>,
    /// How many rows the whole list has, by the source's word; some do not say.
    pub total: Option<usize>,
}

/// A list under way.
#[derive(Debug)]
pub struct Pages<T> {
    rows: Vec<(Box<str>, T)>,
    ids: HashSet<Box<str>>,
    total: Option<usize>,
    pages: usize,
    attempts: usize,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask for the page that begins with that row.
    Ask {
        /// How many rows to leave out.
        offset: usize,
    },
    /// The list is complete.
    Done,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), ids: HashSet::new(), total: None, pages: 0, attempts: 1 }
    }
}

impl<T> Pages<T> {
    /// Takes the page that was asked for last (the first: offset 0) and says what to do next.
    ///
    /// # Errors
    /// The list changed each time, contradicts itself, or has no end.
    pub fn take(&mut self, page: Page<T>) -> Result<Next, Failure> {
        self.pages += 1;
        if PAGES_MAX < self.pages {
            let reason = format!("the list has no end: {PAGES_MAX} pages were read");
            return Err(Failure::new(SnapshotError::Limit, reason));
        }
        let overlap = usize::from(!self.rows.is_empty());
        let stands_still = self.total.is_none_or(|it| page.total == Some(it))
            && self.rows.last().is_none_or(|(last, _)| page.rows.first().is_some_and(|(id, _)| id == last));
        if !stands_still {
            return self.begin_anew();
        }
        self.total = self.total.or(page.total);
        let brought = page.rows.len().saturating_sub(overlap);
        for (id, row) in page.rows.into_iter().skip(overlap) {
            if !self.ids.insert(id.clone()) {
                return self.begin_anew();
            }
            self.rows.push((id, row));
        }
        if ROWS_MAX < self.rows.len() {
            return Err(Failure::new(
                SnapshotError::Limit,
                format!("the list has more than {ROWS_MAX} rows"),
            ));
        }
        match self.total {
            Some(total) if self.rows.len() < total && brought == 0 => self.begin_anew(),
            Some(total) if self.rows.len() < total => Ok(self.next()),
            Some(total) if total < self.rows.len() => self.begin_anew(),
            Some(_) => Ok(Next::Done),
            None if brought == 0 => Ok(Next::Done),
            None => Ok(self.next()),
        }
    }

    /// All rows.
    #[must_use]
    pub fn into_rows(self) -> Vec<T> {
        self.rows.into_iter().map(|(_, row)| row).collect()
    }

    fn next(&self) -> Next {
        Next::Ask { offset: self.rows.len().saturating_sub(1) }
    }

    fn begin_anew(&mut self) -> Result<Next, Failure> {
        if LIST_ATTEMPTS <= self.attempts {
            let reason = format!("the list changed while it was read, {LIST_ATTEMPTS} times in a row");
            return Err(Failure::new(SnapshotError::Changed, reason));
        }
        let (attempts, pages) = (self.attempts + 1, self.pages);
        *self = Self { attempts, pages, ..Self::default() };
        Ok(Next::Ask { offset: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Page, Pages};
    use crate::inventory::failure::Failure;
    use crate::model::SnapshotError;
    use proptest::prelude::*;

    /// Reads a list through pages of at most `size` rows; `change` may alter it before each request.
    fn read(
        mut list: Vec<u32>,
        size: usize,
        says_total: bool,
        mut change: impl FnMut(usize, &mut Vec<u32>),
    ) -> Result<Vec<u32>, Failure> {
        let mut pages = Pages::default();
        let mut offset = 0;
        for request in 0.. {
            change(request, &mut list);
            let rows = list.iter().skip(offset).take(size).map(|it| (it.to_string().into(), *it)).collect();
            match pages.take(Page { rows, total: says_total.then_some(list.len()) })? {
                Next::Ask { offset: next } => offset = next,
                Next::Done => break,
            }
        }
        Ok(pages.into_rows())
    }

    #[test]
    fn reads_lists_of_all_lengths() {
        for length in [0, 1, 2, 9, 10, 11, 19, 20, 21, 100] {
            let list: Vec<u32> = (0..length).collect();
            for says_total in [true, false] {
                assert_eq!(read(list.clone(), 10, says_total, |_, _| ()).unwrap(), list, "{length}");
            }
        }
    }

    #[test]
    fn a_list_that_changes_once_is_read_anew() {
        let list: Vec<u32> = (0..30).collect();
        // A row leaves and another comes between two pages: the total is the same.
        let found = read(list, 10, true, |request, list| {
            if request == 1 {
                list.remove(3);
                list.push(99);
            }
        });
        let expected: Vec<u32> = (0..30).filter(|it| *it != 3).chain([99]).collect();
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn a_list_that_always_changes_is_given_up() {
        let list: Vec<u32> = (0..30).collect();
        let failure = read(list, 10, true, |_, list| _ = list.remove(0)).unwrap_err();
        assert_eq!(failure.class, SnapshotError::Changed);
    }

    #[test]
    fn a_list_without_end_is_given_up() {
        // The same page whatever the offset, and a total that is never reached.
        let mut pages = Pages::default();
        let page = || Page { rows: vec![("1".into(), 1)], total: Some(10) };
        let failure = std::iter::from_fn(|| Some(pages.take(page()))).find_map(Result::err).unwrap();
        assert_eq!(failure.class, SnapshotError::Changed);
        // New rows for ever.
        let mut pages = Pages::default();
        let mut last = 0;
        let failure = std::iter::from_fn(|| {
            let rows = (last..last + 3).map(|it: u32| (it.to_string().into(), it)).collect();
            last += 2;
            Some(pages.take(Page { rows, total: None }))
        });
        assert_eq!(failure.into_iter().find_map(Result::err).unwrap().class, SnapshotError::Limit);
    }

    proptest! {
        /// Whatever changes between two requests: what is handed on is the list as it was at one time.
        #[test]
        fn no_row_is_lost_or_doubled(
            length in 0_u32..40, size in 2_usize..12, changes in prop::collection::vec((0_usize..12, 0_u32..60), 0..4)
        ) {
            let mut seen: Vec<Vec<u32>> = Vec::new();
            let found = read((0..length).collect(), size, true, |request, list| {
                for (_, value) in changes.iter().filter(|(at, _)| *at == request) {
                    match list.iter().position(|it| it == value) {
                        Some(place) => _ = list.remove(place),
                        None => list.insert(list.partition_point(|it| it < value), *value),
                    }
                }
                seen.push(list.clone());
            });
            // Rows that come and go behind the reader's back at the same time as others may be missed, but
            // no row stands twice, and each was there at some time.
            if let Ok(found) = found {
                let mut unique = found.clone();
                unique.dedup();
                prop_assert_eq!(&unique, &found);
                prop_assert!(found.iter().all(|it| seen.iter().any(|list| list.contains(it))));
                prop_assert!(seen.iter().any(|list| list.len() == found.len()));
            }
        }
    }
}
