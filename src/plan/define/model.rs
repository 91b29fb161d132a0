//! `model NAME { ... }`

use crate::diagnostic::Diagnostic;
use crate::plan::check::Checker;
use crate::plan::schema::{Fields, Schema};
use crate::plan::{Model, codes};
use crate::syntax::ast::{Item, ItemKind};
use crate::units::Dimension;
use crate::vit::{Activation, Architecture, Pooling, Problem};

const SCHEMA: Schema = Schema::of(&[
    "image",
    "patch",
    "channels",
    "heads",
    "pool",
    "class_token",
    "classes",
    "activation",
    "norm_epsilon",
]);

impl Checker<'_> {
    /// Checks a model. Where absent: 3 channels, MAP pooling, a class token only with class pooling, no classifier,
    /// tanh GELU, epsilon 1e-6.
    pub(in crate::plan) fn model(&mut self, item: &Item) -> Option<Model> {
        let ItemKind::Model { name, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the model".into(), |name| format!("model `{}`", name.value));
        let fields = self.fields(what, at, body.as_ref()?, SCHEMA);
        let default = Architecture::default();

        let image = self.size(&fields, "image", Dimension::PX, Err("image = 224 px"));
        let patch = self.size(&fields, "patch", Dimension::PX, Err("patch = 14 px"));
        let heads = self.size(&fields, "heads", Dimension::NONE, Err("heads = 16"));
        let channels = self.size(&fields, "channels", Dimension::NONE, Ok(default.channels));
        let classes = fields.get("classes").map_or(Some(default.classes), |field| {
            self.count(field.value, Dimension::NONE, (0, Architecture::LIMIT), field.owner())
        });
        let pooling = fields.get("pool").map_or(Some(default.pooling), |field| self.word(field, &Pooling::ALL));
        let class_token = match fields.get("class_token") {
            Some(field) => self.switch(field),
            None => pooling.map(|pooling| pooling == Pooling::Class),
        };
        let activation =
            fields.get("activation").map_or(Some(default.activation), |field| self.word(field, &Activation::ALL));
        let norm_epsilon = fields.get("norm_epsilon").map_or(Some(default.norm_epsilon), |field| {
            let value = self.exact(field.value, Dimension::NONE, field.owner())?.value;
            let fine = value > 0.0 && value < 1.0;
            if !fine {
                let message = "`norm_epsilon` must lie between 0 and 1, both excluded".into();
                self.out_of_range(message, field.value, value, Dimension::NONE, field.owner());
            }
            fine.then_some(value)
        });

        let (image, patch, heads) = (image?, patch?, heads?);
        let (channels, classes, activation, norm_epsilon) = (channels?, classes?, activation?, norm_epsilon?);
        let (pooling, class_token) = (pooling?, class_token?);
        let architecture =
            Architecture { image, patch, channels, heads, pooling, class_token, classes, activation, norm_epsilon };
        if let Some(problem) = architecture.problem() {
            self.unbuildable(&fields, &architecture, problem);
            return None;
        }
        let heads_span = fields.get("heads").map_or(at, |field| field.value.span);
        Some(Model { name: name.clone()?, architecture, heads_span })
    }

    /// A size from 1 up: its default, or an example of what must be written.
    fn size(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        dimension: Dimension,
        default: Result<u64, &str>,
    ) -> Option<u64> {
        let field = match default {
            Ok(default) => match fields.get(name) {
                Some(field) => field,
                None => return Some(default),
            },
            Err(example) => self.required(fields, name, example)?,
        };
        self.count(field.value, dimension, (1, Architecture::LIMIT), field.owner())
    }

    fn unbuildable(&mut self, fields: &Fields<'_>, architecture: &Architecture, problem: Problem) {
        let span = |name: &str| fields.get(name).map_or(fields.at, |field| field.value.span);
        let Architecture { image, patch, .. } = *architecture;
        let error = match problem {
            Problem::PatchDoesNotDivideImage => {
                let message = format!("patches of {patch} px do not tile an image of {image} px");
                let below = image / patch * patch;
                let error = Diagnostic::error(codes::UNBUILDABLE, message)
                    .label(span("image"), format!("{} px are left over", image - below))
                    .label(span("patch"), "must divide the image");
                [below, below + patch].into_iter().filter(|size| (1..=Architecture::LIMIT).contains(size)).fold(
                    error,
                    |error, size| {
                        let words = format!("{} patches a side make {size} px", size / patch);
                        error.fix(words, span("image"), format!("{size} px"))
                    },
                )
            }
            Problem::NoClassToken => Diagnostic::error(codes::UNBUILDABLE, "class pooling needs a class token")
                .label(span("class_token"), "there is none")
                .label(span("pool"), "reads the class token")
                .fix("add the class token", span("class_token"), "true")
                .fix("or pool the patch tokens", span("pool"), "map"),
            Problem::Zero(name) | Problem::TooLarge(name) => {
                let message = format!("`{name}` must lie between 1 and {}", Architecture::LIMIT);
                Diagnostic::error(codes::UNBUILDABLE, message).label(span(name), "out of range").help("change it")
            }
            Problem::HeadsDoNotDivideWidth => Diagnostic::error(codes::UNBUILDABLE, "the heads must divide the width")
                .label(span("heads"), "the heads")
                .help("change the heads"),
        };
        self.report(error);
    }
}
