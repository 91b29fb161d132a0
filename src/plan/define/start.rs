//! `start NAME { shape = { width, depth, mlp }, compute = ... }`

use crate::plan::Start;
use crate::plan::check::Checker;
use crate::plan::schema::Schema;
use crate::syntax::ast::{Item, ItemKind};
use crate::units::Dimension;
use crate::vit::{Architecture, Shape};

const SCHEMA: Schema = Schema::of(&["shape", "compute"]);

impl Checker<'_> {
    /// Checks a small optimum.
    pub(in crate::plan) fn start(&mut self, item: &Item) -> Option<Start> {
        let ItemKind::Start { name, best_of: _, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the start".into(), |name| format!("start `{}`", name.value));
        let fields = self.fields(what, at, body.as_ref()?, SCHEMA);
        let shape = self.required(&fields, "shape", "shape = { width = 608, depth = 10, mlp = 928 }");
        let shape = shape.and_then(|field| {
            self.axes(field, ["608", "10", "928"], |checker, field| {
                checker.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner())
            })
        });
        let compute = self.required(&fields, "compute", "compute = 0.70 EFLOP as forward");
        let compute = compute.and_then(|field| self.compute(field.value, field.owner()));
        let (shape, compute) = (shape?, compute?);
        let shape = Shape { width: shape.width, depth: shape.depth, mlp_dim: shape.mlp };
        Some(Start { name: name.clone()?, shape, forward_flops: compute.forward_flops })
    }
}
