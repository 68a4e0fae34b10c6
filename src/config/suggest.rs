//! "Did you mean": names that are near to what was written.

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

/// The known name that is nearest, if at most a third of the letters differ.
fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written: Vec<char> = written.chars().flat_map(char::to_lowercase).take(LETTERS_MAX).collect();
    let limit = written.len() / 3 + 1;
    known
        .into_iter()
        .map(|it| (distance(&written, it), it))
        .filter(|&(far, _)| far <= limit)
        .min()
        .map(|(_, it)| it)
}

/// Levenshtein's distance, case ignored.
fn distance(written: &[char], known: &str) -> usize {
    let mut row: Vec<usize> = (0..=written.len()).collect();
    for (at, letter) in known.chars().flat_map(char::to_lowercase).take(LETTERS_MAX).enumerate() {
        let (mut diagonal, mut left) = (at, at + 1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (place, &own) in row.iter_mut().skip(1).zip(written) {
            let above = *place;
            *place = (above + 1).min(left + 1).min(diagonal + usize::from(own != letter));
            diagonal = above;
            left = *place;
        }
    }
    row.last().copied().unwrap_or(0)
}

const LETTERS_MAX: usize = 100;
