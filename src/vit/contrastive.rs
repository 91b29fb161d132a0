//! Training an encoder by contrast with texts: both towers, and the logits of every image with every text of a batch.
//!
//! The loss is that of open_clip: features are normalised, and each device compares its own with all. Its FLOPs and
//! what autograd keeps of it are held to open_clip by `tests/libraries/contrastive.rs`.

use serde::{Deserialize, Serialize};

use super::cost::fit;
use super::memory::Held;
use super::tensor::Tensors;
use super::text::INDEX;
use super::{Memory, Optimizer, Step, TextComponents, TextFamily, TextTower, Vit};

/// How images and texts of all devices are compared.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContrastiveLoss {
    /// Cross entropy of the logits by image and by text. Every device gathers the features of all and computes both for
    /// its own: `--local-loss --gather-with-grad` of open_clip.
    Softmax,
    /// A sigmoid for each pair. Texts go round the devices, and the logits with each device's texts are a chunk, all of
    /// which autograd keeps, as in open_clip.
    Sigmoid,
    /// The same, but a chunk is computed again for its backward pass, so that one is kept at a time.
    ChunkedSigmoid,
}

impl ContrastiveLoss {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("softmax", Self::Softmax), ("sigmoid", Self::Sigmoid), ("chunked_sigmoid", Self::ChunkedSigmoid)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
            Self::ChunkedSigmoid => "chunked_sigmoid",
        }
    }

    /// The loss that a family of towers was published with.
    pub const fn of(family: TextFamily) -> Self {
        match family {
            TextFamily::Siglip => Self::Sigmoid,
            TextFamily::Clip => Self::Softmax,
        }
    }

    /// Products of all images with all texts in one forward pass.
    const fn products(self) -> u128 {
        match self {
            Self::Softmax => 2,
            Self::Sigmoid | Self::ChunkedSigmoid => 1,
        }
    }

    /// The scale of the logits, and in a sigmoid their bias.
    const fn params(self) -> u64 {
        match self {
            Self::Softmax => 1,
            Self::Sigmoid | Self::ChunkedSigmoid => 2,
        }
    }
}

/// What stands beside an encoder that is trained by contrast.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrastive {
    /// The text tower.
    pub text: TextTower,
    /// Pairs of an image and a text that all devices compare at once; a multiple of the batch of one device.
    pub global_batch: u64,
    /// How they are compared.
    pub loss: ContrastiveLoss,
}

/// What comes to the cost of the encoder; FLOPs are forward FLOPs of one pair.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveCost {
    /// Parameters of the text tower.
    pub text_params: u64,
    /// The same by component.
    pub text_params_by_component: TextComponents,
    /// The matrix that takes images to the shared space; none in SigLIP.
    pub image_projection_params: u64,
    /// The scale of the logits, and their bias where there is one.
    pub logit_params: u64,
    /// Parameters of everything, the encoder among it.
    pub params: u64,
    /// FLOPs of the text tower.
    pub text_flops: u64,
    /// FLOPs of the image's projection.
    pub image_projection_flops: u64,
    /// FLOPs of the logits: those of one image with all texts, and with a softmax of one text with all images too.
    pub logit_flops: u64,
}

impl ContrastiveCost {
    /// Forward FLOPs of one pair that come to the encoder's.
    pub const fn flops(&self) -> u64 {
        self.text_flops.saturating_add(self.image_projection_flops).saturating_add(self.logit_flops)
    }
}

/// Bytes on one device.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveMemory {
    /// What both towers and the loss take together.
    pub memory: Memory,
    /// Of its activations, those of the text tower.
    pub text: u64,
    /// Of its activations, the logits or what is made of them, and labels.
    pub logits: u64,
    /// Of its activations, the features before and behind their norm and scale, and those of other devices.
    pub features: u64,
}

impl Contrastive {
    /// Whether devices that see `batch` pairs each can compare `global_batch`.
    pub const fn splits(global_batch: u64, batch: u64) -> bool {
        global_batch >= batch && global_batch.is_multiple_of(batch)
    }

    /// What comes to the cost of an encoder; saturating.
    pub fn cost(&self, vit: &Vit) -> ContrastiveCost {
        let shared = self.text.shared_width(vit.shape.width);
        let components = self.text.components(shared);
        let image_projection = fit(self.image_projection(vit));
        let counts = [components.total(), image_projection, self.loss.params(), vit.cost().params];
        let logits = 2 * self.loss.products() * u128::from(self.global_batch) * u128::from(shared);
        ContrastiveCost {
            text_params: components.total(),
            text_params_by_component: components,
            image_projection_params: image_projection,
            logit_params: self.loss.params(),
            params: counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count)),
            text_flops: self.text.forward_flops(shared),
            image_projection_flops: image_projection.saturating_mul(2),
            logit_flops: fit(logits),
        }
    }

    /// What a training step keeps on one device, whose batch is that of `step`.
    pub fn memory(&self, vit: &Vit, step: &Step) -> ContrastiveMemory {
        let held = Held {
            params: self.cost(vit).params.into(),
            block: vit.blocks().params_of_one().max(self.text.blocks().params_of_one()),
            states: self.optimizer_bytes(vit, step.optimizer).into(),
        };
        let image = vit.saved_before_backward(step, self.image_projection(vit) > 0);
        let text = self.text.saved_before_backward(step);
        let (logits, features) = (self.logits(step), self.features(vit, step));
        // One block of one tower is computed again at a time.
        let again = vit.blocks().saved_again(step).max(self.text.blocks().saved_again(step));
        let all = [image, text, logits, features, again].into_iter().fold(0, u128::saturating_add);
        ContrastiveMemory {
            memory: Memory::new(held, fit(all), step),
            text: fit(text),
            logits: fit(logits),
            features: fit(features),
        }
    }

    /// Bytes of an optimizer's states for everything.
    pub fn optimizer_bytes(&self, vit: &Vit, optimizer: Optimizer) -> u64 {
        fit(optimizer.states(self.cost(vit).params.into(), &self.tensors(vit)))
    }

    /// Every parameter tensor of everything.
    fn tensors(&self, vit: &Vit) -> Tensors {
        let shared = self.text.shared_width(vit.shape.width);
        let mut tensors = vit.tensors();
        self.text.tensors(shared, &mut tensors);
        tensors.add(&[vit.shape.width, shared], u64::from(self.image_projection(vit) > 0));
        tensors.add(&[1], self.loss.params());
        tensors
    }

    /// Parameters of the image's projection.
    fn image_projection(&self, vit: &Vit) -> u128 {
        match self.text.family {
            TextFamily::Siglip => 0,
            TextFamily::Clip => u128::from(vit.shape.width) * u128::from(self.text.shape.width),
        }
    }

    /// Pairs of a device, and of all.
    fn pairs(&self, step: &Step) -> (u128, u128) {
        (step.images(), u128::from(self.global_batch).max(step.images()))
    }

    /// Bytes of what autograd keeps of a device's logits, a few scalars left out.
    fn logits(&self, step: &Step) -> u128 {
        let (own, all) = self.pairs(step);
        match self.loss {
            // Their log-softmax by image and by text, and the labels of both.
            ContrastiveLoss::Softmax => step.bytes_of(2 * own * all, 0) + own * INDEX,
            // Labels and logits times labels. The CPU's log-sigmoid keeps a third matrix; a GPU's does not.
            ContrastiveLoss::Sigmoid => step.bytes_of(2 * own * all, 0),
            ContrastiveLoss::ChunkedSigmoid => step.bytes_of(2 * own * own, 0),
        }
    }

    /// Bytes of the features.
    fn features(&self, vit: &Vit, step: &Step) -> u128 {
        let (own, all) = self.pairs(step);
        let others = all - own;
        let shared = u128::from(self.text.shared_width(vit.shape.width));
        let vectors = match self.loss {
            // Both scaled, and both of all devices as one.
            ContrastiveLoss::Softmax => 2 * own + if others > 0 { 2 * all } else { 0 },
            // The images are scaled for each chunk.
            ContrastiveLoss::Sigmoid => all + others,
            ContrastiveLoss::ChunkedSigmoid => own + others.min(own),
        };
        // Both before and behind their norm, each of which is kept before and behind its lower bound.
        step.bytes_of((vectors + 4 * own) * shared + 4 * own, 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Architecture, Axis, Shape, TEXT_CATALOGUE, named, named_text};
    use super::*;

    proptest! {
        /// A search may rule out all shapes above one that takes too much.
        #[test]
        fn memory_grows_with_every_size(
            sizes in (1u64..40, 1u64..9, 1u64..600),
            tower in 0usize..8,
            loss in 0usize..3,
            (batch, devices) in (1u64..9, 1u64..9),
            (shards, checkpointed) in (1u64..9, any::<bool>()),
        ) {
            let (heads, depth, mlp_dim) = sizes;
            let shape = Shape { width: 8 * heads, depth, mlp_dim };
            let architecture = Architecture { heads: 8, ..Architecture::default() };
            let contrastive = Contrastive {
                text: TEXT_CATALOGUE[tower].tower,
                global_batch: batch * devices,
                loss: ContrastiveLoss::ALL[loss].1,
            };
            let step = Step { batch, checkpointed, shards, ..Step::DEFAULT };
            let memory = |shape| contrastive.memory(&architecture.with(shape).unwrap(), &step).memory.total();
            for axis in Axis::ALL {
                prop_assert!(memory(shape.with(axis, shape.get(axis) + 8)) >= memory(shape));
            }
        }

        /// The tensors are both towers and their loss.
        #[test]
        fn tensors_sum_to_the_parameters(tower in 0usize..8, loss in 0usize..3) {
            let entry = TEXT_CATALOGUE[tower];
            let contrastive =
                Contrastive { text: entry.tower, global_batch: 64, loss: ContrastiveLoss::ALL[loss].1 };
            let vit = named("sovit_150m14").unwrap().vit();
            prop_assert_eq!(contrastive.tensors(&vit).numbers(), u128::from(contrastive.cost(&vit).params));
        }
    }

    #[test]
    fn the_largest_sizes_do_not_overflow() {
        let limit = Architecture::LIMIT;
        let shape = Shape { width: limit, depth: limit, mlp_dim: limit };
        let architecture = Architecture { image: limit, patch: 1, heads: 1, classes: limit, ..Architecture::default() };
        let vit = architecture.with(shape).unwrap();
        for (_, family) in TextFamily::ALL {
            let text = TextTower { vocabulary: limit, context: limit, ..TextTower::new(family, shape, 1) };
            for (_, loss) in ContrastiveLoss::ALL {
                let contrastive = Contrastive { text, global_batch: u64::MAX, loss };
                assert_eq!(contrastive.cost(&vit).flops(), u64::MAX);
                let step = Step { batch: u64::MAX, ..Step::DEFAULT };
                assert_eq!(contrastive.memory(&vit, &step).memory.total(), u64::MAX);
            }
        }
    }

    /// What a ring saves: one chunk of logits in the place of one for each device.
    #[test]
    fn chunks_that_are_computed_again_are_kept_one_at_a_time() {
        let vit = named("siglip_so400m14").unwrap().vit();
        let text = named_text("siglip_so400m").unwrap().tower;
        let step = Step { batch: 64, ..Step::DEFAULT };
        let logits = |loss| Contrastive { text, global_batch: 32_768, loss }.memory(&vit, &step).logits;
        assert_eq!(logits(ContrastiveLoss::Sigmoid), 512 * logits(ContrastiveLoss::ChunkedSigmoid));
    }
}
