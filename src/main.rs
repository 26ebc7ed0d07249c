//! The `assetbuild` program: calls the library and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    assetbuild::cli::run(std::env::args_os()).into()
}
