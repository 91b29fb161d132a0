//! Codes of fitting.

use crate::diagnostic::Code;

/// The rows vary more than one dimension at once.
pub const NOT_A_STAR: Code = Code::new("S0520", "not-a-star");
/// Fewer rows, sizes or durations than the law has parameters for.
pub const TOO_FEW_POINTS: Code = Code::new("S0521", "too-few-points");
/// The table has no shapes.
pub const NO_SHAPES: Code = Code::new("S0522", "no-shapes");
/// No start came to a finite objective.
pub const NO_FIT: Code = Code::new("S0523", "no-fit");
/// An exponent ended at a bound of the search.
pub const AT_BOUND: Code = Code::new("S0530", "at-bound");
/// Positivity holds a coefficient at zero.
pub const ZERO_COEFFICIENT: Code = Code::new("S0531", "zero-coefficient");
/// The data hardly tell the exponents apart.
pub const ILL_CONDITIONED: Code = Code::new("S0532", "ill-conditioned");
/// Most starts ended above the best.
pub const FEW_STARTS_AGREE: Code = Code::new("S0533", "few-starts-agree");
/// An exponent's interval is too wide to use.
pub const NOT_IDENTIFIED: Code = Code::new("S0534", "not-identified");
/// The best start ran out of iterations.
pub const NOT_CONVERGED: Code = Code::new("S0535", "not-converged");
/// Two inputs grow together, so that their effects are one.
pub const COLLINEAR: Code = Code::new("S0536", "collinear-inputs");
/// An input has too few values for its exponent.
pub const TOO_FEW_VALUES: Code = Code::new("S0537", "too-few-values");
/// No budget's sizes hold a minimum between them.
pub const NO_MINIMUM: Code = Code::new("S0538", "no-minimum");
/// Parabolas stand for a law that is none.
pub const PARABOLA_BIAS: Code = Code::new("S0539", "parabola-bias");
/// The best shape of a grid stands at its edge.
pub const NOT_INTERIOR: Code = Code::new("S0540", "not-interior");
/// The shapes of a table are not all combinations of their sizes.
pub const NOT_A_GRID: Code = Code::new("S0541", "not-a-grid");
/// Another shape of the grid may be the best one.
pub const UNSTABLE_START: Code = Code::new("S0542", "unstable-start");
/// The stated compute lies where another shape of the grid is better.
pub const START_ELSEWHERE: Code = Code::new("S0543", "start-elsewhere");
/// Too few runs for a spread among them.
pub const FEW_RUNS: Code = Code::new("S0550", "few-runs");
/// Rows are checkpoints of one training.
pub const CHECKPOINTS: Code = Code::new("S0551", "checkpoints");
/// Predictions lie far beyond the fitted rows.
pub const EXTRAPOLATED: Code = Code::new("S0552", "extrapolated");
/// No point was measured twice.
pub const ONE_SEED: Code = Code::new("S0553", "one-seed");
/// A loss looks like a percentage.
pub const PERCENT: Code = Code::new("S0554", "percent-metric");
/// What should fall rises with compute.
pub const RISING: Code = Code::new("S0555", "rising-metric");
/// The values of one variable were counted in two ways.
pub const MIXED_CONVENTIONS: Code = Code::new("S0556", "mixed-conventions");
/// The arms of a star do not meet in one model.
pub const TIE_REJECTED: Code = Code::new("S0557", "tie-rejected");
/// A form that is not fitted by this objective.
pub const NO_SUCH_OBJECTIVE: Code = Code::new("S0558", "no-such-objective");
/// Members of an average that nothing tells apart.
pub const NOT_JUDGED: Code = Code::new("S0559", "not-judged");

/// Residuals that follow compute: the form does not follow the data.
pub const BENT_RESIDUALS: Code = Code::new("S0544", "bent-residuals");
/// Rows far off the fit.
pub const OUTLIERS: Code = Code::new("S0545", "outliers");

/// All of them, for the test that holds codes unique.
pub const ALL: &[Code] = &[
    NOT_A_STAR,
    TOO_FEW_POINTS,
    NO_SHAPES,
    NO_FIT,
    AT_BOUND,
    ZERO_COEFFICIENT,
    ILL_CONDITIONED,
    FEW_STARTS_AGREE,
    NOT_IDENTIFIED,
    NOT_CONVERGED,
    COLLINEAR,
    TOO_FEW_VALUES,
    NO_MINIMUM,
    PARABOLA_BIAS,
    NOT_INTERIOR,
    NOT_A_GRID,
    UNSTABLE_START,
    START_ELSEWHERE,
    FEW_RUNS,
    CHECKPOINTS,
    EXTRAPOLATED,
    ONE_SEED,
    PERCENT,
    RISING,
    MIXED_CONVENTIONS,
    TIE_REJECTED,
    NO_SUCH_OBJECTIVE,
    NOT_JUDGED,
    BENT_RESIDUALS,
    OUTLIERS,
];
