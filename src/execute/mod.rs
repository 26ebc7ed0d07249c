//! Step 5: dirty actions run.
//!
//! The scheduler decides when, the executor does it, and neither prints: both tell a `Reporter`.
//! Design note: docs/design/execution.md.

pub mod acquire;
pub mod buying;
pub mod chain;
mod fallback;
pub mod group;
pub mod market;
pub mod recorder;
pub mod scheduler;
mod settle;
mod slot;
pub mod stop;
pub mod variations;

pub use acquire::{
    AcquireError, Acquired, Acquirer, Delivery, Order, Slot, Ticket, Undelivered, is_busy,
    record_of, recover_dead,
};
pub use buying::Trouble;
pub use chain::{ActionError, Built, Chain, ChainExecutor, Finished, Stores, with_causes};
pub use group::{Group, Groups};
pub use market::{Market, Unavailable};
pub use recorder::Recorder;
pub use scheduler::{Execution, Executor, Limits, Status, run};
pub use stop::StopSignal;
