//! `start NAME { shape = { width, depth, mlp }, compute = ... }` and `start NAME = best of TABLE.METRIC { compute = ... }`

use super::law::{Asker, Shapes};
use crate::plan::check::{Checker, Owner, Scope};
use crate::plan::schema::{Field, Schema};
use crate::plan::values::optional;
use crate::plan::{Plan, SmallOptimum, Start, StartKind, codes};
use crate::source::Span;
use crate::syntax::ast::{BestOf, Block, ExprKind, Item, ItemKind};
use crate::units::Dimension;
use crate::vit::{Architecture, Shape};

const STATED: Schema = Schema::of(&["shape", "compute"]);
const BEST_OF: Schema = Schema::of(&["compute"]);

impl Checker<'_> {
    /// Checks a small optimum.
    pub(in crate::plan) fn start(&mut self, item: &Item, scope: &Scope, plan: &Plan) -> Option<Start> {
        let ItemKind::Start { name, best_of, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the start".into(), |name| format!("start `{}`", name.value));
        let kind = match best_of {
            Some(best_of) => self.best_of(what, at, best_of, body.as_ref(), scope, plan),
            None => self.stated_start(what, at, body.as_ref()?),
        };
        Some(Start { name: name.clone()?, kind: kind? })
    }

    fn stated_start(&mut self, what: String, at: Span, body: &Block) -> Option<StartKind> {
        let fields = self.fields(what, at, body, STATED);
        let shape = self.required(&fields, "shape", "shape = { width = 608, depth = 10, mlp = 928 }");
        let shape = shape.and_then(|field| self.shape(field, ["608", "10", "928"]));
        let compute = self.required(&fields, "compute", "compute = 0.70 EFLOP as forward");
        let compute = compute.and_then(|field| self.compute(field.value, field.owner()));
        Some(StartKind::Stated(SmallOptimum { shape: shape?, forward_flops: compute?.forward_flops }))
    }

    fn best_of(
        &mut self,
        what: String,
        at: Span,
        best_of: &BestOf,
        body: Option<&Block>,
        scope: &Scope,
        plan: &Plan,
    ) -> Option<StartKind> {
        let compute = body.and_then(|body| {
            let field = self.fields(what, at, body, BEST_OF).get("compute")?;
            Some(self.compute(field.value, field.owner()))
        });
        let help = "give the table the `width`, `depth` and `mlp` of its runs";
        let asker = Asker {
            owner: Owner { name: "best of", span: best_of.span },
            what: "`best of`",
            choice: ("the start", "the best of"),
            shapes: Some(Shapes { code: codes::SHAPELESS, help }),
        };
        let data = self.law_data(best_of.data.as_ref()?, asker, scope, plan)?;
        let compute = optional(compute)?.map(|compute| compute.forward_flops);
        Some(StartKind::BestOf { data, compute })
    }

    /// `{ width = ..., depth = ..., mlp = ... }` of whole numbers, or the name of a model that has a shape.
    pub(in crate::plan) fn shape(&mut self, field: Field<'_>, example: [&str; 3]) -> Option<Shape> {
        if let ExprKind::Path(path) = &field.value.kind
            && let [name] = path.names.as_slice()
        {
            return Some(self.shaped_model(name)?.shape);
        }
        let shape = self.axes(field, example, |checker, field| {
            checker.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner())
        })?;
        Some(Shape { width: shape.width, depth: shape.depth, mlp_dim: shape.mlp })
    }
}
