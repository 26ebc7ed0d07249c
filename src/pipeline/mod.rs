//! The build as a whole: reads the files and calls the six steps in order.
//!
//! Every command goes through [`prepare()`]; a build goes on with [`build()`]. There is no second way
//! to load, expand or assess a project.

mod ahead;
pub mod asleep;
pub mod build;
mod building;
mod committing;
mod disk;
mod kept;
pub mod keys;
pub mod lazy_state;
pub mod load;
mod lock_reader;
pub mod maintain;
pub mod migrate;
pub mod money;
mod orphans;
mod others;
pub mod overtaken;
pub mod prepare;
pub mod purchases;
pub mod quality;
pub mod recall;
pub mod record;
pub mod remember;
pub mod request;
pub mod select;
pub mod session;
mod settings;
pub mod table;
pub mod touched;
pub mod variations;
pub mod world;

pub use ahead::Ahead;
pub use build::{BuildError, BuildRequest, Built, build, has_redo_record};
pub use maintain::MaintainError;
pub use overtaken::is_overtaken;
pub use prepare::{PrepareError, Prepared, prepare, withhold};
pub use request::{LastRun, LeftAlone, OnChange, Request, Since};
pub use select::Selection;
pub use session::{OpenError, Session};
pub use touched::Touched;

#[cfg(test)]
mod tests;
