//! What a search says of hardware and of other models: `serving = { ... }`, `training = { ... }`, `compare = ...`.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::hardware::{AttentionLibrary, Device};
use crate::plan::check::Checker;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::values::optional;
use crate::plan::{Baseline, Cluster, Search, Serving, ShapeVariable, codes};
use crate::syntax::ast::{Block, ExprKind, Name};
use crate::units::{Dimension, Quantile, Quantity};
use crate::vit::{Architecture, AttentionKind, Contrastive, NumberFormat, Optimizer, Step};

const SERVING: Schema = Schema::of(&["on", "batch", "attention"]);
const TRAINING: Schema = Schema::of(&[
    "batch",
    "optimizer",
    "weights",
    "compute",
    "attention",
    "checkpoint",
    "shards",
    "on",
    "mfu",
    "devices",
    "text",
    "global_batch",
    "loss",
]);

/// How a search is trained.
pub(super) struct Training {
    pub(super) step: Step,
    pub(super) cluster: Option<Cluster>,
    pub(super) contrastive: Option<Contrastive>,
}

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

    /// `{ batch = ..., optimizer = ..., ... }`, where it runs and what is trained beside the encoder. Where absent: as
    /// [`Step::DEFAULT`], nowhere and nothing.
    pub(super) fn training(&mut self, field: Field<'_>) -> Option<Training> {
        let block = self.record(field)?;
        let fields = self.fields(format!("`{}`", field.name.value), field.name.span, block, TRAINING);
        let batch = self.images(&fields);
        let step = self.step(&fields);
        let attention = fields
            .get("attention")
            .map_or(Some(Step::DEFAULT.attention), |field| self.word(field, &AttentionKind::ALL));
        let cluster = self.cluster(&fields, step.map(|step| step.compute), attention);
        let contrastive = self.contrastive(&fields, batch);
        let step = Step { batch: batch?, attention: attention?, ..step? };
        Some(Training { step, cluster: cluster?, contrastive: contrastive? })
    }

    /// How a step is trained, but for its batch and its attention: `optimizer`, `weights`, `compute`, `checkpoint` and
    /// `shards`. Where absent: as [`Step::DEFAULT`].
    pub(super) fn step(&mut self, fields: &Fields<'_>) -> Option<Step> {
        let default = Step::DEFAULT;
        let optimizer =
            fields.get("optimizer").map_or(Some(default.optimizer), |field| self.word(field, &Optimizer::ALL));
        let weights = fields.get("weights").map_or(Some(default.weights), |field| self.word(field, &NumberFormat::ALL));
        let compute = fields.get("compute").map_or(Some(default.compute), |field| self.word(field, &NumberFormat::ALL));
        let checkpointed = fields.get("checkpoint").map_or(Some(default.checkpointed), |field| self.switch(field));
        let shards = self.whole_from_one(fields, "shards", default.shards);
        Some(Step {
            optimizer: optimizer?,
            weights: weights?,
            compute: compute?,
            checkpointed: checkpointed?,
            shards: shards?,
            ..default
        })
    }

    /// `on = DEVICE, mfu = ..., devices = ...` of a training; the time model predicts a step where no share is said.
    #[expect(clippy::option_option, reason = "a mistake, or nowhere, or somewhere")]
    fn cluster(
        &mut self,
        fields: &Fields<'_>,
        compute: Option<NumberFormat>,
        attention: Option<AttentionKind>,
    ) -> Option<Option<Cluster>> {
        let mfu = optional(fields.get("mfu").map(|field| self.utilisation(field)));
        let devices = optional(
            fields
                .get("devices")
                .map(|field| self.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner())),
        );
        let on = match fields.get("on") {
            Some(on) => on,
            None if fields.get("mfu").or(fields.get("devices")).is_none() => return Some(None),
            None => self.required(fields, "on", "on = h200")?,
        };
        let device = self.device_of(on)?;
        let number_format = NumberFormat::ALL.iter().find(|(_, known)| Some(*known) == compute)?.0;
        let said = fields.get("compute").map_or(on.value.span, |field| field.value.span);
        let peak = self.rate_of(&device, number_format, said)?;
        if fields.get("mfu").is_none() && (fields.get("batch").is_none() || attention == Some(AttentionKind::Math)) {
            self.no_utilisation(fields, on, attention);
            return None;
        }
        let price = self.price_of(&device);
        Some(Some(Cluster { device, number_format, peak, mfu: mfu?, devices: devices?, price }))
    }

    /// A share of the peak above 0 and up to 1, uncertain perhaps.
    fn utilisation(&mut self, field: Field<'_>) -> Option<Quantity> {
        let mfu = self.quantity(field.value, Dimension::NONE, field.owner())?;
        let [low, high] = [Quantile::LOW, Quantile::HIGH].map(|end| mfu.at(end));
        let wrong = if low <= 0.0 { Some(low) } else { Some(high).filter(|high| *high > 1.0) };
        if wrong.is_some() || Quantity::number(1.0).divide(&mfu).is_err() {
            let message = "`mfu` is a share above 0 and up to 1".to_owned();
            self.out_of_range(message, field.value, wrong.unwrap_or(0.0), Dimension::NONE, field.owner());
            return None;
        }
        Some(mfu)
    }

    fn no_utilisation(&mut self, fields: &Fields<'_>, on: Field<'_>, attention: Option<AttentionKind>) {
        let (at, text) = fields.insertion("mfu = 0.42");
        let message = format!("{} says where, but not how well the device is used", fields.what);
        let error = Diagnostic::error(codes::MISSING_FIELD, message)
            .label(on.name.span, "takes time that nothing tells")
            .fix("say the share of the peak that earlier runs made use of", at, text);
        self.report(if attention == Some(AttentionKind::Math) {
            error.note("the speed of `attention = math` is not known, so that no time can be predicted")
        } else {
            error.help("or say the `batch` of a device's step, whose time the time model predicts")
        });
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
