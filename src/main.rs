//! The `assetbuild` program: calls the library and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    assetbuild::cli::main().into()
}
