//! Every kind of mistake in a profile, and what is said of it: `tests/fixtures/profile-mistakes/NAME.toml`
//! (or a folder of them) and `NAME.txt`. `UPDATE=1` in the environment writes the texts anew.

use crate::support::shipped;
use rackwarden::mib::Mibs;
use rackwarden::profile::{ProfileFile, ProfileSet};
use std::path::{Path, PathBuf};

#[test]
fn mistakes_are_told_with_their_place_and_a_help() {
    let folder = shipped::root().join("tests/fixtures/profile-mistakes");
    let mibs = test_mibs();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.is_dir() || it.extension().is_some_and(|it| it == "toml"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let paths = if case.is_dir() { shipped::files(&case) } else { vec![case.clone()] };
        let (_, problems) = ProfileSet::of_files(&mibs, paths.iter().map(|it| file(&folder, it)));
        let lines: String = problems.iter().map(|it| format!("{it}\n")).collect();
        assert!(!lines.is_empty(), "{} has no mistake", case.display());
        shipped::assert_file(&case.with_extension("txt"), &lines);
    }
}

#[test]
fn users_profiles_replace_shipped_ones_unless_they_have_mistakes() {
    let mibs = test_mibs();
    let text = |description: &str| format!("[profile]\nname = \"same\"\n{description}\n");
    let file = |path: &str, text: String, is_users| ProfileFile { path: path.into(), text, is_users };
    let shipped = file("profiles/same.toml", text("description = \"shipped\""), false);
    let users = file("/etc/same.toml", text("description = \"user's\""), true);
    let broken = file("/etc/same.toml", text("description = 1"), true);
    let described = |files: Vec<ProfileFile>| {
        let (set, problems) = ProfileSet::of_files(&mibs, files);
        (set.find("same").unwrap().description.clone(), problems.len())
    };
    assert_eq!(described(vec![shipped.clone(), users.clone()]), ("user's".to_owned(), 0));
    assert_eq!(described(vec![shipped, broken]), ("shipped".to_owned(), 1));
    assert_eq!(described(vec![users.clone(), users]).1, 1);
}

#[test]
fn a_users_folder_brings_profiles_and_modules() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("TEST-MIB.mib", &std::fs::read_to_string(test_mib()).unwrap());
    write("mine.toml", "[profile]\nname = \"mine\"\n[identity]\nmodel = \"TEST-MIB::testModel\"\n");
    write("latin.toml", "");
    std::fs::write(folder.path().join("latin.toml"), b"\xff").unwrap();
    let folders = [folder.path().to_owned(), folder.path().join("absent")];
    let (set, problems) = ProfileSet::load(&folders);
    assert_eq!(set.find("mine").unwrap().scalars()[0].to_string(), "1.3.6.1.4.1.99999.1.1.0");
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with("latin.toml: is not UTF-8"), "{lines:?}");
}

fn test_mib() -> PathBuf {
    shipped::root().join("tests/fixtures/mibs/TEST-MIB")
}

fn test_mibs() -> Mibs {
    Mibs::of_texts([std::fs::read(test_mib()).unwrap()])
}

fn file(folder: &Path, path: &Path) -> ProfileFile {
    ProfileFile {
        path: path.strip_prefix(folder).unwrap().to_owned(),
        text: std::fs::read_to_string(path).unwrap(),
        is_users: false,
    }
}
