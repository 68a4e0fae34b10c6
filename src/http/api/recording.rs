//! The last polls as lines of a recording: all that rules judge, states and ratings included, in the format
//! of `rackwarden rules record`.

use super::super::Limits;
use super::filter::Filter;
use crate::recording::{Frame, Writer};
use crate::store::Published;
use std::sync::Arc;

/// The wanted devices and inventories, up to the limit, by name: of each its last good poll, and after
/// that the last one, where that failed.
pub(super) fn page(snapshot: &[Arc<Published>], filter: &Filter) -> String {
    let limit = filter.limit.unwrap_or(Limits::DEVICES_PAGE).min(Limits::DEVICES_PAGE_MAX);
    let wanted = snapshot.iter().filter(|it| {
        let source = &it.batch().source;
        filter.wants_device(&source.device, &source.labels)
    });
    let mut writer = Writer::default();
    let mut text = Writer::header() + "\n";
    for published in wanted.take(limit) {
        let batch = published.batch();
        let before = batch.error.is_some().then(|| published.last_good()).flatten();
        for batch in before.into_iter().chain([batch]) {
            for line in writer.lines(&Frame::of(batch)) {
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
    text
}
