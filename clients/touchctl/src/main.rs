//! `touchctl`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(touchctl::run(std::env::args_os()))
}
