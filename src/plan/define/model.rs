//! `model NAME { ... }`

use crate::diagnostic::Diagnostic;
use crate::plan::check::Checker;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::{Model, codes};
use crate::syntax::ast::{Block, Item, ItemKind, ModelFrom};
use crate::units::Dimension;
use crate::vit::{
    Activation, Architecture, BlockForm, Norm, Pooling, Position, PositionRows, Problem, QkNorm, QkvBias, Variant,
};

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
    "block",
    "norm",
    "registers",
    "position",
    "position_rows",
    "qkv_bias",
    "qk_norm",
    "layer_scale",
    "pre_norm",
    "patch_bias",
    "mask_token",
    "masked",
]);

impl<'a> Checker<'a> {
    /// Checks a model. Where absent, what it begins as has its word; else 3 channels, MAP pooling, a class token only
    /// with class pooling, no classifier, tanh GELU, epsilon 1e-6, and nothing of [`Variant`].
    pub(in crate::plan) fn model(&mut self, item: &'a Item) -> Option<Model> {
        let ItemKind::Model { name, from, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the model".into(), |name| format!("model `{}`", name.value));
        let base = match from {
            None => None,
            Some(ModelFrom::File(path)) => Some(self.config(&path.value)?),
            Some(ModelFrom::Published(published)) => Some(self.published_model(published)?.vit()),
        };
        let nothing = Block { span: at.after(), entries: Vec::new() };
        let body = match (body, base) {
            (Some(body), _) => body,
            (None, Some(_)) => &nothing,
            (None, None) => return None,
        };
        let fields = self.fields(what, at, body, SCHEMA);
        let default = base.map_or_else(Architecture::default, |vit| vit.architecture);

        let needed = |size: u64, example| if base.is_some() { Ok(size) } else { Err(example) };
        let image = self.size(&fields, "image", Dimension::PX, needed(default.image, "image = 224 px"));
        let patch = self.size(&fields, "patch", Dimension::PX, needed(default.patch, "patch = 14 px"));
        let heads = self.size(&fields, "heads", Dimension::NONE, needed(default.heads, "heads = 16"));
        let channels = self.size(&fields, "channels", Dimension::NONE, Ok(default.channels));
        let classes = fields.get("classes").map_or(Some(default.classes), |field| {
            self.count(field.value, Dimension::NONE, (0, Architecture::LIMIT), field.owner())
        });
        let pooling = fields.get("pool").map_or(Some(default.pooling), |field| self.word(field, &Pooling::ALL));
        let class_token = match fields.get("class_token") {
            Some(field) => self.switch(field),
            None if fields.get("pool").is_none() && base.is_some() => Some(default.class_token),
            None => pooling.map(|pooling| pooling == Pooling::Class),
        };
        let activation =
            fields.get("activation").map_or(Some(default.activation), |field| self.word(field, &Activation::ALL));
        let norm_epsilon =
            fields.get("norm_epsilon").map_or(Some(default.norm_epsilon), |field| self.below_one(field, false));
        let variant = self.variant(&fields, default.variant);

        let (image, patch, heads) = (image?, patch?, heads?);
        let (channels, classes, activation, norm_epsilon) = (channels?, classes?, activation?, norm_epsilon?);
        let (pooling, class_token, variant) = (pooling?, class_token?, variant?);
        let architecture = Architecture {
            image,
            patch,
            channels,
            heads,
            pooling,
            class_token,
            classes,
            activation,
            norm_epsilon,
            variant,
        };
        if let Some(problem) = architecture.problem() {
            self.unbuildable(&fields, &architecture, problem);
            return None;
        }
        let heads_span = fields.get("heads").map_or(at, |field| field.value.span);
        let name = name.as_ref()?;
        if let Some(vit) = base.and_then(|base| architecture.with(base.shape).ok()) {
            self.own.insert(&name.value, vit);
        }
        Some(Model { name: name.clone(), architecture, heads_span })
    }

    /// What a model has beyond the plain encoder.
    fn variant(&mut self, fields: &Fields<'_>, plain: Variant) -> Option<Variant> {
        let block = fields.get("block").map_or(Some(plain.block), |field| self.word(field, &BlockForm::ALL));
        let norm = fields.get("norm").map_or(Some(plain.norm), |field| self.word(field, &Norm::ALL));
        let registers = fields.get("registers").map_or(Some(plain.registers), |field| {
            self.count(field.value, Dimension::NONE, (0, Architecture::LIMIT), field.owner())
        });
        let position = fields.get("position").map_or(Some(plain.position), |field| self.word(field, &Position::ALL));
        let rows =
            fields.get("position_rows").map_or(Some(plain.position_rows), |field| self.word(field, &PositionRows::ALL));
        let qkv_bias = fields.get("qkv_bias").map_or(Some(plain.qkv_bias), |field| self.word(field, &QkvBias::ALL));
        let qk_norm = fields.get("qk_norm").map_or(Some(plain.qk_norm), |field| self.word(field, &QkNorm::ALL));
        let layer_scale = match fields.get("layer_scale") {
            Some(field) => self.below_one(field, false).map(Some),
            None => Some(plain.layer_scale),
        };
        let masked = fields.get("masked").map_or(Some(plain.masked), |field| self.below_one(field, true));
        let mut switch = |name: &str, default: bool| fields.get(name).map_or(Some(default), |field| self.switch(field));
        let pre_norm = switch("pre_norm", plain.pre_norm);
        let patch_bias = switch("patch_bias", plain.patch_bias);
        let mask_token = switch("mask_token", plain.mask_token);
        Some(Variant {
            block: block?,
            norm: norm?,
            registers: registers?,
            position: position?,
            position_rows: rows?,
            qkv_bias: qkv_bias?,
            layer_scale: layer_scale?,
            pre_norm: pre_norm?,
            patch_bias: patch_bias?,
            qk_norm: qk_norm?,
            mask_token: mask_token?,
            masked: masked?,
        })
    }

    /// A number between 0 and 1, without 1, and without 0 unless it may be.
    fn below_one(&mut self, field: Field<'_>, with_zero: bool) -> Option<f64> {
        let value = self.exact(field.value, Dimension::NONE, field.owner())?.value;
        let fine = (value > 0.0 || with_zero && value == 0.0) && value < 1.0;
        if !fine {
            let excluded = if with_zero { "1 excluded" } else { "both excluded" };
            let message = format!("`{}` must lie between 0 and 1, {excluded}", field.name.value);
            self.out_of_range(message, field.value, value, Dimension::NONE, field.owner());
        }
        fine.then_some(value)
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
            Problem::NothingVisible => {
                Diagnostic::error(codes::UNBUILDABLE, format!("no patch of {} is left to see", architecture.patches()))
                    .label(span("masked"), "hides every patch")
                    .help("mask less")
            }
            Problem::HeadsDoNotDivideWidth | Problem::PositionNeedsFours => {
                Diagnostic::error(codes::UNBUILDABLE, "no width goes with these heads and positions")
                    .label(span("heads"), "the heads")
                    .help("change the heads")
            }
        };
        self.report(error);
    }
}
