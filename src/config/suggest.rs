//! "Did you mean": names that are near to what was written.

use crate::model::closest;

/// What to say when a name is near to a known one.
pub(super) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(written, known).map(|it| format!("did you mean `{it}`?"))
}

/// What to say of an unknown name: the near one, or those that there are.
pub(super) fn instead<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match did_you_mean(written, known.iter().copied()) {
        Some(help) => help,
        None if known.is_empty() => "there is none yet".to_owned(),
        None => format!("there are: {}", listed(known)),
    }
}

/// Names as a list, cut where it gets long.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let more = names.len().saturating_sub(LISTED_MOST);
    let shown = names.iter().take(LISTED_MOST).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Names that are listed in one message.
const LISTED_MOST: usize = 30;
