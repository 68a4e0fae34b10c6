//! Has the crate built anew when a profile or a MIB module is added, changed or removed: on stable
//! Rust `include_dir!` alone does not see new files.

fn main() {
    println!("cargo::rerun-if-changed=profiles");
    println!("cargo::rerun-if-changed=mibs");
}
