//! The command line: `sovitc PLAN.sov` and the commands around it.

fn main() -> std::process::ExitCode {
    sovitc::cli::run()
}
