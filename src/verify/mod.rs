//! A door: the kernels of a model run on the CPU and held to double precision.
//!
//! The text that `emit` prints is compiled by the system's C++ compiler with the executor of `kernels/host`, which this
//! room carries, and run on inputs of its own. A [`Case`] holds such inputs and what must come out; it is independent of
//! the machine, so that the same cases serve a GPU.

mod argument;
mod counts;
mod embedding;
mod heads;
mod host;
mod noise;
mod norm;
mod pooled;
mod product;
mod profile;
mod tally;
mod trace;
mod turned;

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

pub use crate::kernel::{narrow, widen};
pub use argument::{Argument, bytes, halves};
pub use counts::Counts;
pub use embedding::Embedding;
pub use heads::Heads;
pub use host::{Compiler, ORDERS, Order, Program, SCHEDULES};
pub use noise::Noise;
pub use norm::Norm;
pub use pooled::Pooled;
pub use product::Product;
pub use profile::{Built, COUNTING, Counted, Profile, count};
pub use trace::{TRACING, Trace};
pub use turned::Turned;

use crate::cores::on_every_core;
use crate::diagnostic::Diagnostic;
use crate::emit::kernel_source;
use crate::kernel::{self, KernelPlan, Source};
use crate::vit::{KernelForm, Vit};

/// Codes of running kernels on the CPU: S082x.
pub mod codes {
    use crate::diagnostic::Code;

    /// No C++ compiler was found.
    pub const NO_COMPILER: Code = Code::new("S0820", "no-cxx");
    /// A kernel that does not compute what it should.
    pub const DISAGREES: Code = Code::new("S0821", "kernel-disagrees");
    /// The C++ compiler, or running what it made, failed.
    pub const NOT_RUN: Code = Code::new("S0822", "kernel-not-run");
    /// The device runs no CUDA kernels.
    pub const NO_CUDA: Code = Code::new("S0823", "no-cuda");
}

/// Inputs of one launch, and what must come out.
pub trait Case {
    /// Rows of the launch.
    fn rows(&self) -> u32;
    /// Those of the entry point, in order.
    fn arguments(&self) -> Vec<Argument>;
    /// The largest error of the filled buffers, given in order, in units of what is allowed: 1 at most; or the first
    /// thing that is wrong.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String>;
}

/// Why a kernel was not run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A file or a process.
    World(String),
    /// The compiler refused the source; what it said.
    Compiler(String),
    /// The executor stopped the kernel, or the result is wrong.
    Kernel(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::World(text) | Self::Compiler(text) | Self::Kernel(text)) = self;
        f.write_str(text)
    }
}

/// What came of one kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// The kernel's name in the model.
    pub kernel: String,
    /// Its entry point.
    pub entry: String,
    /// Launches that were checked.
    pub launches: usize,
    /// The largest error in units of what is allowed.
    pub error: f64,
    /// What is wrong, if anything is: the launch, and the executor's or the reference's words.
    pub wrong: Option<String>,
    /// Time that compiling, running and checking took.
    pub seconds: f64,
}

/// An error as a share of what is allowed, also where that is nothing.
fn share(error: f64, allowed: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / allowed }
}

/// Runs every kernel of a model in its form: on one row in both orders of threads, on a ragged number of rows in every
/// schedule, and on more rows than one block takes; or on one image and on two where a kernel needs whole images.
///
/// Programs are put into `folder`. A kernel that is wrong is told in its entry. Fails where no kernels are planned for
/// the model, or where the outside world does.
pub fn verify(
    vit: &Vit,
    form: impl Into<KernelForm>,
    compiler: &Compiler,
    folder: &Path,
    seed: u64,
) -> Result<Vec<Verified>, Diagnostic> {
    let kernels = kernel::plan_for(vit, form)?;
    on_every_core(&kernels.list, |plan| verify_kernel(vit, plan, compiler, folder, seed)).into_iter().collect()
}

fn verify_kernel(
    vit: &Vit,
    plan: &KernelPlan,
    compiler: &Compiler,
    folder: &Path,
    seed: u64,
) -> Result<Verified, Diagnostic> {
    let begin = Instant::now();
    let not_run = |what: &str, said: &str| {
        let error = Diagnostic::error(codes::NOT_RUN, format!("`{}` was not run: {what}", plan.entry)).from_world();
        said.lines().take(12).fold(error, Diagnostic::note)
    };
    let program = compiler.compile(plan, &kernel_source(plan)?, &[], folder).map_err(|failure| match failure {
        Failure::Compiler(said) => not_run("the C++ compiler refuses it", &said)
            .help("set `CXX` to a compiler of C++17: GCC 9 or later, or clang"),
        other => not_run(&other.to_string(), ""),
    })?;
    let (mut launches, mut worst, mut wrong) = (0, 0.0_f64, None);
    'cases: for (rows, orders) in cases(plan) {
        let Some(case) = case(vit, plan, rows, seed) else {
            wrong = Some("no reference is written for it".to_owned());
            break;
        };
        let arguments = case.arguments();
        for &order in orders {
            let checked = program.run(case.rows(), order, &arguments).and_then(|filled| {
                let filled: Vec<Vec<u16>> = filled.iter().map(|buffer| halves(buffer)).collect();
                case.check(&filled).map_err(Failure::Kernel)
            });
            launches += 1;
            match checked {
                Ok(error) => worst = worst.max(error),
                Err(Failure::Kernel(text)) => {
                    wrong = Some(format!("{rows} row{}, {order}: {text}", if rows == 1 { "" } else { "s" }));
                    break 'cases;
                }
                Err(other) => return Err(not_run(&other.to_string(), "")),
            }
        }
    }
    Ok(Verified {
        kernel: plan.name.clone(),
        entry: plan.entry.clone(),
        launches,
        error: worst,
        wrong,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

/// Numbers of rows, and the orders each runs in.
fn cases(plan: &KernelPlan) -> Vec<(u64, &'static [Order])> {
    const RAGGED: u64 = 37;
    let multiple = plan.launch.rows_multiple;
    if multiple > 1 {
        vec![(multiple, &SCHEDULES), (2 * multiple, &SCHEDULES[..1])]
    } else {
        vec![(1, &ORDERS), (RAGGED, &SCHEDULES), (plan.launch.rows_per_block + RAGGED, &SCHEDULES[..1])]
    }
}

/// A kernel's inputs for so many rows, by the seed of the run; none for a kernel that no reference is written for.
pub fn case(vit: &Vit, plan: &KernelPlan, rows: u64, seed: u64) -> Option<Box<dyn Case>> {
    let (rows, dtype) = (rows as usize, plan.halves.dtype);
    if plan.template == "attention" {
        let attention = kernel::attention(vit);
        return Some(Box::new(Heads::over(dtype, attention, rows / attention.tokens.max(1) as usize, seed)));
    }
    if plan.template == "query_key" {
        let what = kernel::query_key(vit)?;
        return Some(Box::new(Turned::over(dtype, what, rows / what.tokens.max(1) as usize, seed)));
    }
    if plan.template == "pool" {
        return Some(Box::new(Pooled::over(dtype, kernel::pool(vit)?, rows, seed)));
    }
    if let Some(width) = plan.constant("WIDTH") {
        let (width, epsilon) = (width as usize, vit.architecture.norm_epsilon);
        let norm = Norm::over(plan.halves, width, rows, plan.choice("residual") == Some("added"), epsilon, seed);
        return Some(Box::new(match plan.constant("TOKENS") {
            Some(tokens) => norm.first_of(tokens as usize),
            None if plan.choice("rows") == Some("measured") => norm.measured(),
            None => norm,
        }));
    }
    let gemm = kernel::products(vit, plan.form()).into_iter().find(|gemm| gemm.name == plan.part())?;
    if let Source::Images(images) = gemm.source {
        return Some(Box::new(Embedding::new(images, plan, rows / images.patches().max(1) as usize, seed)));
    }
    Some(Box::new(Product::new(&gemm, plan, rows, seed)))
}
