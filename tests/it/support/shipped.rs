//! `profiles/` and `mibs/` as they are on the disk now, so that who edits them need not rebuild.

use rackwarden::mib::Mibs;
use rackwarden::model::Diagnostic;
use rackwarden::profile::{ProfileFile, ProfileSet};
use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names in `mibs/`.
pub(crate) fn mibs() -> Mibs {
    Mibs::of_texts(files(&root().join("mibs")).into_iter().map(|it| std::fs::read(it).unwrap()))
}

/// The profiles in `profiles/`, and the mistakes in them.
pub(crate) fn profiles(mibs: &Mibs) -> (ProfileSet, Vec<Diagnostic>) {
    let tomls = files(&root().join("profiles")).into_iter();
    let tomls = tomls.filter(|it| it.extension().is_some_and(|it| it == "toml"));
    ProfileSet::of_files(
        mibs,
        tomls.map(|path| ProfileFile {
            text: std::fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root()).unwrap().to_owned(),
            is_users: false,
        }),
    )
}

/// The files of a folder, by name; none if it is not there.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).filter(|it| it.is_file()).collect();
    paths.sort();
    paths
}

/// Holds a text against a file; with `UPDATE=1` in the environment writes the file instead.
pub(crate) fn assert_file(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let shown = path.strip_prefix(root()).unwrap_or(path).display();
    assert!(
        kept == text,
        "{shown} differs; look at it and run again with UPDATE=1\n--- kept\n{kept}\n--- now\n{text}"
    );
}
