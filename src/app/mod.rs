//! The daemon: builds, wires, reloads and stops the other modules.
