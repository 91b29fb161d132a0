//! The text tower that training by contrast puts beside the model.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::show::{TRAINING, bytes, grouped, row};
use super::{refuse, words};
use crate::diagnostic::Diagnostic;
use crate::vit::{
    Contrastive, ContrastiveCost, ContrastiveLoss, ContrastiveMemory, Cost, Step, TextFamily, TextTower, Vit,
    named_text,
};

/// The text tower and the loss.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Training by contrast")]
pub(super) struct Contrast {
    /// The text tower beside the model, such as `siglip_b` or `clip_b`; sizes given with it take the place of its own.
    #[arg(long, value_name = "NAME")]
    text: Option<String>,
    /// Its width.
    #[arg(long, requires = "text")]
    text_width: Option<u64>,
    /// Its blocks.
    #[arg(long, requires = "text")]
    text_depth: Option<u64>,
    /// Hidden size of its MLPs.
    #[arg(long, requires = "text")]
    text_mlp: Option<u64>,
    /// Its attention heads.
    #[arg(long, requires = "text")]
    text_heads: Option<u64>,
    /// Tokens that it knows.
    #[arg(long, requires = "text", value_name = "TOKENS")]
    vocabulary: Option<u64>,
    /// Tokens of one text.
    #[arg(long, requires = "text", value_name = "TOKENS")]
    context: Option<u64>,
    /// Pairs that all devices compare at once; what `--shards` devices see where absent.
    #[arg(long, requires = "text", value_name = "PAIRS")]
    global_batch: Option<u64>,
    /// How they are compared; as the tower was published where absent.
    #[arg(long, requires = "text", value_parser = words(&ContrastiveLoss::ALL))]
    loss: Option<ContrastiveLoss>,
}

/// A text tower with its loss, and where it comes from.
pub(super) struct Beside {
    pub(super) contrastive: Contrastive,
    origin: String,
}

impl Contrast {
    /// What is trained beside the model, if anything.
    pub(super) fn beside(&self, step: &Step) -> Result<Option<Beside>, Diagnostic> {
        let Some(name) = &self.text else { return Ok(None) };
        let entry = named_text(name).ok_or_else(|| refuse::text(name))?;
        let mut text = entry.tower;
        for (given, own) in [
            (self.text_width, &mut text.shape.width),
            (self.text_depth, &mut text.shape.depth),
            (self.text_mlp, &mut text.shape.mlp_dim),
            (self.text_heads, &mut text.heads),
            (self.vocabulary, &mut text.vocabulary),
            (self.context, &mut text.context),
        ] {
            *own = given.unwrap_or(*own);
        }
        if let Some(problem) = text.problem() {
            return Err(refuse::unbuildable_text(problem, &text));
        }
        let global_batch = self.global_batch.unwrap_or_else(|| step.batch.saturating_mul(step.shards));
        if !Contrastive::splits(global_batch, step.batch) {
            return Err(refuse::global_batch(global_batch, step.batch));
        }
        let loss = self.loss.unwrap_or(ContrastiveLoss::of(text.family));
        let changed = if text == entry.tower { "" } else { ", with other sizes" };
        let origin = format!("{name}, {}{changed}", entry.source);
        Ok(Some(Beside { contrastive: Contrastive { text, global_batch, loss }, origin }))
    }
}

#[derive(Serialize)]
pub(super) struct Answer {
    origin: String,
    #[serde(flatten)]
    contrastive: Contrastive,
    cost: ContrastiveCost,
    forward_flops: u64,
    training_flops: u64,
    activations: Activations,
}

/// Bytes of the activations that are not the encoder's.
#[derive(Serialize)]
struct Activations {
    text: u64,
    logits: u64,
    features: u64,
}

impl Beside {
    pub(super) fn json(&self, vit: &Vit, step: &Step) -> Answer {
        let cost = self.contrastive.cost(vit);
        let ContrastiveMemory { text, logits, features, .. } = self.contrastive.memory(vit, step);
        Answer {
            origin: self.origin.clone(),
            contrastive: self.contrastive,
            cost,
            forward_flops: cost.flops(),
            training_flops: cost.flops().saturating_mul(TRAINING),
            activations: Activations { text, logits, features },
        }
    }

    /// Parameters and FLOPs beside the encoder's.
    pub(super) fn counts(&self, vit: &Vit, encoder: &Cost) -> String {
        let cost = self.contrastive.cost(vit);
        let mut text = format!("\nText tower: {}\n{}\n\n", self.origin, tower(&self.contrastive.text));
        for (name, count) in cost.text_params_by_component.list() {
            let share = count as f64 / cost.text_params as f64 * 100.0;
            text.push_str(&row(&name.replace('_', " "), count, &format!("{share:5.1} %")));
        }
        text.push_str(&row("parameters", cost.text_params, ""));
        let pairs = grouped(self.contrastive.global_batch);
        let _ = writeln!(text, "\nBoth, by {} over {pairs} pairs", loss(self.contrastive.loss));
        if cost.image_projection_params > 0 {
            text.push_str(&row("image projection", cost.image_projection_params, "parameters"));
        }
        let scalars =
            if cost.logit_params > 1 { "parameters: the logits' scale and bias" } else { "the logits' scale" };
        text.push_str(&row("logits", cost.logit_params, scalars));
        text.push_str(&row("parameters", cost.params, ""));
        let flops = encoder.forward_flops_per_example;
        let all = flops.saturating_add(cost.flops());
        for (name, count, remark) in [
            ("encoder", flops, "forward FLOP of one image, which alone a budget counts"),
            ("text tower", cost.text_flops, "forward FLOP of one text"),
            ("image projection", cost.image_projection_flops, "forward FLOP"),
            ("logits", cost.logit_flops, "forward FLOP of one pair among all"),
            ("forward FLOP", all, "of one pair"),
            ("training FLOP", all.saturating_mul(TRAINING), "3 forward passes"),
        ] {
            if count > 0 {
                text.push_str(&row(name, count, remark));
            }
        }
        text
    }

    /// Where the activations that are not the encoder's come from.
    pub(super) fn activations(&self, vit: &Vit, step: &Step) -> String {
        let memory = self.contrastive.memory(vit, step);
        let parts = [("  text tower", memory.text), ("  logits", memory.logits), ("  features", memory.features)];
        parts.map(|(name, count)| format!("{name:<20} {:>15}\n", bytes(count))).concat()
    }
}

fn tower(text: &TextTower) -> String {
    format!(
        "width {}, depth {}, MLP {}, {} heads of {}, texts of {} of {} tokens, {}",
        text.shape.width,
        text.shape.depth,
        text.shape.mlp_dim,
        text.heads,
        text.shape.width / text.heads,
        text.context,
        grouped(text.vocabulary),
        match text.family {
            TextFamily::Siglip => "not causal, the last is read",
            TextFamily::Clip => "causal, the end is read",
        }
    )
}

const fn loss(loss: ContrastiveLoss) -> &'static str {
    match loss {
        ContrastiveLoss::Softmax => "a softmax each way, with the features of all devices gathered,",
        ContrastiveLoss::Sigmoid => "a sigmoid, in chunks that are all kept,",
        ContrastiveLoss::ChunkedSigmoid => "a sigmoid, in chunks that are computed again,",
    }
}
