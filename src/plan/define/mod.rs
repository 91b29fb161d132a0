//! One file a definition: from its tree to its part of the plan.

mod budget;
mod device;
mod emit;
mod fit;
mod funds;
mod hardware;
mod law;
mod measured;
mod model;
mod prefer;
mod recipe;
mod results;
mod search;
mod start;
mod text;
mod trainer;
