//! Step 1: `Assetfile.yaml` becomes a `Config`.

mod concern;
mod keys;
mod load;
pub mod model;

pub use keys::ASSETFILE;
pub use load::{Loaded, ProjectDefaults, load};
pub use model::{
    Budget, Config, ConstantsTarget, Hooks, PaidInWatch, ProviderConfig, Remote, UnboughtCheck,
    UntilBought,
};
