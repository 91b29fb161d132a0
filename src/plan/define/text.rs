//! Training by contrast: `text`, `global_batch` and `loss` of `training = { ... }`.

use crate::diagnostic::Diagnostic;
use crate::plan::check::Checker;
use crate::plan::codes;
use crate::plan::schema::{Field, Fields, Schema};
use crate::syntax::ast::ExprKind;
use crate::units::Dimension;
use crate::vit::{Architecture, Contrastive, ContrastiveLoss, Shape, TEXT_CATALOGUE, TextFamily, TextTower};

/// Fields of a training that say nothing without a text tower.
const OF_TEXT: [&str; 2] = ["global_batch", "loss"];

const TOWER: Schema = Schema::of(&["family", "width", "depth", "mlp", "heads", "vocabulary", "context"]);

impl Checker<'_> {
    /// What stands beside the encoder in a training whose devices see `batch` images each; nothing without `text`.
    #[expect(clippy::option_option, reason = "absent is not wrong")]
    pub(super) fn contrastive(&mut self, fields: &Fields<'_>, batch: Option<u64>) -> Option<Option<Contrastive>> {
        let Some(field) = fields.get("text") else {
            let lone: Vec<_> = OF_TEXT.iter().filter_map(|name| fields.get(name)).collect();
            for field in &lone {
                let message = format!("`{}` compares images with texts, and no text tower is named", field.name.value);
                let (at, text) = fields.insertion("text = siglip_b");
                let error = Diagnostic::error(codes::MISPLACED, message).label(field.name.span, "needs `text`");
                self.report(error.fix("name a text tower", at, text));
            }
            return lone.is_empty().then_some(None);
        };
        let text = self.text_tower(field);
        let global = self.required(fields, "global_batch", "global_batch = 32768");
        let global_batch = global.and_then(|field| {
            let value = self.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner())?;
            let batch = batch?;
            if Contrastive::splits(value, batch) {
                return Some(value);
            }
            let message = format!("devices that see {batch} pairs each cannot compare {value} at once");
            let near = (value / batch).max(1) * batch;
            let error = Diagnostic::error(codes::BATCH_SPLIT, message)
                .label(field.value.span, format!("not a multiple of {batch}"))
                .fix("take whole batches", field.value.span, near.to_string());
            self.report(error);
            None
        });
        let loss = fields.get("loss").map(|field| self.word(field, &ContrastiveLoss::ALL));
        let text = text?;
        let loss = loss.unwrap_or(Some(ContrastiveLoss::of(text.family)));
        Some(Some(Contrastive { text, global_batch: global_batch?, loss: loss? }))
    }

    /// A published tower by its name, or a record of one's own.
    fn text_tower(&mut self, field: Field<'_>) -> Option<TextTower> {
        let ExprKind::Record(block) = &field.value.kind else {
            let known: Vec<_> = TEXT_CATALOGUE.iter().map(|entry| (entry.name, entry.tower)).collect();
            return self.word(field, &known);
        };
        let inner = self.fields(format!("`{}`", field.name.value), field.name.span, block, TOWER);
        let family = self.required(&inner, "family", "family = siglip");
        let family = family.and_then(|field| self.word(field, &TextFamily::ALL));
        let mut size =
            |field: Field<'_>| self.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner());
        let [mlp, vocabulary, context] = ["mlp", "vocabulary", "context"].map(|name| inner.get(name).map(&mut size));
        let needed = ["width = 768", "depth = 12", "heads = 12"];
        let [width, depth, heads] = needed.map(|example| {
            let name = example.split(' ').next().unwrap_or_default();
            let field = self.required(&inner, name, example)?;
            self.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner())
        });
        let (family, width, heads) = (family?, width?, heads?);
        self.heads_divide_text(&inner, width, heads)?;
        let mlp_dim = mlp.unwrap_or(Some(width.saturating_mul(4).min(Architecture::LIMIT)))?;
        let plain = TextTower::new(family, Shape { width, depth: depth?, mlp_dim }, heads);
        Some(TextTower {
            vocabulary: vocabulary.unwrap_or(Some(plain.vocabulary))?,
            context: context.unwrap_or(Some(plain.context))?,
            ..plain
        })
    }

    /// Reports heads that do not divide the width of a text tower.
    pub(super) fn heads_divide_text(&mut self, fields: &Fields<'_>, width: u64, heads: u64) -> Option<()> {
        if width.is_multiple_of(heads) {
            return Some(());
        }
        let message = format!("{heads} heads do not divide the text tower's width {width}");
        let at = fields.get("heads").map_or(fields.at, |heads| heads.value.span);
        let error = Diagnostic::error(codes::HEADS, message).label(at, "does not divide the width");
        self.report(error.help("choose a width that is a multiple of the heads"));
        None
    }
}
