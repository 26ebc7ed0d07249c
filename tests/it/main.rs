//! Tests that see the project from outside: its rules, and the real binary in temp folders.

mod prices;
mod support;
mod tidy;
