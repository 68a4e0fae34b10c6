//! The shipped profiles: each loads without a mistake, and each reads an agent of our own as expected.
//!
//! A device is a profile (`profiles/NAME.toml`) and a fixture, and needs no Rust:
//!
//! * `tests/fixtures/devices/NAME.agent`: a small agent, written by us from the MIB; its format is told
//!   in `support/agent.rs`;
//! * `tests/fixtures/devices/NAME.expected`: what must be read from it, made by the first command below
//!   and then read by a person.
//!
//! ```text
//! UPDATE=1 cargo test --test it profiles       # writes the .expected files, and a start of an .agent
//!                                              # for each profile without one
//! cargo test --test it profiles
//! ```
//!
//! A profile is covered by any fixture that leads to it. An agent's file name is free: two agents of
//! one profile are `apc-ups.agent` and `apc-ups-smt750.agent`.

use crate::support::{agent, shipped};
use rackwarden::model::Oid;
use rackwarden::profile::{ProfileSet, SystemGroup, fixture};
use std::collections::BTreeSet;
use std::path::PathBuf;

#[test]
fn shipped_profiles_have_no_mistake() {
    let (_, problems) = shipped::profiles(&shipped::mibs());
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn embedded_profiles_are_those_on_the_disk() {
    let (on_disk, _) = shipped::profiles(&shipped::mibs());
    let shown = |set: &ProfileSet| -> Vec<String> {
        let profiles = set.iter();
        profiles.map(|it| format!("{} {:?} {:?}", it.name, it.sys_object_ids(), it.columns())).collect()
    };
    assert_eq!(shown(ProfileSet::embedded()), shown(&on_disk));
    // The embedded ones are chosen by their heads, those on the disk by all of the file.
    for profile in on_disk.iter() {
        for sys_object_id in profile.sys_object_ids().iter().cloned().chain([Oid::default()]) {
            let sys_descr = profile.sys_descrs().first().cloned().unwrap_or_default();
            let system = SystemGroup { sys_object_id, sys_descr, ..SystemGroup::default() };
            let names = |set: &ProfileSet| {
                set.candidates(&system).iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
            };
            assert_eq!(names(ProfileSet::embedded()), names(&on_disk));
        }
    }
}

#[test]
fn shipped_profiles_say_what_they_are_for() {
    let (profiles, _) = shipped::profiles(&shipped::mibs());
    for profile in profiles.iter() {
        let name = &profile.name;
        assert!(!profile.description.is_empty(), "{name} has no description");
        assert_eq!(
            profile.file.file_stem().unwrap().to_str(),
            Some(&**name),
            "a file is named as its profile"
        );
        if !profile.is_abstract() {
            assert!(!profile.vendor.is_empty(), "{name} has no vendor");
            let cells = profile.scalars().len() + profile.columns().len();
            assert!(cells != 0, "{name} reads nothing");
        }
    }
}

#[test]
fn agents_of_our_own_read_as_expected() {
    let mibs = shipped::mibs();
    let (profiles, _) = shipped::profiles(&mibs);
    let updating = std::env::var_os("UPDATE").is_some();
    let mut covered = BTreeSet::new();
    for path in agents() {
        let text = std::fs::read_to_string(&path).unwrap();
        let cells = agent::parse(&mibs, &text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let read = fixture::read(&profiles, &mibs, &cells);
        shipped::assert_file(&path.with_extension("expected"), &read);
        let first = read.lines().next().and_then(|it| it.strip_prefix("profile "));
        covered.insert(first.unwrap_or_default().to_owned());
    }
    let bare: Vec<_> =
        profiles.iter().filter(|it| !it.is_abstract() && !covered.contains(&*it.name)).collect();
    if updating {
        for profile in &bare {
            let path = folder().join(format!("{}.agent", profile.name));
            if !path.exists() {
                std::fs::write(&path, agent::skeleton(&mibs, profile)).unwrap();
            }
        }
    }
    let names: Vec<&str> = bare.iter().map(|it| &*it.name).collect();
    assert!(bare.is_empty(), "profiles without a fixture: {} (see the head of this file)", names.join(", "));
}

fn folder() -> PathBuf {
    shipped::root().join("tests/fixtures/devices")
}

fn agents() -> Vec<PathBuf> {
    let files = shipped::files(&folder()).into_iter();
    files.filter(|it| it.extension().is_some_and(|it| it == "agent")).collect()
}
