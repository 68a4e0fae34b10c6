//! The limits of a snapshot, each with its reason.

use std::time::Duration;

/// Objects of one source: a large enterprise has some 50,000 titles and subnets; each object costs about
/// 600 octets while it is kept, a comparison a rule, and some lines of each scrape, which are written in one
/// piece a family (20 MB at most).
pub const OBJECTS_MAX: usize = 100_000;
/// One answer after inflation: a page of 1,000 rows is 1 to 4 MB; phpIPAM sends a section whole.
pub const ANSWER_OCTETS_MAX: usize = 32 * 1024 * 1024;
/// Pages of one list: with 500 rows a page this is more than [`OBJECTS_MAX`].
pub const PAGES_MAX: usize = 1_000;
/// Rows of one list that are only counted, as NetBox's addresses: a million addresses are a thousand
/// requests.
pub const ROWS_MAX: usize = 1_000_000;
/// Rows that we ask for at a time, where the source lets us choose.
pub const PAGE_ROWS: usize = 1_000;
/// How often a list that changes while it is read is begun anew.
pub const LIST_ATTEMPTS: usize = 3;
/// How often one snapshot waits because a source wants fewer requests.
pub const WAITS_MAX: u32 = 10;
/// The longest that one such wait may be: beyond it the snapshot fails and is tried again later.
pub const WAIT_MAX: Duration = Duration::from_secs(120);
/// How long a source is left alone after a 429 that does not say how long.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(15);
/// A file of ours: as many objects as are allowed, with room.
pub const FILE_OCTETS_MAX: u64 = 128 * 1024 * 1024;
/// Names and labels: longer ones are cut; they are repeated on each series and page.
pub const TEXT_CHARS_MAX: usize = 256;
/// Remarks on odd rows that are kept a snapshot: the first ones show what is wrong.
pub const WARNINGS_MAX: usize = 20;
/// The pause after the first failure; it doubles with each further one, up to the source's interval.
pub const RETRY_FIRST: Duration = Duration::from_secs(15);
/// No pause after a failure is longer, however long the interval: an appliance that is back is seen soon.
pub const RETRY_LONGEST: Duration = Duration::from_secs(30 * 60);
/// However long a source asks to be left alone: a lying header must not silence it for days.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(6 * 3600);
