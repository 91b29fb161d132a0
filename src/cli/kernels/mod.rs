//! `sovitc kernels ...`

mod compile;
mod plan;

use clap::Subcommand;

use super::Status;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Compile the kernels of a plan to CUBINs; needs libnvrtc and no GPU.
    Compile(compile::Compile),
    /// Show the kernels of a plan: tiles, grids, work.
    Plan(plan::Show),
}

pub(super) fn run(command: &Command) -> Status {
    match command {
        Command::Compile(arguments) => compile::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
    }
}
