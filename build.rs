//! Reads the slim MIB modules in `mibs/` and writes their objects as static tables, so that no command
//! pays for parsing them; and has the crate built anew when a profile or a module is added, changed or
//! removed, which `include_dir!` alone does not see.
//!
//! A test holds the tables against the same modules parsed at run time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=profiles");
    println!("cargo::rerun-if-changed=mibs");
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let mib = load(&root.join("mibs"));
    let path = Path::new(&variable("OUT_DIR")).join("mibs.rs");
    if let Err(error) = std::fs::write(&path, tables(&mib)) {
        fail(&format!("{}: {error}", path.display()));
    }
}

fn load(folder: &Path) -> mib_rs::Mib {
    let mut modules: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let entries = std::fs::read_dir(folder).map(|it| it.filter_map(Result::ok)).into_iter().flatten();
    for path in entries.map(|it| it.path()).filter(|it| it.is_file()) {
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        match std::fs::read(&path) {
            Ok(text) => drop(modules.insert(name, text)),
            Err(error) => fail(&format!("{}: {error}", path.display())),
        }
    }
    let names: Vec<String> = modules.keys().cloned().collect();
    let loaded = mib_rs::Loader::new()
        .source(mib_rs::source::memory_modules(modules))
        .resolver_strictness(mib_rs::types::ResolverStrictness::Permissive)
        .diagnostic_config(mib_rs::types::DiagnosticConfig::silent())
        .load();
    let Ok(mib) = loaded else { fail("mibs/ cannot be loaded") };
    for name in names {
        if mib.module(&name).is_none() {
            println!("cargo::warning=mibs/{name} holds no module {name}: a file is named as its module");
        }
    }
    mib
}

/// `MODULES` by name, each with its objects by name, and `BY_OID`, places in those by OID.
fn tables(mib: &mib_rs::Mib) -> String {
    let mut modules: Vec<_> = mib.modules().filter(|it| !is_old_base(it)).collect();
    modules.sort_by_key(|it| it.name());
    let mut by_oid: BTreeMap<Vec<u32>, (usize, usize)> = BTreeMap::new();
    let mut text = String::from("static MODULES: &[Module] = &[\n");
    for (module_at, module) in modules.iter().enumerate() {
        push(&mut text, format_args!("Module {{ name: {:?}, objects: &[\n", module.name()));
        for (at, (name, (oid, entry))) in entries(*module).into_iter().enumerate() {
            push(&mut text, format_args!("Entry {{ name: {name:?}, oid: &{oid:?}, {entry} }},\n"));
            // Of modules that name the same OID, the one that the tree takes for its owner counts.
            let node = mib.exact_node_by_oid(&mib_rs::mib::Oid::from(oid.as_slice()));
            let owns = node.is_some_and(|it| {
                it.name() == name && it.module().is_some_and(|owner| owner.name() == module.name())
            });
            if owns {
                by_oid.insert(oid, (module_at, at));
            }
        }
        text.push_str("] },\n");
    }
    let places: Vec<(usize, usize)> = by_oid.into_values().collect();
    push(&mut text, format_args!("];\nstatic BY_OID: &[(u16, u16)] = &{places:?};\n"));
    text
}

/// A module's objects and branches by name: the OID, and the other fields as Rust.
fn entries(module: mib_rs::Module<'_>) -> BTreeMap<String, (Vec<u32>, String)> {
    let mut entries = BTreeMap::new();
    for branch in module.identities() {
        let entry = "kind: Kind::Branch, syntax: \"\", units: \"\", names: &[]".to_owned();
        entries.insert(branch.name().to_owned(), (branch.oid().to_vec(), entry));
    }
    for object in module.objects() {
        let Some(node) = object.node() else { continue };
        let kind = match object.declared_kind() {
            mib_rs::Kind::Scalar => "Scalar",
            mib_rs::Kind::Column => "Column",
            _ => "Table",
        };
        let syntax = object.ty().map(|it| it.effective_base().to_string()).unwrap_or_default();
        let mut names: BTreeMap<i64, &str> = BTreeMap::new();
        names.extend(object.effective_enums().iter().map(|it| (it.value, it.label.as_str())));
        let names: Vec<(i64, &str)> = names.into_iter().collect();
        let units = object.units();
        let entry = format!("kind: Kind::{kind}, syntax: {syntax:?}, units: {units:?}, names: &{names:?}");
        entries.insert(object.name().to_owned(), (node.oid().to_vec(), entry));
    }
    entries
}

/// The modules of SMI version 1 repeat the roots of version 2.
fn is_old_base(module: &mib_rs::Module<'_>) -> bool {
    module.is_base() && !module.name().starts_with("SNMPv2-")
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    if text.write_fmt(arguments).is_err() {
        fail("out of memory");
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| fail(&format!("cargo sets no {name}")))
}

fn fail(why: &str) -> ! {
    println!("cargo::error={why}");
    std::process::abort()
}
