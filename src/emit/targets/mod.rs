//! Trainers and tools that are written for; one file each.

mod big_vision;
mod kernels;
mod timm;
mod transformers;

use serde::Serialize;

use super::{Artefact, codes, path};
use crate::diagnostic::{Diagnostic, Edit, Help};
use crate::kernel::KernelPlan;
use crate::plan::{Emit, Plan, Target};
use crate::shape::Answer;
use crate::vit::{Activation, Feature, Pooling, Position, PositionRows, QkNorm, QkvBias};

/// One `emit` for one answer.
pub(super) struct Job<'a> {
    pub(super) plan: &'a Plan,
    pub(super) emit: &'a Emit,
    pub(super) answer: &'a Answer,
}

/// An artefact, and the kernel whose source it is.
pub(super) struct Piece {
    pub(super) artefact: Artefact,
    pub(super) kernel: Option<KernelPlan>,
}

impl From<Artefact> for Piece {
    fn from(artefact: Artefact) -> Self {
        Self { artefact, kernel: None }
    }
}

/// What one `emit` writes for one answer, below a folder named after the search.
pub(super) fn print(job: &Job<'_>) -> Result<Vec<Piece>, Diagnostic> {
    match job.emit.target.value {
        Target::Transformers => transformers::print(job).map(one),
        Target::Timm => timm::print(job).map(one),
        Target::BigVision => big_vision::print(job).map(one),
        Target::Kernels => kernels::print(job),
    }
}

fn one(artefact: Artefact) -> Vec<Piece> {
    vec![artefact.into()]
}

impl Job<'_> {
    /// A file inside the folder that the plan names.
    fn in_folder(&self, file: &str, text: String) -> Result<Artefact, Diagnostic> {
        let path = path::join(&[&self.answer.search, &self.emit.path.value, file]);
        Ok(Artefact { path: path.map_err(|diagnostic| self.here(diagnostic))?, text })
    }

    /// The file that the plan names.
    fn file(&self, text: String) -> Result<Artefact, Diagnostic> {
        if self.emit.path.value.ends_with('/') {
            let message = format!("`{}` writes one file, but this names a folder", name(self.emit.target.value));
            let help = format!("name the file, such as \"{}config.py\"", self.emit.path.value);
            return Err(self.here(Diagnostic::error(codes::UNSAFE_PATH, message).help(help)));
        }
        let path = path::join(&[&self.answer.search, &self.emit.path.value]);
        Ok(Artefact { path: path.map_err(|diagnostic| self.here(diagnostic))?, text })
    }

    fn here(&self, diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.label(self.emit.path.span, "")
    }

    /// The target has no way to say `what`; `why` is one clause.
    fn inexpressible(&self, what: &str, why: &str) -> Diagnostic {
        let target = name(self.emit.target.value);
        Diagnostic::error(codes::INEXPRESSIBLE, format!("`{target}` cannot express {what}: {why}"))
            .label(self.emit.target.span, format!("for search `{}`", self.answer.search))
    }

    /// Refuses the first feature that the target cannot express; `why` is one clause about the target.
    fn only(&self, can: impl Fn(Feature) -> bool, why: &str) -> Result<(), Diagnostic> {
        let features = self.answer.vit.architecture.variant.features();
        match features.into_iter().find(|feature| !can(*feature)) {
            None => Ok(()),
            Some(feature) if self.emit.target.value != Target::Timm && timm::can(feature) => {
                Err(self.use_timm(&feature.phrase(), why))
            }
            Some(feature) => Err(self.inexpressible(&feature.phrase(), why).help(
                "no target writes it yet: leave this out, and build the model from `sovitc build --format json`",
            )),
        }
    }

    /// As [`Job::inexpressible`], where timm can express it.
    fn use_timm(&self, what: &str, why: &str) -> Diagnostic {
        let error = self.inexpressible(what, why);
        let timm = |emit: &&Emit| emit.target.value == Target::Timm && super::applies(self.plan, emit, self.answer);
        if self.plan.emits.iter().any(|emit| timm(&emit)) {
            return error.help("leave this out: the plan emits for timm already, which can");
        }
        let mut edits = vec![Edit { span: self.emit.target.span, text: name(Target::Timm).to_owned() }];
        if self.emit.target.value == Target::BigVision {
            // One writes a file, the other a folder.
            edits.push(Edit { span: self.emit.path.span, text: "\"timm/\"".to_owned() });
        }
        let message = "emit for timm, which can".to_owned();
        Diagnostic { help: vec![Help { message, edits }], ..error }
    }
}

/// A target as `sovitc emit --list` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name in plans.
    pub name: &'static str,
    /// What it writes.
    pub writes: &'static str,
}

/// Every target, in the order of [`Target::ALL`].
pub fn list() -> Vec<Listed> {
    let writes = |target| match target {
        Target::Transformers => "config.json of a SigLIP vision model for `AutoConfig.from_pretrained`",
        Target::Timm => "config.json for `create_model(\"local-dir:...\")`",
        Target::BigVision => "a Python file with `get_config`",
        Target::Kernels => "CUDA sources specialised to the shape, and their manifest.json",
    };
    Target::ALL.iter().map(|&(name, target)| Listed { name, writes: writes(target) }).collect()
}

fn name(target: Target) -> &'static str {
    Target::ALL.iter().find(|&&(_, other)| other == target).map_or("?", |&(name, _)| name)
}

/// Layer norms whose epsilon a target fixes.
const FIXED_EPSILON: f64 = 1e-6;
