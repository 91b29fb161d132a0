//! Law to shape: the frontier, the search over legal shapes, what a wrong shape costs.
//!
//! ```text
//! frontier   where the recipe wants to be at a compute, and with which interval
//! anchored   the loss around the frontier; its excess is zero on it
//! surface    the same by sizes and compute, and what it can be over a box of both
//! funds      what a budget pays for besides training, and what repeated data are worth
//! coupled    the loss where the shape decides how much compute is left
//! objective  which of the two a search minimises
//! bounds     what a requirement can say of a whole box
//! lattice    the legal sizes of a box, and what is known of all shapes of a sub-box
//! search     the best legal shape, exactly, and the next best
//! prefer     the shape that is wanted among those near the best
//! hardware   what a shape takes on the hardware that a search names
//! bill       what a training takes of devices and of money
//! infeasible which requirements conflict, and how far they are from agreeing
//! choose     all of it for every search of a plan
//! pareto     what less of a number costs in loss
//! trajectory one search over a range of budgets
//! ```

mod anchored;
mod answer;
mod bill;
mod bounds;
mod choose;
pub mod codes;
mod coupled;
#[cfg(test)]
mod fixtures;
mod frontier;
mod funds;
mod hardware;
mod infeasible;
mod interval;
mod lattice;
mod objective;
mod pareto;
mod prefer;
mod prices;
mod recipe;
mod search;
mod surface;
mod trajectory;
mod values;

pub use answer::*;
pub use bill::{Amount, Bill, MfuOrigin, Quoted, Waste};
pub use choose::choose;
pub use pareto::pareto;
pub use recipe::Recipe;
pub use trajectory::{TrajectoryPoint, budgets, trajectory};
