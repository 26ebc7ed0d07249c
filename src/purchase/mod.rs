//! The store of what cannot be made again, and the money.
//!
//! A purchase is one small file that is written before its request leaves and replaced at each
//! step; the raw bytes lie beside it by digest. Format and invariants:
//! docs/design/purchase-journal.md. Nothing here knows a clock or a network.

pub mod caps;
mod durable;
pub mod id;
pub mod journal;
pub mod raw;
pub mod record;
pub mod recover;
pub mod spare;
pub mod state;

pub use caps::{
    Admission, Booked, Books, Cap, CapKey, Period, Reservation, Scope, Sums, counted_at, keys_of,
    overrun,
};
pub use durable::WriteError;
pub use id::PurchaseId;
pub use journal::{Journal, JournalError, Listing, Problem};
pub use raw::{MissingCause, MissingRaw, Raw, RawError, RawOrigin, RawStore, SecondCopy, Stored};
pub use record::{Basis, DecodeError, Purchase};
pub use recover::{Recovery, Resolution};
pub use state::{Change, IllegalChange, State};

#[cfg(test)]
mod tests;
