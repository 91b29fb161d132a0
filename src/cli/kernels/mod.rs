//! `sovitc kernels ...`

mod asked;
mod compile;
mod plan;
mod profile;
mod verify;

use clap::Subcommand;

use super::Status;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Compile the kernels of a plan to CUBINs; needs libnvrtc and no GPU.
    Compile(compile::Compile),
    /// Show the kernels of a plan: tiles, grids, work.
    Plan(plan::Show),
    /// Count what the kernels of a plan do, and predict their time on a device; needs a C++ compiler and no GPU.
    Profile(profile::Counts),
    /// Run the kernels of a plan on the CPU and hold them to double precision; needs a C++ compiler and no GPU.
    Verify(verify::Verify),
}

pub(super) fn run(command: &Command) -> Status {
    match command {
        Command::Compile(arguments) => compile::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Profile(arguments) => profile::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
    }
}
