//! Step 5: dirty actions run.
//!
//! The scheduler decides when, the executor does it, and neither prints: both tell a `Reporter`.
//! Design note: docs/design/execution.md.

pub mod acquire;
pub mod chain;
pub mod group;
pub mod recorder;
pub mod scheduler;
pub mod stop;

pub use acquire::{AcquireError, Acquired, Acquirer, Delivery, Order, recover_dead};
pub use chain::{ActionError, Built, Chain, ChainExecutor, Stores, with_causes};
pub use group::Groups;
pub use recorder::Recorder;
pub use scheduler::{Execution, Executor, Limits, Status, run};
pub use stop::StopSignal;
