//! Tables to laws, and what a law says.

mod model;

pub use model::*;
