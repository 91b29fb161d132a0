//! Codes of the shape stage, S06xx.

use crate::diagnostic::Code;

/// A law of exponents alone has no loss.
pub const NO_LOSS_MODEL: Code = Code::new("S0601", "no-loss-model");
/// The exponents were calibrated on the shapes they reproduce.
pub const CALIBRATED: Code = Code::new("S0602", "calibrated-exponents");
/// The chosen value is an end of its range.
pub const AT_EDGE: Code = Code::new("S0603", "optimum-at-edge");
/// The budget lies outside the fitted compute.
pub const EXTRAPOLATED: Code = Code::new("S0604", "extrapolation");
/// A search without a start.
pub const NO_START: Code = Code::new("S0605", "no-start");
/// No legal shape.
pub const INFEASIBLE: Code = Code::new("S0606", "infeasible");
/// The search did not finish.
pub const GAVE_UP: Code = Code::new("S0607", "search-gave-up");
/// A requirement decided the shape.
pub const BINDING: Code = Code::new("S0608", "binding-constraint");
/// The grid moved the shape away from the frontier.
pub const ROUNDED: Code = Code::new("S0609", "rounded");
/// The budget is below the start's compute.
pub const BELOW_START: Code = Code::new("S0610", "below-start");
/// The law's frontier is not a usable number.
pub const NO_FRONTIER: Code = Code::new("S0611", "no-frontier");
/// The budget pays for less than one example.
pub const NO_EXAMPLES: Code = Code::new("S0612", "budget-too-small");
/// The budget is uncertain; the search takes its median.
pub const UNCERTAIN_BUDGET: Code = Code::new("S0613", "uncertain-budget");
/// The budget does not pay for what the recipe asks.
pub const RECIPE: Code = Code::new("S0614", "recipe-too-long");
/// A law that gives no one number for what repeats are worth.
pub const NO_REPEATS: Code = Code::new("S0615", "no-worth-of-repeats");
