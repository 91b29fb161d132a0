//! Codes of emitting: S07xx.

use crate::diagnostic::Code;

/// A template of ours does not render; a fault of sovitc.
pub const TEMPLATE: Code = Code::new("S0701", "template-failed");
/// A target has no way to say what the model is.
pub const INEXPRESSIBLE: Code = Code::new("S0702", "target-cannot-express");
/// Two artefacts would have one path, or one would lie inside another.
pub const SAME_PATH: Code = Code::new("S0703", "same-output-path");
/// A path that leaves the output folder, or that some system cannot hold.
pub const UNSAFE_PATH: Code = Code::new("S0704", "unsafe-output-path");
/// A template of the user's own does not render.
pub const USER_TEMPLATE: Code = Code::new("S0706", "template-error");
/// What was rendered does not say what was asked; a fault of sovitc.
pub const RECHECK: Code = Code::new("S0705", "emitted-value-differs");
