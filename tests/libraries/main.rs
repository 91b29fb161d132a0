//! What is emitted and priced, held to the libraries themselves.
//!
//! One program, so that interpreters that take seconds to start, and run on one core, run beside each other.
//! What is missing is skipped aloud, or fails where `SOVIT_REQUIRE` lists it.

#[path = "../support/built.rs"]
mod built;
#[path = "../support/python.rs"]
mod python;
#[path = "../support/so400m.rs"]
mod so400m;
#[path = "../support/mod.rs"]
mod support;

mod candle;
mod contrastive;
mod jax;
mod memory;
mod packed;
mod recipes;
mod trainers;
