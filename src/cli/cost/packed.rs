//! Images of several sizes in one batch.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::show::{TRAINING, grouped, row};
use super::{refuse, words};
use crate::diagnostic::Diagnostic;
use crate::vit::{Architecture, Packed, PackedCost, Packing, Vit};

/// The mix of images, and how sequences are made of it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Images of several sizes")]
pub(super) struct Mix {
    /// Sides of square images, in pixels, such as `224,384,512`: a mix with one of each.
    #[arg(long, value_name = "PX,..", value_delimiter = ',', value_parser = size(), conflicts_with_all = ["text", "on"])]
    images: Option<Vec<u64>>,
    /// Patches of images, such as `196,576,1024`: a mix with one of each.
    #[arg(long, value_name = "N,..", value_delimiter = ',', value_parser = size(),
          conflicts_with_all = ["images", "text", "on"])]
    patches: Option<Vec<u64>>,
    /// Tokens of one sequence; the least that holds the mix where absent.
    #[arg(long, value_name = "TOKENS", value_parser = size())]
    pack: Option<u64>,
    /// Each image padded alone, or all in one sequence that attends within each image or as a whole.
    #[arg(long, value_parser = words(&Packing::ALL), default_value = "padded")]
    packing: Packing,
}

fn size() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=Architecture::LIMIT)
}

impl Mix {
    /// The mix, where one is given.
    pub(super) fn packed(&self, vit: &Vit) -> Result<Option<Packed>, Diagnostic> {
        let patch = vit.architecture.patch;
        let patches = match (&self.images, &self.patches) {
            (Some(images), _) => {
                if let Some(&side) = images.iter().find(|side| !side.is_multiple_of(patch)) {
                    return Err(refuse::image_of_mix(side, patch));
                }
                images.iter().map(|side| (side / patch) * (side / patch)).collect()
            }
            (None, Some(patches)) => patches.clone(),
            (None, None) if self.pack.is_some() => return Err(refuse::no_mix()),
            (None, None) => return Ok(None),
        };
        let packed = Packed::new(vit, patches.clone(), self.pack, self.packing);
        if !packed.fits(vit) {
            let least = Packed::new(vit, patches, None, self.packing).length;
            return Err(refuse::small_pack(packed.length, least));
        }
        Ok(Some(packed))
    }
}

#[derive(Serialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    packed: Packed,
    #[serde(flatten)]
    cost: PackedCost,
    training_flops: u64,
}

pub(super) fn json(packed: &Packed, vit: &Vit) -> Answer {
    let cost = packed.cost(vit);
    Answer { packed: packed.clone(), cost, training_flops: cost.forward_flops.saturating_mul(TRAINING) }
}

/// What the mix takes.
pub(super) fn human(packed: &Packed, vit: &Vit) -> String {
    let cost = packed.cost(vit);
    let sizes: Vec<String> = packed.patches.iter().map(|&patches| grouped(patches)).collect();
    let length = grouped(packed.length);
    let how = match packed.packing {
        Packing::Padded => format!("each padded to {length} tokens, all of which attend to all"),
        Packing::Blocks => format!("in one sequence of {length} tokens, each attending to itself alone"),
        Packing::Full => format!("in one sequence of {length} tokens whose attention is computed whole and masked"),
    };
    let mut text = format!("\nImages of {} patches, {how}\n", sizes.join(", "));
    let padding = format!("{:.1} % of {} are padding", cost.padding * 100.0, count(cost.sequences, packed.length));
    text.push_str(&row("tokens", cost.tokens, &padding));
    text.push_str(&row("forward FLOP", cost.forward_flops, "of all"));
    text.push_str(&row("of one image", cost.forward_flops_per_image, "on average"));
    let training = cost.forward_flops_per_image.saturating_mul(TRAINING);
    text.push_str(&row("training FLOP", training, "of one image on average, 3 forward passes"));
    let base = vit.architecture.patches();
    let _ = writeln!(text, "Positions are those of {} patches, resized.", grouped(base));
    text
}

fn count(sequences: u64, length: u64) -> String {
    grouped(sequences.saturating_mul(length))
}
