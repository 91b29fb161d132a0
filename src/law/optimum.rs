//! Where the recipe starts, as data. It can be locked without the code that finds it.

use serde::{Deserialize, Serialize};

use crate::plan::SmallOptimum;
use crate::vit::Shape;

/// A start of a plan, ready to be scaled up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedStart {
    /// The name in the plan.
    pub name: String,
    /// The shape and its compute.
    pub optimum: SmallOptimum,
    /// How it was found; absent where the plan states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridOptimum>,
}

/// What a grid sweep says of its best interior shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridOptimum {
    /// The loss that was compared: `error` or `loss`.
    pub metric: String,
    /// Shapes of the grid.
    pub shapes: u64,
    /// Rows that were compared.
    pub rows: u64,
    /// Compute between which the shape is the best one, in forward FLOPs; ends with the grid's largest compute.
    pub range: (f64, f64),
    /// The shape's loss in the middle of that range, on the log scale.
    pub loss: f64,
    /// The next best shape there; absent where no other had finished a run by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<RunnerUp>,
    /// Standard deviation of the log loss among repeats of a run; absent without repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
}

/// The shape that comes second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerUp {
    /// The shape.
    pub shape: Shape,
    /// Its loss over the best one's, minus 1.
    pub excess: f64,
}
