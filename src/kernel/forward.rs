//! The launches of a forward pass in their order, and what each of their arguments is.

use serde::{Deserialize, Serialize};

use super::{MAP_NORM, PRE_NORM, Packing, Rule};
use crate::vit::{Activation, KernelForm, LayerNorm, Pooling, Position, PositionRows, QkNorm, QkvBias, Vit};

/// One launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The kernel's name; of those that differ by the size of the batch, the one that [`Self::up_to`] leaves the rest to.
    pub kernel: String,
    /// Which kernels small batches launch in its place, the smallest first; each has the batches that those before it leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub up_to: Vec<UpTo>,
    /// Whether it is one of a block's, which run together for each block.
    pub each_block: bool,
    /// What its rows are.
    pub rows: Rows,
    /// What its buffers hold; strides and the number of rows are the caller's.
    pub arguments: Vec<Bound>,
}

/// The kernel of small batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpTo {
    /// Images of the largest of them.
    pub images: u64,
    /// The kernel's name.
    pub kernel: String,
}

/// The rows of a launch: so many for each image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// One for each patch.
    Patches,
    /// One for each token.
    Tokens,
    /// One.
    Images,
}

impl Rows {
    /// Rows of one image.
    pub const fn of(self, vit: &Vit) -> u64 {
        match self {
            Self::Patches => vit.architecture.patches(),
            Self::Tokens => super::served_tokens(vit),
            Self::Images => 1,
        }
    }
}

/// An argument of a launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Its name in the source.
    pub argument: String,
    /// What it is.
    #[serde(flatten)]
    pub operand: Operand,
}

/// What a buffer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operand {
    /// What another launch wrote or will read, by a name of its own; `image` comes from outside.
    Buffer(String),
    /// Weights, packed once.
    Weights(Packing),
}

/// A launch whose arguments are still to be told.
fn step<const N: usize>(kernel: &str, rows: Rows, buffers: [(&str, &str); N]) -> Step {
    let bound = |(argument, buffer): (&str, &str)| Bound {
        argument: argument.to_owned(),
        operand: Operand::Buffer(buffer.to_owned()),
    };
    Step { kernel: kernel.to_owned(), up_to: Vec::new(), each_block: false, rows, arguments: buffers.map(bound).into() }
}

impl Step {
    /// The kernel that a batch of so many images launches, by name.
    pub fn kernel_for(&self, images: u64) -> &str {
        self.up_to.iter().find(|small| images <= small.images).map_or(&self.kernel, |small| &small.kernel)
    }

    /// Every kernel by name, with the smallest and the largest batch that launch it; the last has no largest.
    pub fn ranges(&self) -> impl Iterator<Item = (&str, u64, Option<u64>)> {
        let first = std::iter::once(1).chain(self.up_to.iter().map(|before| before.images.saturating_add(1)));
        let small = self.up_to.iter().map(|small| (small.kernel.as_str(), Some(small.images)));
        let all = small.chain([(self.kernel.as_str(), None)]);
        first.zip(all).map(|(first, (kernel, last))| (kernel, first, last))
    }

    /// The same with weights that are copied from those of these names; zeros where there is none.
    fn weights(mut self, argument: &str, rule: Rule, from: &[Option<&str>]) -> Self {
        let from = from.iter().map(|name| name.map(str::to_owned)).collect();
        let operand = Operand::Weights(Packing { rule, from });
        self.arguments.push(Bound { argument: argument.to_owned(), operand });
        self
    }

    fn norm(self, name: &str) -> Self {
        let [gamma, beta] = ["weight", "bias"].map(|kind| format!("{name}.{kind}"));
        self.weights("gamma", Rule::Copy, &[Some(&gamma)]).weights("beta", Rule::Copy, &[Some(&beta)])
    }

    fn linear(self, name: &str) -> Self {
        let [weight, bias] = ["weight", "bias"].map(|kind| format!("{name}.{kind}"));
        self.weights("weight", Rule::Copy, &[Some(&weight)]).weights("bias", Rule::Copy, &[Some(&bias)])
    }

    /// The parts of a product, each with its bias where it has one, behind the layer norm of that name: folded into the
    /// weights, or to be applied before.
    fn behind_norm(self, layernorm: LayerNorm, norm: &str, parts: &[(String, Option<String>)]) -> Self {
        let weights = parts.iter().map(|(weight, _)| Some(weight.as_str()));
        let biases = parts.iter().map(|(_, bias)| bias.as_deref());
        match layernorm {
            LayerNorm::Apart => {
                let (weights, biases): (Vec<_>, Vec<_>) = weights.zip(biases).unzip();
                self.weights("weight", Rule::Copy, &weights).weights("bias", Rule::Copy, &biases)
            }
            LayerNorm::Folded => {
                let [gamma, beta] = ["weight", "bias"].map(|kind| format!("{norm}.{kind}"));
                let both = weights.clone().zip(biases).flat_map(|(weight, bias)| [weight, bias]);
                let shifts: Vec<_> = std::iter::once(Some(beta.as_str())).chain(both).collect();
                let gains: Vec<_> = std::iter::once(Some(gamma.as_str())).chain(weights).collect();
                self.weights("weight", Rule::FoldedWeight, &gains).weights("sums", Rule::FoldedSums, &gains).weights(
                    "bias",
                    Rule::FoldedBias,
                    &shifts,
                )
            }
        }
    }

    fn in_block(self) -> Self {
        Self { each_block: true, ..self }
    }
}

/// All launches of a forward pass, those of a block once.
pub(super) fn forward(vit: &Vit, form: &KernelForm) -> Vec<Step> {
    let architecture = &vit.architecture;
    let mut steps = vec![embedding(vit)];
    let other = |kernel| if form.halves.is_one() { "layernorm" } else { kernel };
    if architecture.variant.pre_norm {
        let buffers = [("x", "tokens"), ("normalised", "tokens")];
        steps.push(step(other(PRE_NORM), Rows::Tokens, buffers).norm("pre_norm"));
    }
    steps.extend(block(vit, form.layernorm).into_iter().map(Step::in_block));
    let normed = || step("layernorm", Rows::Tokens, [("x", "tokens"), ("normalised", "normed")]).norm("norm");
    match architecture.pooling {
        Pooling::Class => {
            let buffers = [("x", "tokens"), ("normalised", "vector")];
            steps.push(step("class_norm", Rows::Images, buffers).norm("norm"));
        }
        Pooling::Average => {
            steps.extend([normed(), step("average", Rows::Images, [("x", "normed"), ("out", "vector")])]);
        }
        Pooling::Map => {
            steps.push(normed());
            steps.extend(map(other(MAP_NORM)));
        }
    }
    if architecture.classes > 0 {
        let buffers = [("x", "vector"), ("out", "classes")];
        steps.push(step("classifier", Rows::Images, buffers).linear("classifier"));
    }
    steps
}

/// From images to tokens.
fn embedding(vit: &Vit) -> Step {
    let variant = &vit.architecture.variant;
    let bias = variant.patch_bias.then_some("patch.bias");
    let mut step = step("patch_embedding", Rows::Patches, [("image", "image"), ("out", "tokens")])
        .weights("weight", Rule::Pixels, &[Some("patch.weight")])
        .weights("bias", Rule::PixelsBias, &[bias, Some("patch.weight")]);
    // Rotary ones are added to no token.
    if variant.position != Position::Rope {
        step = step.weights("position", Rule::LastRows, &[Some("position")]);
    }
    let class = vit.architecture.class_token.then_some("class");
    let registers = (variant.registers > 0).then_some("registers");
    let mut before: Vec<Option<&str>> = [class, registers].into_iter().flatten().map(Some).collect();
    // Positions are added to as many of them as have one.
    let placed = variant.position == Position::Learned && variant.position_rows != PositionRows::Patches;
    if before.is_empty() {
        return step;
    }
    before.insert(0, placed.then_some("position"));
    step.weights("prefix", Rule::Prefix, &before)
}

fn block(vit: &Vit, layernorm: LayerNorm) -> Vec<Step> {
    let (architecture, variant) = (&vit.architecture, &vit.architecture.variant);
    let part = |name: &str, bias: bool| {
        let [weight, own] = ["weight", "bias"].map(|kind| format!("blocks.*.{name}.{kind}"));
        (weight, bias.then_some(own))
    };
    let qkv = ["q", "k", "v"].map(|name| match (variant.qkv_bias, name) {
        (QkvBias::None, _) | (QkvBias::NoKey, "k") => part(name, false),
        _ => part(name, true),
    });
    let gate = (architecture.activation == Activation::SwiGlu).then(|| part("gate", true));
    let fc1: Vec<_> = gate.into_iter().chain([part("fc1", true)]).collect();
    // A norm, and the product that it stands before.
    let normed = |number: u64, kernel: &str, parts: &[_], out: &str| {
        let name = format!("blocks.*.norm{number}");
        let [norm, product] = match layernorm {
            LayerNorm::Apart => [
                step("layernorm", Rows::Tokens, [("x", "tokens"), ("normalised", "normed")]).norm(&name),
                step(kernel, Rows::Tokens, [("x", "normed"), ("out", out)]),
            ],
            LayerNorm::Folded => [
                step("layernorm_statistics", Rows::Tokens, [("x", "tokens"), ("statistics", "statistics")]),
                step(kernel, Rows::Tokens, [("x", "tokens"), ("statistics", "statistics"), ("out", out)]),
            ],
        };
        [norm, product.behind_norm(layernorm, &name, parts)]
    };
    let scaled = |step: Step, number: u64| match variant.layer_scale {
        Some(_) => step.weights("gamma", Rule::Copy, &[Some(&format!("blocks.*.scale{number}"))]),
        None => step,
    };
    let residual = |kernel, x| step(kernel, Rows::Tokens, [("x", x), ("residual", "tokens"), ("out", "tokens")]);
    let mut steps: Vec<Step> = normed(1, "qkv", &qkv, "qkv").into();
    steps.extend(query_key(vit));
    steps.extend([
        step("attention", Rows::Tokens, [("qkv", "qkv"), ("out", "attended")]),
        scaled(residual("projection", "attended").linear("blocks.*.projection"), 1),
    ]);
    steps.extend(normed(2, "fc1", &fc1, "hidden"));
    steps.push(scaled(residual("fc2", "hidden").linear("blocks.*.fc2"), 2));
    steps
}

/// The norms and rotations of queries and keys, where there are any.
fn query_key(vit: &Vit) -> Option<Step> {
    let what = super::query_key(vit)?;
    let mut step = step("query_key", Rows::Tokens, [("qkv", "qkv")]);
    let norms = |kind: &str| ["q", "k"].map(|part| format!("blocks.*.{part}_norm.{kind}"));
    let copied = |step: Step, argument: &str, names: [String; 2]| {
        step.weights(argument, Rule::Copy, &names.each_ref().map(|name| Some(name.as_str())))
    };
    if what.norm != QkNorm::None {
        step = copied(step, "gamma", norms("weight"));
    }
    if what.norm == QkNorm::Layer {
        step = copied(step, "beta", norms("bias"));
    }
    Some(if what.rotated.is_some() { step.weights("rotation", Rule::Rotation, &[]) } else { step })
}

/// From all tokens to the vector that a probe sees; its norm is by the kernel of that name.
fn map(norm: &str) -> [Step; 7] {
    let probe = ["map.probe", "map.q.weight", "map.q.bias", "map.k.weight"].map(Some);
    [
        // The keys' bias adds the same to all scores of a head, which changes no weight.
        step("map_scores", Rows::Tokens, [("x", "normed"), ("out", "scores")])
            .weights("weight", Rule::Probe, &probe)
            .weights("bias", Rule::Copy, &[None]),
        step("map_pool", Rows::Images, [("x", "normed"), ("scores", "scores"), ("out", "pooled")]),
        step("map_value", Rows::Images, [("x", "pooled"), ("out", "value")]).linear("map.v"),
        step("map_projection", Rows::Images, [("x", "value"), ("out", "vector")]).linear("map.projection"),
        step(norm, Rows::Images, [("x", "vector"), ("normalised", "vector_normed")]).norm("map.norm"),
        step("map_fc1", Rows::Images, [("x", "vector_normed"), ("out", "vector_hidden")]).linear("map.fc1"),
        step("map_fc2", Rows::Images, [("x", "vector_hidden"), ("residual", "vector"), ("out", "vector")])
            .linear("map.fc2"),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::kernel::{Access, Kernels, plan_for, weights};
    use crate::vit::{Architecture, CATALOGUE, KernelForm, Named, Shape, Variant};

    /// Published models, and small ones with what these lack, in every form.
    fn models() -> Vec<(Vit, Kernels)> {
        let mut list: Vec<Vit> = CATALOGUE.iter().map(Named::vit).collect();
        let variant = Variant { registers: 4, layer_scale: Some(1e-5), pre_norm: true, ..Variant::default() };
        for (_, pooling) in Pooling::ALL {
            for (_, position_rows) in PositionRows::ALL {
                for (_, qkv_bias) in QkvBias::ALL {
                    let variant = Variant { position_rows, qkv_bias, patch_bias: false, ..variant };
                    let base =
                        Architecture { pooling, class_token: true, classes: 10, variant, ..Architecture::default() };
                    let architecture = Architecture { activation: Activation::SwiGlu, ..base };
                    list.extend(architecture.with(Shape { width: 352, depth: 2, mlp_dim: 900 }));
                }
            }
        }
        let forms = KernelForm::all();
        let in_form = |vit: Vit| {
            let kernels = forms.iter().map(move |form| plan_for(&vit, form.clone()));
            kernels.flatten().map(move |kernels| (vit, kernels))
        };
        list.into_iter().flat_map(in_form).collect()
    }

    #[test]
    fn every_argument_is_bound_once_and_every_weight_is_packed() {
        for (vit, kernels) in models() {
            let mut packed = BTreeSet::new();
            for step in &kernels.forward {
                let plan = kernels.named(&step.kernel).unwrap();
                let buffers = plan.arguments.iter().filter(|argument| !argument.shape.is_empty());
                let mut names: Vec<&str> = buffers.map(|argument| argument.name.as_str()).collect();
                let mut bound: Vec<&str> = step.arguments.iter().map(|bound| bound.argument.as_str()).collect();
                names.sort_unstable();
                bound.sort_unstable();
                assert_eq!(names, bound, "{}", plan.entry);
                for bound in &step.arguments {
                    let Operand::Weights(packing) = &bound.operand else { continue };
                    packed.extend(packing.from.iter().flatten().map(String::as_str));
                }
            }
            let all = weights(&vit);
            let mut listed: BTreeSet<&str> = all.iter().map(|weight| weight.name.as_str()).collect();
            assert_eq!(listed.len(), all.len());
            // It changes no weight of a token.
            listed.remove("map.k.bias");
            assert_eq!(packed, listed);
        }
    }

    #[test]
    fn every_launch_reads_what_another_wrote() {
        const IMAGES: u64 = 3;
        let models = models();
        assert!(models.len() > 60);
        for (vit, kernels) in models {
            let mut sizes = BTreeMap::new();
            for step in &kernels.forward {
                let plan = kernels.named(&step.kernel).unwrap();
                let rows = IMAGES * step.rows.of(&vit);
                assert!(rows.is_multiple_of(plan.launch.rows_multiple), "{}", plan.entry);
                for access in [Access::Read, Access::Update, Access::Write] {
                    for argument in plan.arguments.iter().filter(|argument| argument.access == access) {
                        let bound = step.arguments.iter().find(|bound| bound.argument == argument.name);
                        let Some(Bound { operand: Operand::Buffer(name), .. }) = bound else { continue };
                        let size = (argument.elements(&plan.launch, rows), argument.dtype);
                        if access == Access::Write || name == "image" {
                            sizes.insert(name.clone(), size);
                        } else {
                            assert_eq!(sizes.get(name), Some(&size), "{} reads `{name}`", plan.entry);
                        }
                    }
                }
            }
            assert_eq!(sizes["vector"].0, IMAGES * vit.shape.width);
        }
    }
}
