//! Instance patterns: which rows of a column a reading takes, and which part of the instance names
//! the row.

/// What follows a column's OID, as `**`, `*.*.5` or `0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Box<[Part]>,
    /// Whether `**` stands at the end.
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Star,
    Exact(u32),
}

impl Pattern {
    /// Takes any instance.
    pub(super) fn any() -> Self {
        Self { parts: Box::default(), open: true }
    }

    /// Reads a pattern; the error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (body, open) = match text.strip_suffix("**") {
            Some("") => return Ok(Self::any()),
            Some(body) => match body.strip_suffix('.') {
                Some(body) => (body, true),
                None => return Err("`**` stands alone or after a dot".to_owned()),
            },
            None => (text, false),
        };
        let part = |it: &str| match it {
            "*" => Ok(Part::Star),
            "**" => Err("`**` stands only at the end".to_owned()),
            _ if it.bytes().all(|it| it.is_ascii_digit()) => {
                it.parse().map(Part::Exact).map_err(|_| format!("`{it}` is no sub-identifier"))
            }
            _ => Err(format!("`{it}` is neither a number nor `*`")),
        };
        let parts = body.split('.').map(part).collect::<Result<Box<[Part]>, String>>()?;
        Ok(Self { parts, open })
    }

    /// The starred sub-identifiers of an instance, if it matches.
    pub(super) fn starred(&self, instance: &[u32]) -> Option<Vec<u32>> {
        let (head, rest) = instance.split_at_checked(self.parts.len())?;
        if !self.open && !rest.is_empty() {
            return None;
        }
        let mut starred = Vec::with_capacity(instance.len());
        for (part, &arc) in self.parts.iter().zip(head) {
            match part {
                Part::Star => starred.push(arc),
                Part::Exact(exact) if *exact == arc => (),
                Part::Exact(_) => return None,
            }
        }
        starred.extend_from_slice(rest);
        Some(starred)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn matches_as_documented() {
        for (pattern, instance, starred) in [
            ("**", &[2, 14][..], Some(&[2, 14][..])),
            ("*.*.5", &[1, 1, 5], Some(&[1, 1])),
            ("*.*.5", &[1, 1, 6], None),
            ("*.*.5", &[1, 5], None),
            ("*.*.5", &[1, 1, 5, 5], None),
            ("*.1.*", &[7, 1, 9], Some(&[7, 9])),
            ("5.**", &[5, 8, 9], Some(&[8, 9])),
            ("5.**", &[5], Some(&[])),
            ("5.**", &[6, 5], None),
            ("*.5.**", &[1, 5, 8], Some(&[1, 8])),
            ("0", &[0], Some(&[])),
            ("0", &[1], None),
            ("0", &[], None),
        ] {
            let found = Pattern::parse(pattern).unwrap().starred(instance);
            assert_eq!(found.as_deref(), starred, "{pattern} on {instance:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for bad in ["", ".", "1.", "*.**.1", "***", "x", "4294967296", "1**", "-1"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
