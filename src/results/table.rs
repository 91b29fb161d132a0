//! The canonical table every law is fitted to.

use std::sync::Arc;

use crate::vit::Shape;

/// Rows of one `results` definition, in the order of the files' names and of their lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The name in the plan.
    pub name: String,
    /// The path as written, of a file, a folder or a pattern.
    pub path: String,
    /// Names of the metrics, in the plan's order.
    pub metrics: Vec<String>,
    /// Names of the grouping columns; empty without groups.
    pub group: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One run, or one point of a learning curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The file it stands in.
    pub file: Arc<str>,
    /// Line in the file, from 1, the header counted.
    pub line: u64,
    /// The shape, for shape sweeps.
    pub shape: Option<Shape>,
    /// Examples seen, where the table says so.
    pub examples: Option<f64>,
    /// Compute t in forward FLOPs, for shape sweeps: FLOPs per example of the model times examples.
    pub forward_flops: Option<f64>,
    /// Values of the metrics, in the plan's order; positive and finite.
    pub metrics: Vec<f64>,
    /// Values of the other numbers, in the plan's order; positive and finite.
    pub numbers: Vec<f64>,
    /// Values of the grouping columns.
    pub group: Vec<String>,
    /// The run it belongs to; absent where every row is a run of its own.
    pub cluster: Option<String>,
    /// How much it counts: the sum of the weights of the rows of the file that it is the mean of, 1 each where the
    /// plan gives none.
    pub weight: f64,
    /// Whether the row is predicted instead of fitted.
    pub hold_out: bool,
}
