//! The `rackwarden` command: see [`rackwarden::cli`].

fn main() -> std::process::ExitCode {
    rackwarden::cli::main()
}
