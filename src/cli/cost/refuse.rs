//! Why a model cannot be counted, and what to give instead.

use std::path::Path;

use crate::cli::codes;
use crate::diagnostic::{Diagnostic, Fault, nearest};
use crate::plan::codes::{BATCH_SPLIT, UNBUILDABLE, UNKNOWN_MODEL};
use crate::source::ReadError;
use crate::vit::{Architecture, CATALOGUE, ConfigProblem, Problem, Shape, TEXT_CATALOGUE, TextTower};

/// Neither a name of the catalogue nor a file.
pub(super) fn unknown(model: &str) -> Diagnostic {
    let error = Diagnostic::error(codes::NO_ENCODER, format!("there is no encoder and no file `{model}`"));
    match nearest(model, CATALOGUE.iter().map(|entry| entry.name)) {
        Some(near) => error.help(format!("there is `{near}`")),
        None => error.help("name one of `sovitc cost --list`, or the config of a trainer"),
    }
}

/// A config that is there and cannot be read.
pub(super) fn unreadable(path: &Path, error: &ReadError) -> Diagnostic {
    let message = format!("cannot read the config `{}`: {error}", path.display());
    Diagnostic { fault: Fault::World, ..Diagnostic::error(codes::UNREADABLE_CONFIG, message) }
}

/// A config that says no encoder.
pub(super) fn config(path: &Path, problem: &ConfigProblem) -> Diagnostic {
    let (message, help) = problem.says(&path.display().to_string());
    Diagnostic::error(codes::BAD_CONFIG, message).help(help)
}

/// Sizes that neither an option nor a model gives.
pub(super) fn missing(options: &[&str]) -> Diagnostic {
    let message = format!(
        "{} not given",
        if let [one] = options {
            format!("`{one}` is")
        } else {
            format!("{} are", options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", "))
        }
    );
    Diagnostic::error(codes::NO_ENCODER, message)
        .help("name an encoder, such as `sovitc cost sovit_400m14`, or give every size")
}

/// Nothing is known of the speed of attention in the open.
pub(super) fn math_attention() -> Diagnostic {
    Diagnostic::error(codes::NOT_TIMED, "the speed of `--attention math` is not known")
        .help("time a library's attention: `--attention flash`, `flash3`, `cudnn` or `triton`")
}

/// No text tower of that name.
pub(super) fn text(name: &str) -> Diagnostic {
    let error = Diagnostic::error(UNKNOWN_MODEL, format!("there is no text tower `{name}`"));
    let known = || TEXT_CATALOGUE.iter().map(|entry| entry.name);
    match nearest(name, known()) {
        Some(near) => error.help(format!("there is `{near}`")),
        None => error.help(format!("known are {}", known().collect::<Vec<_>>().join(", "))),
    }
}

/// A text tower that cannot be built.
pub(super) fn unbuildable_text(problem: Problem, text: &TextTower) -> Diagnostic {
    let (message, help) = match problem {
        Problem::Zero(name) => (format!("the text tower's {name} is 0"), "give a size of at least 1".to_owned()),
        Problem::TooLarge(name) => (
            format!("the text tower's {name} is beyond {}", Architecture::LIMIT),
            "give a size that can be built".to_owned(),
        ),
        _ => (
            format!("{} heads do not divide the text tower's width {}", text.heads, text.shape.width),
            "give `--text-width` and `--text-heads` that do".to_owned(),
        ),
    };
    Diagnostic::error(UNBUILDABLE, message).help(help)
}

/// An image of a mix that is not made of whole patches.
pub(super) fn image_of_mix(side: u64, patch: u64) -> Diagnostic {
    let near = (side / patch).max(1) * patch;
    let message = format!("a patch of {patch} px does not divide an image of {side} px");
    Diagnostic::error(UNBUILDABLE, message).help(format!("give `{near}` among `--images`"))
}

/// A length of sequences without images to put into them.
pub(super) fn no_mix() -> Diagnostic {
    Diagnostic::error(codes::NO_MIX, "`--pack` says how long a sequence is, and no images are given")
        .help("add `--images 224,384,512` or `--patches 196,576,1024`")
}

/// A sequence that does not hold what it must.
pub(super) fn small_pack(length: u64, least: u64) -> Diagnostic {
    let message = format!("a sequence of {length} tokens does not hold the images, which take {least}");
    Diagnostic::error(codes::NO_MIX, message).help(format!("use `--pack {least}` or more"))
}

/// A global batch that devices cannot share.
pub(super) fn global_batch(global: u64, batch: u64) -> Diagnostic {
    let near = (global / batch).max(1).saturating_mul(batch);
    let message = format!("devices that see {batch} pairs each cannot compare {global} at once");
    Diagnostic::error(BATCH_SPLIT, message).help(format!("use a multiple of `--batch`: `--global-batch {near}`"))
}

/// A model that cannot be built.
pub(super) fn unbuildable(problem: Problem, architecture: &Architecture, shape: Shape) -> Diagnostic {
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
