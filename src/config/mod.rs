//! Step 1: `Assetfile.yaml` becomes a `Config`.

pub mod model;

pub use model::{
    Budget, Config, ConstantsTarget, Hooks, PaidInWatch, ProviderConfig, Remote, UnboughtCheck,
    UntilBought,
};
