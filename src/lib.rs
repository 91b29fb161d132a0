//! A compiler for vision-transformer plans: compute budgets, prior results and a shape search space in;
//! a compute-optimal shape, trainer configs, fused CUDA kernels and a lock out.
//!
//! ```
//! use sovitc::source::MemoryWorld;
//!
//! let plan = "
//! model encoder { image = 224 px, patch = 14 px, heads = 16 }
//! law shape = sovit { effective = { width = 0.0675, depth = 0.1055, mlp = 0.1633 } }
//! start small { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.7 EFLOP as forward }
//! budget big = forward(vit_g14) * 16e9 example
//! search encoder {
//!   width in 384..2048 step 16
//!   depth in 6..60
//!   mlp in 512..16384 step 16
//! }
//! ";
//! let world = MemoryWorld::default().with("plan.sov", plan);
//! # #[cfg(feature = "fit")] {
//! let compiled = sovitc::compile(&world, &sovitc::PlanFile::named("encoder", "plan.sov"));
//! let outcome = compiled.outcome.expect("the plan is right");
//! assert_eq!(outcome.answers[0].vit.shape.width, 1152);
//! # }
//! ```
//!
//! # Data flows one way
//!
//! ```text
//! text --syntax--> Ast --plan--> Plan --results--> Table --law--> Law --shape--> Answer --kernel--> Kernels --emit--> Artefact
//! ```
//!
//! | room | takes | gives |
//! |---|---|---|
//! | [`syntax`] | text | [`syntax::ast::Ast`], never a failure |
//! | [`plan`] | a tree | [`plan::Plan`]: names resolved, dimensions checked |
//! | [`results`] | a plan and its files | [`results::Table`]: one canonical row |
//! | [`law`] | tables | [`law::Law`]: fitted, with intervals |
//! | [`shape`] | laws | [`shape::Answer`]: the best legal shape and what a wrong one costs |
//! | [`kernel`] | a shape | [`kernel::Kernels`]: constants, launches |
//! | [`lock`] | laws and answers | what a build pins |
//! | [`emit`] | all of it | [`emit::Artefact`]: paths and texts |
//!
//! `check` reads a plan with the files it uses and stops after [`plan`]; `query` evaluates an expression among its values.
//! `compile` goes all the way; `fit_laws` and `fit_table` stop after [`law`]: they need no search, the latter no plan.
//!
//! Any room may stand on the ground: [`source`], [`diagnostic`], [`units`], [`vit`], [`hardware`].
//! [`vit`] counts what a model is and takes, exactly; [`hardware`] tells how long it takes, by a model held to measurements.
//! The doors touch the world: `cores` (threads), [`disk`] (files), [`render`] (drawn diagnostics), `nvrtc`, `sass` (NVIDIA's
//! compiler and disassembler), `verify` (kernels on the CPU), `plugin` and `cli`.
//!
//! # Invariants, each held by a test
//!
//! 1. A room imports only rooms before it and the ground; the ground knows no room; no room imports a door.
//! 2. The core does no I/O, prints nothing, reads no environment, starts no threads and never panics on input.
//!    [`source::World`] is its only door.
//! 3. Parsing never fails. Later stages run on what is whole. Nothing is emitted if an error exists.
//! 4. [`emit`] returns text; only doors write.
//! 5. A build script's dependency tree holds no clap, cudarc, nalgebra or csv-core. It reads plan and lock and never fits.
//! 6. No hash-map order, clock, host name, absolute path or thread count reaches an output.
//! 7. `unsafe` stands only in `kernels/runtime` and `nvrtc.rs`.
//! 8. One file imports the diagnostic renderer, one room the template engine, one room the parser combinators.
//!
//! # Features
//!
//! `cli` (default) is the binary. `plugin` is the build-script API. `fit` reads tables and fits laws.
//! `render` draws diagnostics. `nvrtc` compiles kernels. `verify` runs them on the CPU.

// The ground.
pub mod diagnostic;
pub mod hardware;
pub mod source;
pub mod units;
pub mod vit;

// The stages, in the order data flows.
pub mod syntax;

pub mod plan;

pub mod results;

pub mod law;

pub mod shape;

pub mod kernel;

pub mod lock;

pub mod emit;

// The doors.
#[cfg(any(feature = "verify", feature = "cli"))]
mod cores;

pub mod disk;

#[cfg(feature = "render")]
pub mod render;

#[cfg(feature = "nvrtc")]
pub mod nvrtc;

#[cfg(feature = "nvrtc")]
pub mod sass;

#[cfg(feature = "verify")]
pub mod verify;

#[cfg(feature = "plugin")]
pub mod plugin;

#[cfg(feature = "cli")]
pub mod cli;

mod pipeline;

pub use pipeline::{Asking, BothKinds, Queried, Question, Reply, Run, query};
pub use pipeline::{Checked, Compiled, Formatted, Outcome, PlanFile, check, format, locked};
#[cfg(feature = "fit")]
pub use pipeline::{Compute, Fits, Stage, compile, fit_laws, fit_table};
