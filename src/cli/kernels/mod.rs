//! `sovitc kernels ...`

mod compile;
mod plan;
mod verify;

use clap::Subcommand;

use super::Status;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Compile the kernels of a plan to CUBINs; needs libnvrtc and no GPU.
    Compile(compile::Compile),
    /// Show the kernels of a plan: tiles, grids, work.
    Plan(plan::Show),
    /// Run the kernels of a plan on the CPU and hold them to double precision; needs a C++ compiler and no GPU.
    Verify(verify::Verify),
}

pub(super) fn run(command: &Command) -> Status {
    match command {
        Command::Compile(arguments) => compile::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
    }
}
