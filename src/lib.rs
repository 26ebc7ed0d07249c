//! assetbuild: make for generated assets.
//!
//! A build is six steps, each one public function, declared here in their order:
//! [`config`], [`spec`], [`graph`], [`plan`], [`execute`], [`report`]; [`pipeline`] calls them.

pub mod base;
pub mod yaml;

pub mod catalog;
pub mod config;

pub mod lock;
pub mod spec;

pub mod cache;
pub mod generate;
pub mod graph;
pub mod integrate;
pub mod process;
pub mod purchase;
pub mod validate;

pub mod plan;

pub mod event;

pub mod execute;
pub mod report;

pub mod pipeline;
pub mod simulator;

pub mod watch;

pub mod cli;
