//! Tests that see the project from outside: its rules, and the real binary in temp folders.

mod build;
mod check;
mod command;
mod decisions;
mod example;
mod explain;
mod fuzz_seeds;
mod incremental;
mod local_models;
mod lock;
mod manifest;
mod manual;
mod money;
mod output;
mod prices;
mod recall;
mod sample;
mod seed_dialects;
mod selection;
mod sheet;
mod sounds;
mod specs;
mod start;
mod support;
mod survive;
mod tidy;
