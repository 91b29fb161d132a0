//! Law to shape: the frontier, the search over legal shapes, what a wrong shape costs.

mod answer;

pub use answer::*;
