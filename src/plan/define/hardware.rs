//! What a search says of hardware and of other models: `serving = { ... }`, `training = { ... }`, `compare = ...`.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::hardware::{AttentionLibrary, Device};
use crate::plan::check::Checker;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::{Baseline, Search, Serving, ShapeVariable, codes};
use crate::syntax::ast::{Block, ExprKind, Name};
use crate::units::Dimension;
use crate::vit::{Architecture, AttentionKind, NumberFormat, Optimizer, Step};

const SERVING: Schema = Schema::of(&["on", "batch", "attention"]);
const TRAINING: Schema = Schema::of(&["batch", "optimizer", "weights", "compute", "attention", "checkpoint", "shards"]);

impl Checker<'_> {
    /// `{ on = DEVICE, batch = ..., attention = ... }`. Where absent: one image, `flash`.
    pub(super) fn serving(&mut self, field: Field<'_>) -> Option<Serving> {
        let block = self.record(field)?;
        let fields = self.fields(format!("`{}`", field.name.value), field.name.span, block, SERVING);
        let on = self.required(&fields, "on", "on = h200");
        let device = on.and_then(|on| self.device_of(on));
        let batch = self.images(&fields);
        let attention = fields
            .get("attention")
            .map_or(Some(AttentionLibrary::default()), |field| self.word(field, &AttentionLibrary::ALL));
        Some(Serving { device: device?, batch: batch?, attention: attention? })
    }

    /// `{ batch = ..., optimizer = ..., ... }`. Where absent: as [`Step::DEFAULT`].
    pub(super) fn training(&mut self, field: Field<'_>) -> Option<Step> {
        let block = self.record(field)?;
        let fields = self.fields(format!("`{}`", field.name.value), field.name.span, block, TRAINING);
        let default = Step::DEFAULT;
        let batch = self.images(&fields);
        let optimizer =
            fields.get("optimizer").map_or(Some(default.optimizer), |field| self.word(field, &Optimizer::ALL));
        let weights = fields.get("weights").map_or(Some(default.weights), |field| self.word(field, &NumberFormat::ALL));
        let compute = fields.get("compute").map_or(Some(default.compute), |field| self.word(field, &NumberFormat::ALL));
        let attention =
            fields.get("attention").map_or(Some(default.attention), |field| self.word(field, &AttentionKind::ALL));
        let checkpointed = fields.get("checkpoint").map_or(Some(default.checkpointed), |field| self.switch(field));
        let shards = self.whole_from_one(&fields, "shards", default.shards);
        Some(Step {
            batch: batch?,
            optimizer: optimizer?,
            weights: weights?,
            compute: compute?,
            attention: attention?,
            checkpointed: checkpointed?,
            shards: shards?,
        })
    }

    /// Models that have shapes, published ones and the plan's own: one name, or a list of them.
    pub(super) fn compared(&mut self, field: Field<'_>) -> Option<Vec<Baseline>> {
        if let ExprKind::Path(path) = &field.value.kind
            && let [name] = path.names.as_slice()
        {
            return Some(vec![self.baseline(name)?]);
        }
        let list = self.list(field)?;
        let models = list.iter().map(|element| match &element.kind {
            ExprKind::Path(path) if path.names.len() == 1 => self.baseline(&path.names[0]),
            _ => {
                self.of_type(element, "names of models", field.owner());
                None
            }
        });
        let models: Vec<_> = models.collect();
        models.into_iter().collect()
    }

    fn baseline(&mut self, name: &Name) -> Option<Baseline> {
        let vit = self.shaped_model(name)?;
        Some(Baseline { name: name.value.clone(), heads: vit.architecture.heads, shape: vit.shape })
    }

    pub(super) fn record<'a>(&mut self, field: Field<'a>) -> Option<&'a Block> {
        if let ExprKind::Record(block) = &field.value.kind {
            return Some(block);
        }
        self.of_type(field.value, "a record", field.owner());
        None
    }

    /// `batch`: images, with their unit or without.
    fn images(&mut self, fields: &Fields<'_>) -> Option<u64> {
        self.whole_from_one(fields, "batch", 1)
    }

    fn whole_from_one(&mut self, fields: &Fields<'_>, name: &str, default: u64) -> Option<u64> {
        fields.get(name).map_or(Some(default), |field| {
            self.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner())
        })
    }

    fn device_of(&mut self, field: Field<'_>) -> Option<Arc<Device>> {
        let name = self.name(field)?;
        self.device_named(name)
    }

    /// Reports requirements on the time or memory of what a search does not say; whether there are none.
    pub(super) fn hardware_is_said(&mut self, search: &Search, fields: &Fields<'_>) -> bool {
        let mut missing = Vec::new();
        let required = search.requires.iter().map(|require| (&require.predicate, require.span));
        let preferred = search.prefer.iter().map(|preference| (&preference.objective, preference.span));
        for (expression, span) in required.chain(preferred) {
            for (variable, needs) in [
                (ShapeVariable::Latency, "serving"),
                (ShapeVariable::Throughput, "serving"),
                (ShapeVariable::Memory, "training"),
            ] {
                let said = if needs == "serving" { search.serving.is_some() } else { search.training.is_some() };
                // A field that is there and wrong has been reported.
                if !said && fields.get(needs).is_none() && expression.speaks_of(&variable) {
                    missing.push((span, variable, needs));
                }
            }
        }
        for &(span, variable, needs) in &missing {
            let name = ShapeVariable::ALL.iter().find(|(_, known)| *known == variable).map_or("", |(name, _)| name);
            let (message, example) = if needs == "serving" {
                (
                    format!("`{name}` is that of a device and a batch, and {} says none", fields.what),
                    "serving = { on = h200, batch = 8 }",
                )
            } else {
                (
                    format!("`{name}` is that of a training step, and {} says none", fields.what),
                    "training = { batch = 64, shards = 8 }",
                )
            };
            let (at, text) = fields.insertion(example);
            let error = Diagnostic::error(codes::NO_HARDWARE, message).label(span, format!("speaks of `{name}`")).fix(
                format!("add `{needs}`"),
                at,
                text,
            );
            self.report(error);
        }
        missing.is_empty()
    }
}
