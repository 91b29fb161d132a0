//! A plan to begin with.

use serde::Serialize;

use super::engine;
use crate::diagnostic::Diagnostic;
use crate::plan::Target;
use crate::vit::Pooling;

/// What a first plan is made of. Texts are in the plan language; whoever renders checks what comes out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Starter {
    /// The plan's path, for its comments.
    pub file: String,
    /// Side of the image, in pixels.
    pub image: u64,
    /// Side of a patch, in pixels.
    pub patch: u64,
    /// Attention heads.
    pub heads: u64,
    /// How the tokens become one vector.
    pub pool: Pooling,
    /// Runs to learn from.
    pub table: Option<StarterTable>,
    /// The budget as compute, such as `8 ZFLOP as forward`; else devices and days make it.
    pub compute: Option<String>,
    /// How many devices.
    pub gpus: u64,
    /// For how many days.
    pub days: String,
    /// Which device.
    pub device: String,
    /// The share of its peak that training makes use of.
    pub mfu: String,
    /// What an hour of a device costs, such as `2.5 $/gpu/h`.
    pub price: Option<String>,
    /// What to write.
    pub targets: Vec<StarterTarget>,
}

/// A table and its columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StarterTable {
    /// Its path from the plan's folder.
    pub path: String,
    /// The column of widths.
    pub width: String,
    /// The column of depths.
    pub depth: String,
    /// The column of MLP sizes.
    pub mlp: String,
    /// The column of examples seen.
    pub examples: String,
    /// The column of the metric.
    pub metric: String,
    /// Whether the metric is an accuracy, not an error.
    pub is_accuracy: bool,
}

impl StarterTable {
    /// The table at `path` with those of its columns that sound like what is needed; where none does, a usual name.
    pub fn of_columns(path: &str, columns: &[String]) -> Self {
        let find = |parts: &[&str], usual: &str| {
            let sounds = |column: &&String| parts.iter().any(|part| column.to_lowercase().contains(part));
            columns.iter().find(sounds).cloned().unwrap_or_else(|| usual.to_owned())
        };
        let error = columns.iter().find(|column| column.to_lowercase().contains("error"));
        let accuracy = || find(&["acc", "shot", "top1", "top_1", "top-1"], "accuracy");
        Self {
            path: path.to_owned(),
            width: find(&["width", "embed", "hidden_size"], "width"),
            depth: find(&["depth", "layers"], "depth"),
            mlp: find(&["mlp", "intermediate"], "mlp_dim"),
            examples: find(&["example", "seen", "images"], "examples_seen"),
            metric: error.cloned().unwrap_or_else(accuracy),
            is_accuracy: error.is_none(),
        }
    }
}

/// A target and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StarterTarget {
    /// Its name in plans.
    pub name: &'static str,
    /// Its usual path.
    pub path: String,
}

impl StarterTarget {
    /// A target at its usual path.
    pub fn usual(target: Target) -> Self {
        let name = target.name();
        let path = match (target, target.ending()) {
            (Target::Transformers, _) => "hf/".to_owned(),
            (_, Some(ending)) => format!("{name}.{ending}"),
            (_, None) => format!("{name}/"),
        };
        Self { name, path }
    }
}

/// The text of a first plan, with comments; not yet in the one style.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn starter(starter: &Starter) -> Result<String, Diagnostic> {
    engine::render("starter.sov.j2", starter)
}
