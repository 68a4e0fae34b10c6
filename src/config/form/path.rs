//! Files and folders. A relative path starts in the folder of the file that names it.

use super::text::strings;
use crate::config::check::{Checker, Spot};
use figment::value::Value;
use std::path::Path;

pub(super) fn path(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let text = checker.text(spot)?;
    absolute(checker, spot, text).map(Value::from)
}

pub(super) fn paths(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let texts = strings(checker, spot)?;
    let count = texts.len();
    let paths: Vec<String> = texts.iter().filter_map(|it| absolute(checker, spot, it)).collect();
    (paths.len() == count).then(|| Value::from(paths))
}

/// The path from the root, or from where the process stands if the file itself was named so.
/// Messages do not repeat it: it may be a secret that was put into the wrong key.
fn absolute(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>, text: &str) -> Option<String> {
    let name = spot.key.name;
    let message = if text.trim().is_empty() {
        format!("`{name}` is empty")
    } else if text.contains(char::is_control) {
        format!("`{name}` holds a line end or another control character")
    } else if text.starts_with("~/") {
        format!("`{name}` begins with ~, which only a shell fills in")
    } else if text.contains("${") {
        format!("`{name}` holds a variable literally: nothing is filled in within texts")
    } else if Path::new(text).is_absolute() {
        return Some(text.to_owned());
    } else if let Some(folder) = &checker.layer.folder {
        return Some(folder.join(text).to_string_lossy().into_owned());
    } else {
        format!("`{name}` is not a path from the root")
    };
    checker.mistake(&spot.value.span(), message).help(format!("write {name} = {}", spot.key.example));
    None
}

#[cfg(test)]
mod tests {
    use crate::config::form::testing::{lowered, said};

    #[test]
    fn relative_paths_start_in_the_files_folder() {
        let shown = |text: &str| lowered("state", text, "folder").unwrap().as_str().map(str::to_owned);
        assert_eq!(shown("folder = \"/var/lib/x\"").as_deref(), Some("/var/lib/x"));
        assert_eq!(shown("folder = \"x/y\"").as_deref(), Some("/etc/rackwarden/x/y"));
    }

    #[test]
    fn what_a_shell_would_fill_in_is_refused() {
        for text in ["~/state", "${HOME}/state", "", "a\\u0000b"] {
            assert_eq!(said("state", &format!("folder = \"{text}\"")).len(), 1, "{text}");
        }
    }
}
