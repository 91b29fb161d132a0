//! `sovitc cost`

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Common, Format, Status, answer, tell};
use crate::diagnostic::Diagnostic;
use crate::plan::codes::UNBUILDABLE;
use crate::source::Sources;
use crate::vit::{Architecture, Components, Pooling, Problem, Shape, Vit};

#[derive(Debug, Args)]
#[command(
    after_help = "Example: sovitc cost --width 1152 --depth 27 --mlp 4304 --heads 16 --patch 14 --image 224 --pool map"
)]
pub(super) struct Arguments {
    /// Embedding width.
    #[arg(long)]
    width: u64,
    /// Number of encoder blocks.
    #[arg(long)]
    depth: u64,
    /// Hidden size of the MLP.
    #[arg(long)]
    mlp: u64,
    /// Attention heads.
    #[arg(long)]
    heads: u64,
    /// Side of a patch, in pixels.
    #[arg(long)]
    patch: u64,
    /// Side of the image, in pixels.
    #[arg(long)]
    image: u64,
    /// Colour channels.
    #[arg(long, default_value_t = 3)]
    channels: u64,
    /// How the tokens become one vector; `class` brings the class token with it.
    #[arg(long, value_enum, default_value_t = Pool::Map)]
    pool: Pool,
    /// Prepend a class token.
    #[arg(long)]
    class_token: bool,
    /// Outputs of the classifier.
    #[arg(long, default_value_t = 0)]
    classes: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Pool {
    Map,
    Average,
    Class,
}

impl Pool {
    pub(super) const fn pooling(self) -> Pooling {
        match self {
            Self::Map => Pooling::Map,
            Self::Average => Pooling::Average,
            Self::Class => Pooling::Class,
        }
    }
}

#[derive(Serialize)]
struct Answer {
    shape: AnswerShape,
    params: u64,
    params_by_component: Components,
    forward_flops: u64,
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

pub(super) fn run(arguments: &Arguments) -> Status {
    let pooling = arguments.pool.pooling();
    let architecture = Architecture {
        image: arguments.image,
        patch: arguments.patch,
        channels: arguments.channels,
        heads: arguments.heads,
        pooling,
        class_token: arguments.class_token || pooling == Pooling::Class,
        classes: arguments.classes,
        ..Architecture::default()
    };
    let shape = Shape { width: arguments.width, depth: arguments.depth, mlp_dim: arguments.mlp };
    let format = arguments.common.format;
    match architecture.with(shape) {
        Ok(vit) => {
            let text = match format {
                Format::Json => json(&vit),
                Format::Human => human(&vit),
            };
            answer(&text, format)
        }
        Err(problem) => tell(&[refusal(problem, &architecture, shape)], &Sources::default(), format, ""),
    }
}

fn json(vit: &Vit) -> String {
    let (cost, a) = (vit.cost(), &vit.architecture);
    let answer = Answer {
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
        params: cost.params,
        params_by_component: cost.params_by_component,
        forward_flops: cost.forward_flops_per_example,
    };
    // Plain data: no map with odd keys, hence no error.
    serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n"
}

fn human(vit: &Vit) -> String {
    let cost = vit.cost();
    let components = cost.params_by_component.list().into_iter().filter(|&(_, count)| count > 0);
    let rows = components.map(|(name, count)| {
        let share = count as f64 / cost.params as f64 * 100.0;
        format!("{:<20} {:>15}  {share:5.1} %", name.replace('_', " "), grouped(count))
    });
    let mut lines: Vec<String> = rows.collect();
    lines.push(format!("{:<20} {:>15}", "parameters", grouped(cost.params)));
    lines.push(format!(
        "{:<20} {:>15}  2 per multiply-add, one image of {} tokens",
        "forward FLOP",
        grouped(cost.forward_flops_per_example),
        vit.architecture.tokens()
    ));
    lines.join("\n") + "\n"
}

/// Digits in threes: `427 680 704`.
fn grouped(number: u64) -> String {
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

fn refusal(problem: Problem, architecture: &Architecture, shape: Shape) -> Diagnostic {
    let (message, help) = match problem {
        Problem::Zero(name) => (format!("`--{name}` is 0"), "give a size of at least 1".to_owned()),
        Problem::TooLarge(name) => {
            (format!("`--{name}` is beyond {}", Architecture::LIMIT), "give a size that can be built".to_owned())
        }
        Problem::PatchDoesNotDivideImage => {
            let (image, patch) = (architecture.image, architecture.patch);
            let below = image / patch * patch;
            let near = if below == 0 { patch } else { below };
            (
                format!("a patch of {patch} px does not divide an image of {image} px"),
                format!("use `--image {near}` or `--image {}`", near + patch),
            )
        }
        Problem::HeadsDoNotDivideWidth => {
            let (heads, width) = (architecture.heads, shape.width);
            let below = width / heads * heads;
            let near = if below == 0 { heads } else { below };
            (
                format!("{heads} heads do not divide the width {width}"),
                format!("use `--width {near}` or `--width {}`", near + heads),
            )
        }
        Problem::NothingVisible => ("no patch is left to see".to_owned(), "mask less".to_owned()),
        Problem::PositionNeedsFours => (
            format!("width {} and {} heads leave no multiple of 4 to the positions", shape.width, architecture.heads),
            "sines and cosines of two axes need a width, or with RoPE a head size, of a multiple of 4".to_owned(),
        ),
        Problem::NoClassToken => ("class pooling needs a class token".to_owned(), "add `--class-token`".to_owned()),
    };
    Diagnostic::error(UNBUILDABLE, message).help(help)
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
