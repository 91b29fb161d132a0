//! big_vision: the `model` of a run's `config.json`, or of the file with `get_config` that it is made of.

use super::{ConfigProblem, Fields, ReadConfig, found};
use crate::vit::{Architecture, Pooling, Position, PositionRows, Shape, Variant, named};

pub(super) fn read(config: &Fields<'_>, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let (mut shape, mut heads, mut patch) = (None, None, None);
    if let Some(variant) = fields.text("variant")? {
        let unknown = || ConfigProblem::Field("variant", variant.to_owned());
        let (name, side) = variant.split_once('/').ok_or_else(unknown)?;
        let entry = match name {
            "Ti" => named("vit_ti16"),
            "S" => named("vit_s16"),
            "B" => named("vit_b16"),
            "L" => named("vit_l16"),
            "So400m" => named("sovit_400m14"),
            "H" => named("vit_h14"),
            "g" => named("vit_g14"),
            "G" => named("vit_gigantic14"),
            "e" => named("vit_e14"),
            _ => None,
        };
        let entry = entry.ok_or_else(unknown)?;
        shape = Some(entry.shape);
        heads = Some(entry.heads);
        patch = Some(side.parse().map_err(|_| unknown())?);
    }
    let size = |name: &'static str, known: Option<u64>| -> Result<u64, ConfigProblem> {
        fields.size(name)?.or(known).ok_or(ConfigProblem::Missing(name))
    };
    let shape = Shape {
        width: size("width", shape.map(|shape| shape.width))?,
        depth: size("depth", shape.map(|shape| shape.depth))?,
        mlp_dim: size("mlp_dim", shape.map(|shape| shape.mlp_dim))?,
    };
    // A layer behind the pooling, which no encoder here has.
    fields.only("rep_size", false)?;
    let position = match fields.text("posemb")?.unwrap_or("learn") {
        "learn" => Position::Learned,
        "sincos2d" => Position::SinCos2d,
        other => return Err(ConfigProblem::Field("posemb", other.to_owned())),
    };
    let pooling = match fields.text("pool_type")?.unwrap_or("gap") {
        "map" => Pooling::Map,
        "gap" => Pooling::Average,
        "tok" => Pooling::Class,
        other => return Err(ConfigProblem::Field("pool_type", other.to_owned())),
    };
    let class_token = pooling == Pooling::Class;
    let variant = Variant {
        position,
        position_rows: if class_token { PositionRows::Patches } else { PositionRows::default() },
        ..Variant::default()
    };
    let architecture = Architecture {
        image: config.or("image_size", 224)?,
        patch: size("patch_size", patch)?,
        heads: size("num_heads", heads)?,
        pooling,
        class_token,
        classes: config.or("num_classes", 0)?,
        variant,
        ..Architecture::default()
    };
    Ok(found("big_vision".to_owned(), architecture, shape))
}
