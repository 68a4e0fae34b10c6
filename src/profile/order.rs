//! The order in which people expect indexes: 2 before 10, 1.9 before 1.10.

/// A piece of an index: numbers before words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece<'a> {
    Number(u64),
    Word(&'a str),
}

/// An index cut at dots and dashes.
pub(super) fn natural(index: &str) -> Vec<Piece<'_>> {
    index.split(['.', '-']).map(|it| it.parse().map_or(Piece::Word(it), Piece::Number)).collect()
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_count() {
        let mut indexes = ["10", "2", "1.10", "1.9", "humidity-2", "humidity-10", "0"];
        indexes.sort_by_key(|it| natural(it));
        assert_eq!(indexes, ["0", "1.9", "1.10", "2", "10", "humidity-2", "humidity-10"]);
    }
}
