//! Finds the modules that a text defines, by their `NAME DEFINITIONS ::= BEGIN`.

/// The names, in the order of the text; comments and quoted texts do not count.
pub(super) fn modules_of(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let mut names = Vec::new();
    let mut before: Option<&str> = None;
    let mut quoted = false;
    let mut braces = 0_usize;
    for line in text.lines() {
        let mut rest = line;
        while !rest.is_empty() {
            if quoted {
                let Some((_, after)) = rest.split_once('"') else { break };
                quoted = false;
                rest = after;
                continue;
            }
            rest = rest.trim_start();
            let end = rest.find(|it: char| !is_letter(it)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.starts_with("--") {
                break;
            }
            if word.is_empty() {
                let mut letters = rest.chars();
                match letters.next() {
                    Some('"') => quoted = true,
                    Some('{') => braces += 1,
                    Some('}') => braces = braces.saturating_sub(1),
                    _ => (),
                }
                rest = letters.as_str();
                continue;
            }
            if word == "DEFINITIONS" {
                names.extend(before.map(str::to_owned));
            }
            if braces == 0 {
                before = Some(word);
            }
            rest = after;
        }
    }
    names
}

fn is_letter(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '-' || it == '_'
}

#[cfg(test)]
mod tests {
    use super::modules_of;

    #[test]
    fn finds_modules() {
        for (text, found) in [
            ("A-MIB DEFINITIONS ::= BEGIN END\nB DEFINITIONS ::= BEGIN", &["A-MIB", "B"][..]),
            ("-- X DEFINITIONS\nA-MIB { iso 3 } DEFINITIONS ::= BEGIN", &["A-MIB"]),
            ("A-MIB\n  DEFINITIONS\n::= \"B DEFINITIONS\n C DEFINITIONS\"", &["A-MIB"]),
            ("DEFINITIONS", &[]),
            ("", &[]),
        ] {
            assert_eq!(modules_of(text.as_bytes()), found, "{text}");
        }
    }
}
