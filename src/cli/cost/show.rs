//! What `sovitc cost` says.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::{ATTENTION, Attention, CATALOGUE, Counted, Format, Timing, packed, text};
use crate::hardware::{Pass, Prediction, Timer, bytes_moved, forward, notes, step};
use crate::plan::Counting;
use crate::units::{Base, Dimension, human as quantity};
use crate::vit::{
    Architecture, AttentionKind, Components, Cost, Memory, NamedText, NumberFormat, Optimizer, Shape, Step,
    TEXT_CATALOGUE, TextTower, Vit,
};

/// FLOPs of a training step over those of a forward pass.
pub(super) const TRAINING: u64 = Counting::TRAINING_FACTOR as u64;

#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    shape: AnswerShape,
    architecture: Architecture,
    params: u64,
    params_by_component: Components,
    forward_flops: u64,
    multiply_adds: u64,
    /// Of the step's batch, in numbers of two bytes.
    forward_bytes: f64,
    training_flops: u64,
    step: Step,
    memory: AnswerMemory,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed: Option<packed::Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contrastive: Option<text::Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct AnswerShape {
    width: u64,
    depth: u64,
    mlp_dim: u64,
    heads: u64,
    head_dim: u64,
    patch: u64,
    image: u64,
    tokens: u64,
}

#[derive(Serialize)]
struct AnswerMemory {
    #[serde(flatten)]
    memory: Memory,
    total: u64,
}

pub(super) fn json(counted: &Counted) -> String {
    let vit = &counted.vit;
    let (cost, a) = (vit.cost(), &vit.architecture);
    let memory = counted.memory();
    let answer = Answer {
        model: counted.origin.clone(),
        shape: AnswerShape {
            width: vit.shape.width,
            depth: vit.shape.depth,
            mlp_dim: vit.shape.mlp_dim,
            heads: a.heads,
            head_dim: vit.head_dim(),
            patch: a.patch,
            image: a.image,
            tokens: a.tokens(),
        },
        architecture: *a,
        params: cost.params,
        params_by_component: cost.params_by_component,
        forward_flops: cost.forward_flops_per_example,
        multiply_adds: cost.forward_flops_per_example / 2,
        forward_bytes: bytes_moved(&forward(vit, counted.step.batch)),
        training_flops: cost.forward_flops_per_example.saturating_mul(TRAINING),
        step: counted.step,
        memory: AnswerMemory { memory, total: memory.total() },
        packed: counted.packed.as_ref().map(|mix| packed::json(mix, vit)),
        contrastive: counted.beside.as_ref().map(|beside| beside.json(vit, &counted.step)),
        device: counted.timing.as_ref().map(|timing| {
            let passes = Passes::of(timing, vit, &counted.step);
            json!({
                "name": timing.device.name,
                "title": timing.device.title,
                "source": timing.device.source,
                "calibrated": {
                    "inference": timing.device.calibrated(Pass::Inference),
                    "training": timing.device.calibrated(Pass::Training),
                },
                "attention": timing.library,
                "launch": timing.launch,
                "batch": counted.step.batch,
                "inference": passes.inference,
                "training": passes.training,
                "notes": notes(timing.library, vit),
                "fits": memory.total() as f64 <= timing.device.memory,
            })
        }),
    };
    // Plain data: no map with odd keys, hence no error.
    serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n"
}

/// Both passes of a batch.
struct Passes {
    inference: Prediction,
    training: Prediction,
}

impl Passes {
    fn of(timing: &Timing, vit: &Vit, training: &Step) -> Self {
        let parts = forward(vit, training.batch);
        // Every device has a rate in bf16, which a test holds.
        let predict = |pass, parts: &[_]| {
            Timer::new(&timing.device, "bf16", timing.library, timing.launch, pass).map_or_else(
                || Prediction { seconds: f64::NAN, utilisation: f64::NAN, parts: Vec::new() },
                |timer| timer.predict(parts),
            )
        };
        Self { inference: predict(Pass::Inference, &parts), training: predict(Pass::Training, &step(vit, training)) }
    }
}

pub(super) fn human(counted: &Counted) -> String {
    let vit = &counted.vit;
    let cost = vit.cost();
    let mut text = String::new();
    if let Some(origin) = &counted.origin {
        let _ = writeln!(text, "{origin}");
    }
    let _ = writeln!(text, "{}\n", model(vit));
    text.push_str(&counts(vit, &cost, counted.step.batch));
    if let Some(mix) = &counted.packed {
        text.push_str(&packed::human(mix, vit));
    }
    if let Some(beside) = &counted.beside {
        text.push_str(&beside.counts(vit, &cost));
    }
    text.push_str(&memory(counted));
    if let Some(timing) = &counted.timing {
        text.push_str(&times(timing, counted));
    }
    text
}

fn model(vit: &Vit) -> String {
    let a = &vit.architecture;
    let mut text = format!(
        "width {}, depth {}, MLP {}, {} heads of {}, {} tokens of {} x {} px at {} px, pool {}",
        vit.shape.width,
        vit.shape.depth,
        vit.shape.mlp_dim,
        a.heads,
        vit.head_dim(),
        a.tokens(),
        a.patch,
        a.patch,
        a.image,
        a.pooling.name()
    );
    if a.activation == crate::vit::Activation::SwiGlu {
        text.push_str(", gated MLPs");
    }
    for feature in a.variant.features() {
        let _ = write!(text, ", {}", feature.phrase());
    }
    text
}

fn counts(vit: &Vit, cost: &Cost, batch: u64) -> String {
    let components = cost.params_by_component.list().into_iter().filter(|&(_, count)| count > 0);
    let rows = components.map(|(name, count)| {
        let share = count as f64 / cost.params as f64 * 100.0;
        row(&name.replace('_', " "), count, &format!("{share:5.1} %"))
    });
    let mut text: String = rows.collect();
    let flops = cost.forward_flops_per_example;
    text.push_str(&row("parameters", cost.params, ""));
    let tokens = vit.architecture.tokens();
    let masked = if vit.architecture.variant.masked > 0.0 { " that training sees" } else { "" };
    let remark = format!("2 per multiply-add, one image of {tokens} tokens{masked}");
    text.push_str(&row("forward FLOP", flops, &remark));
    text.push_str(&row("training FLOP", flops.saturating_mul(TRAINING), "3 forward passes"));
    let moved = bytes_moved(&forward(vit, batch));
    let images = if batch == 1 { "one image".to_owned() } else { format!("{batch} images") };
    let remark = format!("{images}, each array of every operation once, in numbers of 2 bytes");
    text.push_str(&row("forward bytes", moved as u64, &remark));
    text
}

pub(super) fn row(name: &str, count: u64, remark: &str) -> String {
    let line = format!("{name:<20} {:>15}  {remark}", grouped(count));
    line.trim_end().to_owned() + "\n"
}

/// `9.47 GB`
pub(super) fn bytes(count: u64) -> String {
    quantity(count as f64, Dimension::of(Base::Byte))
}

fn memory(counted: &Counted) -> String {
    let step = &counted.step;
    let memory = counted.memory();
    let name = |list: &[(&'static str, NumberFormat)], format| {
        list.iter().find(|&&(_, known)| known == format).map_or("", |&(name, _)| name)
    };
    let optimizer = Optimizer::ALL.iter().find(|&&(_, known)| known == step.optimizer).map_or("", |&(name, _)| name);
    let seen = if counted.packed.is_some() { "sequence" } else { "image" };
    let mut text = format!(
        "\nTraining with {} {seen}{} a device: {optimizer} on {} weights, activations in {}, attention that {}{}{}\n",
        step.batch,
        if step.batch == 1 { "" } else { "s" },
        name(&NumberFormat::ALL, step.weights),
        name(&NumberFormat::ALL, step.compute),
        if step.attention == AttentionKind::Math { "keeps its weights" } else { "is fused" },
        if step.checkpointed { ", blocks computed again" } else { "" },
        if step.shards > 1 { format!(", a share of {}", step.shards) } else { String::new() },
    );
    for (name, count) in [
        ("weights", memory.weights),
        ("gradients", memory.gradients),
        ("optimizer", memory.optimizer),
        ("activations", memory.activations),
    ] {
        let _ = writeln!(text, "{name:<20} {:>15}", bytes(count));
    }
    if let Some(beside) = &counted.beside {
        text.push_str(&beside.activations(&counted.vit, step));
    }
    let _ = writeln!(text, "{:<20} {:>15}", "memory", bytes(memory.total()));
    if let Some(timing) = &counted.timing
        && memory.total() as f64 > timing.device.memory
    {
        let has = quantity(timing.device.memory, Dimension::of(Base::Byte));
        let _ = writeln!(text, "That does not fit into the {has} of {}.", timing.device.name);
    }
    text
}

fn times(timing: &Timing, counted: &Counted) -> String {
    let batch = counted.step.batch;
    let passes = Passes::of(timing, &counted.vit, &counted.step);
    let [inference, training] = [Pass::Inference, Pass::Training].map(|pass| match timing.device.calibrated(pass) {
        Some(passes) => format!("calibrated on {passes}"),
        None => "uncalibrated: nobody measured it for this model, so its times are guesses".to_owned(),
    });
    let library = ATTENTION
        .iter()
        .find(|(_, attention)| *attention == Attention::Library(timing.library))
        .map_or("", |(name, _)| name);
    let mut text = format!("\nOn {}, {library} attention", timing.device.title);
    if inference == training {
        let _ = writeln!(text, " ({inference})");
    } else {
        let _ = writeln!(text, "\n  inference: {inference}\n  training:  {training}");
    }
    let alone = if counted.step.shards > 1 { ", without communication" } else { "" };
    for (name, pass, remark) in [("inference", &passes.inference, ""), ("training", &passes.training, alone)] {
        let _ = writeln!(
            text,
            "{name:<20} {:>15}  {} images/s, {:.0} % of the peak in bf16{remark}",
            quantity(pass.seconds, Dimension::of(Base::Second)),
            grouped((batch as f64 / pass.seconds).round() as u64),
            pass.utilisation * 100.0
        );
    }
    // Where the time of inference goes, by name, and how far above the data sheet.
    let mut shares: Vec<(&str, f64, f64)> = Vec::new();
    for timed in &passes.inference.parts {
        match shares.iter_mut().find(|(name, ..)| *name == timed.part.name) {
            Some((_, seconds, bound)) => {
                *seconds += timed.seconds;
                *bound += timed.bound;
            }
            None => shares.push((timed.part.name, timed.seconds, timed.bound)),
        }
    }
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (name, seconds, bound) in shares.iter().take(6) {
        let share = seconds / passes.inference.seconds * 100.0;
        let _ = writeln!(text, "  {name:<18} {share:>13.1} %  {:.1} times its bound", seconds / bound);
    }
    for note in notes(timing.library, &counted.vit) {
        let _ = writeln!(text, "note: {note}");
    }
    if counted.beside.is_some() {
        text.push_str("note: times are the encoder's alone, without the text tower and the logits\n");
    }
    text
}

/// The catalogue: encoders, then text towers.
pub(super) fn catalogue(format: Format) -> String {
    // With the projection to vectors as wide as the tower.
    let of_text = |tower: &TextTower| {
        let shared = tower.shape.width;
        (tower.components(shared).total(), tower.forward_flops(shared))
    };
    if format == Format::Json {
        let encoders = CATALOGUE.iter().map(|entry| {
            let cost = entry.vit().cost();
            json!({
                "name": entry.name, "shape": entry.shape, "heads": entry.heads, "patch": entry.patch,
                "params": cost.params, "forward_flops": cost.forward_flops_per_example, "source": entry.source,
            })
        });
        let towers = TEXT_CATALOGUE.iter().map(|entry| {
            let (tower, (params, forward_flops)) = (&entry.tower, of_text(&entry.tower));
            json!({
                "name": entry.name, "shape": tower.shape, "heads": tower.heads, "vocabulary": tower.vocabulary,
                "context": tower.context, "params": params, "forward_flops": forward_flops, "source": entry.source,
            })
        });
        let list: Vec<_> = encoders.chain(towers).collect();
        return serde_json::to_string_pretty(&list).unwrap_or_default() + "\n";
    }
    let mut text = String::from("name              width depth    MLP heads  patch   parameters   forward at 224 px\n");
    let row = |name: &str, shape: &Shape, heads: u64, size: u64, params: u64, flops: u64| {
        let Shape { width, depth, mlp_dim } = shape;
        let [params, flops] = [(params, Dimension::PARAM), (flops, Dimension::FLOP)]
            .map(|(count, dimension)| quantity(count as f64, dimension));
        format!("{name:<17} {width:>5} {depth:>5} {mlp_dim:>6} {heads:>5} {size:>6} {params:>12} {flops:>19}\n")
    };
    for entry in CATALOGUE {
        let cost = entry.vit().cost();
        let flops = cost.forward_flops_per_example;
        text += &row(entry.name, &entry.shape, entry.heads, entry.patch, cost.params, flops);
    }
    text += "\ntext tower        width depth    MLP heads tokens   parameters   forward of a text\n";
    for NamedText { name, tower, .. } in TEXT_CATALOGUE {
        let (params, flops) = of_text(tower);
        text += &row(name, &tower.shape, tower.heads, tower.context, params, flops);
    }
    text
}

/// Digits in threes: `427 680 704`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_stand_in_threes() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(427680704), "427 680 704");
        assert_eq!(grouped(1000), "1 000");
    }
}
