//! What a plan says of its tables: which columns are what, which rows count.

use serde::{Deserialize, Serialize};

use super::Expression;
use crate::source::{Span, Spanned};
use crate::vit::PerAxis;

/// `results NAME from "FILE" { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Its name.
    pub name: Spanned<String>,
    /// The table's path as written.
    pub path: Spanned<String>,
    /// The trainer whose runs lie there.
    pub trainer: Option<Trainer>,
    /// Index of the model whose FLOPs count; needed with shapes.
    pub model: Option<usize>,
    /// Every column the expressions read, each name once; [`Column`] points here.
    pub columns: Vec<Spanned<String>>,
    /// Width, depth and MLP size of a row; absent for learning curves.
    pub shape: Option<PerAxis<Spanned<RowExpression>>>,
    /// Examples seen; absent where other numbers say how long a run was.
    pub examples: Option<Spanned<RowExpression>>,
    /// Losses to fit, lower is better.
    pub metrics: Vec<RowNumber>,
    /// Other inputs of laws: parameters, tokens, compute.
    pub numbers: Vec<RowNumber>,
    /// How much a row counts; 1 where absent.
    pub weight: Option<Spanned<RowExpression>>,
    /// Rows to read; all where absent.
    pub keep: Option<Spanned<RowExpression>>,
    /// Rows to predict instead of fit; none where absent.
    pub hold_out: Option<Spanned<RowExpression>>,
    /// Columns whose values tell curves apart.
    pub group: Vec<Column>,
    /// The column whose values tell runs apart.
    pub cluster: Option<Column>,
    /// What becomes of rows that repeat one another.
    pub seeds: Seeds,
}

/// `from trainer TIMM "runs/*" { processes = .., dataset = .., batch = .., accumulation = .. }`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trainer {
    /// Which trainer.
    pub kind: TrainerKind,
    /// Where the plan names it.
    pub span: Span,
    /// Processes that trained together; its logs do not say.
    pub processes: u64,
    /// Examples of the data set.
    pub dataset: Option<f64>,
    /// Examples of one process's batch.
    pub batch: Option<u64>,
    /// Batches whose gradients are added up.
    pub accumulation: u64,
}

/// Trainers whose logs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrainerKind {
    /// `summary.csv` and `args.yaml` of timm's `train.py`.
    Timm,
    /// `trainer_state.json` and `config.json` of the Trainer of transformers.
    Transformers,
    /// `big_vision_metrics.txt` and `config.json`.
    BigVision,
    /// `metrics.csv` of Lightning's CSV logger.
    Lightning,
    /// `results.jsonl` of open_clip.
    OpenClip,
    /// Event files of TensorBoard, whoever wrote them.
    Tensorboard,
    /// The table of a project's runs, or histories of runs, that Weights & Biases exports.
    Wandb,
    /// A database, a file store or an exported table of MLflow.
    Mlflow,
}

impl TrainerKind {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 8] = [
        ("timm", Self::Timm),
        ("transformers", Self::Transformers),
        ("big_vision", Self::BigVision),
        ("lightning", Self::Lightning),
        ("open_clip", Self::OpenClip),
        ("tensorboard", Self::Tensorboard),
        ("wandb", Self::Wandb),
        ("mlflow", Self::Mlflow),
    ];

    /// What the plan may say of runs, for their logs do not.
    pub const fn told(self) -> &'static [&'static str] {
        match self {
            Self::Timm => &["processes", "dataset"],
            Self::Transformers => &["processes", "accumulation"],
            Self::BigVision | Self::OpenClip => &["dataset"],
            Self::Lightning | Self::Tensorboard | Self::Mlflow => &["processes", "batch", "accumulation"],
            // Its steps are calls of `wandb.log`.
            Self::Wandb => &[],
        }
    }

    /// Whether it logs the runs of any trainer: metrics under their names, and hyperparameters where they are given.
    pub const fn is_tracker(self) -> bool {
        matches!(self, Self::Tensorboard | Self::Wandb | Self::Mlflow)
    }

    /// The file that a run logs to, and the one that says what it trained, in the run's folder.
    pub const fn files(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Timm => ("summary.csv", Some("args.yaml")),
            Self::Transformers => ("trainer_state.json", Some("config.json")),
            Self::BigVision => ("big_vision_metrics.txt", Some("config.json")),
            Self::Lightning => ("metrics.csv", None),
            Self::OpenClip => ("results.jsonl", None),
            Self::Tensorboard => ("events.out.tfevents.*", None),
            Self::Wandb => ("runs.csv", None),
            Self::Mlflow => ("meta.yaml", None),
        }
    }
}

/// What becomes of rows that differ in their metrics only: runs that were repeated with other seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seeds {
    /// Each stays a row.
    #[default]
    Keep,
    /// They become one row with the mean of each metric.
    Average,
}

impl Seeds {
    /// By its word.
    pub const NAMED: [(&str, Self); 2] = [("keep", Self::Keep), ("average", Self::Average)];
}

/// An expression over the columns of a row.
pub type RowExpression = Expression<Column>;

/// Index into [`Results::columns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Column(pub usize);

/// A number of every row under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct RowNumber {
    /// Of a loss `error` (a fraction of 1) or `loss` (any positive number); of others a variable's name, such as `n`.
    pub name: Spanned<String>,
    /// Its value in a row.
    pub value: Spanned<RowExpression>,
}
