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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::{Activation, Architecture, Shape, Variant};

    #[test]
    fn the_kernels_of_a_block_fit_together() {
        let variant = Variant { layer_scale: Some(1e-5), registers: 4, ..Variant::default() };
        let base = Architecture { class_token: true, variant, ..Architecture::default() };
        let vit = base.with(Shape { width: 880, depth: 18, mlp_dim: 2321 }).unwrap();
        let kernels = plan(&vit).unwrap();
        let shape = |kernel: &str, name: &str| {
            let arguments = &kernels.named(kernel).unwrap().arguments;
            arguments.iter().find(|argument| argument.name == name).unwrap().shape.clone()
        };
        assert_eq!(shape("qkv", "out"), shape("attention", "qkv"));
        assert_eq!(shape("attention", "out"), shape("projection", "x"));
        assert_eq!(shape("projection", "out"), shape("layernorm", "x"));
        assert_eq!(shape("layernorm", "normalised"), shape("fc1", "x"));
        assert_eq!(shape("fc1", "out"), shape("fc2", "x"));
        assert_eq!(shape("fc2", "gamma"), [Extent::Size(880)]);
        assert_eq!(kernels.named("attention").unwrap().launch.rows_multiple, 256 + 5);
    }

    #[test]
    fn what_no_kernel_computes_is_refused() {
        let refused = |architecture: Architecture, width| {
            let vit = architecture.with(Shape { width, depth: 1, mlp_dim: 64 }).unwrap();
            plan(&vit).unwrap_err().code
        };
        let plain = Architecture { heads: 4, ..Architecture::default() };
        let with = |variant| Architecture { variant, ..plain };
        let rope = with(Variant { position: Position::Rope, ..Variant::default() });
        assert_eq!(refused(rope, 64), codes::VARIANT);
        assert_eq!(refused(with(Variant { qk_norm: QkNorm::Rms, ..Variant::default() }), 64), codes::VARIANT);
        assert_eq!(refused(plain, 1156), codes::ALIGNMENT);
        assert_eq!(refused(plain, 1152), codes::ATTENTION);
    }

    #[test]
    fn products_of_no_size_are_refused() {
        let gemm = Gemm {
            name: "product",
            rows_per_image: 16,
            inputs: 64,
            input_groups: 1,
            outputs: 64,
            epilogue: Epilogue::Activation(Activation::SwiGlu),
        };
        assert!(gemm.plan().is_ok());
        let heads = Epilogue::Heads { parts: 3, heads: 2, head_dim: 10, tokens: 5 };
        for wrong in [
            Gemm { inputs: 0, ..gemm.clone() },
            Gemm { outputs: 0, ..gemm.clone() },
            Gemm { outputs: (1 << 20) + 1, ..gemm.clone() },
            Gemm { input_groups: 0, ..gemm.clone() },
            Gemm { input_groups: 3, ..gemm.clone() },
            Gemm { epilogue: heads, ..gemm.clone() },
        ] {
            assert_eq!(wrong.plan().unwrap_err().code, codes::GEMM, "{wrong:?}");
        }
        // A gate and what it gates must lie in one warp.
        let odd = Tile { warps_m: 2, warps_n: 2, products_m: 1, products_n: 3, depth: 32, stages: 3 };
        assert_eq!(gemm.plan_with(&odd).unwrap_err().code, codes::GEMM);
    }
}
