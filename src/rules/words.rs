//! Numbers, units and durations as a woken person reads them, and the nearest known word to a
//! mistyped one.

use std::time::Duration;

/// A number with at most three decimals that say something: `23.4`, `0.0412`, never `18.900000001`.
#[must_use]
pub fn number(value: f64) -> String {
    with_decimals(value, decimals(value))
}

/// A number and the limit that it crossed, with as many decimals as it takes to tell them apart:
/// `20.0004` and `20`, not `20` and `20`.
#[must_use]
pub fn against(value: f64, limit: f64) -> (String, String) {
    let limit_text = number(limit);
    let text = (decimals(value)..=DECIMALS_MAX)
        .map(|it| with_decimals(value, it))
        .find(|it| *it != limit_text)
        .unwrap_or_else(|| number(value));
    (text, limit_text)
}

/// A number with its unit, as in `23.4 A`; ratios have none.
#[must_use]
pub fn quantity(number: &str, unit: &str) -> String {
    match unit_words(unit) {
        "" => number.to_owned(),
        words => format!("{number} {words}"),
    }
}

/// A duration: `30 s`, `1 h 30 min`, `500 ms`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_millis() != 0 && seconds < 60 {
        return if seconds == 0 {
            format!("{} ms", duration.subsec_millis())
        } else {
            format!("{} s", number(duration.as_secs_f64()))
        };
    }
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

/// The candidate that was probably meant: near enough to the word, and nearest of all.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().replace(['-', ' '], "_").chars().take(WORD_MAX).collect();
    let near = 1 + word.len() / 4;
    candidates
        .into_iter()
        .map(|it| (distance(&word, &it.chars().collect::<Vec<char>>()), it))
        .min_by_key(|(apart, _)| *apart)
        .filter(|(apart, it)| *apart <= near && *apart < it.len())
        .map(|(_, it)| it)
}

fn unit_words(unit: &str) -> &str {
    match unit {
        "1" => "",
        "degC" => "°C",
        "degF" => "°F",
        other => other,
    }
}

fn decimals(value: f64) -> usize {
    // Three decimals, and below 0.1 as many as leave three digits.
    let magnitude = value.abs();
    (3..DECIMALS_MAX)
        .zip([0.1, 0.01, 1e-3, 1e-4, 1e-5])
        .find(|(_, from)| *from <= magnitude)
        .map_or_else(|| if magnitude < 1e-9 { 3 } else { DECIMALS_MAX }, |(decimals, _)| decimals)
}

fn with_decimals(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Levenshtein's distance; a swap of neighbours counts as one.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, &l) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, &r) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(l != r);
            let mut best = replaced.min(above[column + 1] + 1).min(line[column] + 1);
            if 0 < row && 0 < column && l == right[column - 1] && left[row - 1] == r {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(0)
}

/// Beyond nine decimals there is only what binary fractions leave behind.
const DECIMALS_MAX: usize = 9;
/// A word longer than this resembles none of ours: the distance is not computed further.
const WORD_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{against, closest, duration, number, quantity};
    use std::time::Duration;

    #[test]
    fn numbers_are_short() {
        for (value, shown) in [
            (23.4, "23.4"),
            (18.900000001, "18.9"),
            (0.1 + 0.2, "0.3"),
            (20.0, "20"),
            (100.0, "100"),
            (0.0, "0"),
            (-0.0, "0"),
            (-0.0000000001, "0"),
            (1234.56789, "1234.568"),
            (0.05123, "0.0512"),
            (0.000412, "0.000412"),
            (-7.25, "-7.25"),
            (1e15, "1000000000000000"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), shown, "{value:e}");
        }
    }

    #[test]
    fn a_number_is_told_from_its_limit() {
        assert_eq!(against(20.0004, 20.0), ("20.0004".to_owned(), "20".to_owned()));
        assert_eq!(against(20.5, 20.0), ("20.5".to_owned(), "20".to_owned()));
        assert_eq!(against(20.0, 20.0), ("20".to_owned(), "20".to_owned()));
    }

    #[test]
    fn units_and_durations_are_words() {
        assert_eq!(quantity("27", "degC"), "27 °C");
        assert_eq!(quantity("0.9", "1"), "0.9");
        for (milliseconds, shown) in [
            (0, "0 s"),
            (500, "500 ms"),
            (1500, "1.5 s"),
            (30_000, "30 s"),
            (300_000, "5 min"),
            (5_400_000, "1 h 30 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), shown);
        }
    }

    #[test]
    fn suggests_the_nearest_word() {
        let words = ["current", "percent_of_rated", "voltage"];
        assert_eq!(closest("curent", words), Some("current"));
        assert_eq!(closest("Percent-of-rated", words), Some("percent_of_rated"));
        assert_eq!(closest("votlage", words), Some("voltage"));
        assert_eq!(closest("bananas", words), None);
        assert_eq!(closest("", words), None);
    }
}
