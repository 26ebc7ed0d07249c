//! Tests that see the project from outside: its rules, and the real binary in temp folders.

mod build;
mod check;
mod decisions;
mod explain;
mod incremental;
mod lock;
mod manifest;
mod output;
mod sample;
mod selection;
mod start;
mod support;
mod tidy;
