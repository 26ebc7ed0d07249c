//! Tests that see the project from outside: its rules, and the real binary in temp folders.

mod build;
mod check;
mod decisions;
mod explain;
mod incremental;
mod lock;
mod manifest;
mod sample;
mod support;
mod tidy;
