//! Shape to kernels: which kernels, their tiles and launches.
//!
//! One file a kernel; [`plan`] lists them.

mod attention;
pub mod codes;
mod gemm;
mod gpu;
mod layernorm;
mod model;
mod tile;

pub use attention::{Attention, AttentionTile};
pub use gemm::{Epilogue, Gemm};
pub use layernorm::{layernorm, layernorm_residual};
pub use model::*;
pub use tile::Tile;

use crate::diagnostic::Diagnostic;
use crate::vit::{Position, QkNorm, Vit};

/// The kernels of a model's blocks, each specialised to its shape, or the first size that no kernel is written for.
///
/// A block is `layernorm`, `qkv`, `attention`, `projection`, `layernorm`, `fc1`, `fc2`: what one writes the next reads,
/// and the products add the residuals. `layernorm_residual` is for residuals that something else leaves apart.
///
/// Pure arithmetic: needs no GPU and no compiler, and gives the same plan everywhere.
pub fn plan(vit: &Vit) -> Result<Kernels, Diagnostic> {
    expressible(vit)?;
    let (architecture, shape) = (&vit.architecture, &vit.shape);
    let [patch_embedding, qkv, projection, fc1, fc2] = products(vit);
    let list = vec![
        layernorm_residual(shape.width, architecture.norm_epsilon)?,
        patch_embedding.plan()?,
        layernorm(shape.width, architecture.norm_epsilon)?,
        qkv.plan()?,
        attention(vit).plan()?,
        projection.plan()?,
        fc1.plan()?,
        fc2.plan()?,
    ];
    Ok(Kernels { list })
}

/// A model's attention.
pub fn attention(vit: &Vit) -> Attention {
    let architecture = &vit.architecture;
    Attention { tokens: served_tokens(vit), heads: architecture.heads, head_dim: vit.head_dim() }
}

/// The tokens of an image where a model is served: all patches are seen, and what stands before them.
fn served_tokens(vit: &Vit) -> u64 {
    vit.architecture.patches() + vit.architecture.prefix()
}

/// The matrix products of a model, in the order of a forward pass.
pub fn products(vit: &Vit) -> [Gemm; 5] {
    let (architecture, shape) = (&vit.architecture, &vit.shape);
    let (width, heads, head_dim) = (shape.width, architecture.heads, vit.head_dim());
    let (patches, tokens) = (architecture.patches(), served_tokens(vit));
    let residual = Epilogue::Residual { layer_scale: architecture.variant.layer_scale.is_some() };
    let gemm = |name, inputs, outputs, epilogue| {
        let (rows_per_image, input_groups) = (tokens, 1);
        Gemm { name, rows_per_image, inputs, input_groups, outputs, epilogue }
    };
    let pixels = architecture.channels * architecture.patch * architecture.patch;
    [
        Gemm { rows_per_image: patches, ..gemm("patch_embedding", pixels, width, Epilogue::Bias) },
        gemm("qkv", width, 3 * width, Epilogue::Heads { parts: 3, heads, head_dim, tokens }),
        // Attention leaves its heads padded, side by side.
        Gemm { input_groups: heads, ..gemm("projection", width, width, residual) },
        gemm("fc1", width, shape.mlp_dim, Epilogue::Activation(architecture.activation)),
        gemm("fc2", shape.mlp_dim, width, residual),
    ]
}

/// Whether the kernels compute this model and no other.
fn expressible(vit: &Vit) -> Result<(), Diagnostic> {
    let variant = &vit.architecture.variant;
    let lacking = if variant.qk_norm != QkNorm::None {
        Some(format!("`qk_norm = {}`", variant.qk_norm.name()))
    } else if variant.position == Position::Rope {
        Some("`position = rope`".to_owned())
    } else {
        None
    };
    if let Some(lacking) = lacking {
        let message = format!("no kernel is written for {lacking}");
        return Err(Diagnostic::error(codes::VARIANT, message).help("leave `emit kernels` out"));
    }
    let width = vit.shape.width;
    if !width.is_multiple_of(8) {
        let message = format!("the matrix products need a width that is a multiple of 8, and {width} is none");
        return Err(Diagnostic::error(codes::ALIGNMENT, message).help("let the width be a multiple of 8"));
    }
    Ok(())
}
