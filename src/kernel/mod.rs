//! Shape to kernels: which kernels, their tiles and launches.
//!
//! One file a kernel; [`plan`] lists them.

mod attention;
mod bands;
mod buckets;
pub mod codes;
mod fold;
mod forward;
mod gemm;
mod gpu;
mod half;
mod image;
mod layernorm;
mod mix;
mod model;
mod pack;
mod pool;
mod query_key;
mod tile;
mod traffic;
mod weights;

pub use attention::{Attention, AttentionTile, Softmax};
pub use forward::{Bound, Operand, Rows, Step, UpTo};
pub use gemm::{Epilogue, Gemm, Source};
#[cfg(feature = "verify")]
pub(crate) use gpu::{reachable, scalar};
pub use half::{narrow, widen};
pub use image::Images;
pub use layernorm::{class_norm, layernorm, layernorm_residual, layernorm_statistics};
pub use mix::{Instructions, Mix};
pub use model::*;
pub use pack::{Given, Normalisation, Numbers, Pack, Packed, Packing, Rule};
pub use pool::{Pool, Weights};
pub use query_key::QueryKey;
pub use tile::Tile;
pub use traffic::{Cache, Traffic};
pub use weights::{Weight, weights};

use crate::diagnostic::Diagnostic;
use crate::plan::codes::FLOATS;
use crate::vit::{
    Activation, Architecture, Feature, Half, Halves, ImageFormat, KernelForm, LayerNorm, Pooling, Position, QkNorm, Vit,
};
use buckets::Buckets;

/// The kernels of a model's forward pass, from images to a vector for each or to classes, each specialised to its shape; or
/// the first size that no kernel is written for.
///
/// A block is `layernorm`, `qkv`, `attention`, `projection`, `layernorm`, `fc1`, `fc2`: what one writes the next reads,
/// and the products add the residuals. Where queries and keys are normed or rotated, `query_key` does so before
/// `attention`. `layernorm_residual` is for residuals that something else leaves apart. Where layer norms are folded,
/// `layernorm_statistics` stands for a block's `layernorm`, and `qkv` and `fc1` read the tokens themselves. Where the
/// residual stream is of another float than what is multiplied, the norm of the embedding is `pre_norm`, from the stream
/// to the stream, and the probe's `map_norm`, of what is multiplied.
///
/// Pure arithmetic: needs no GPU and no compiler, and gives the same plan everywhere.
pub fn plan(vit: &Vit) -> Result<Kernels, Diagnostic> {
    plan_for(vit, KernelForm::default())
}

/// The same in a form of one's own, or for images that come so; [`plan`] takes the usual ones.
///
/// Matrix products and attention have kernels for each bucket of batches, where there are buckets: see [`Step::up_to`].
pub fn plan_for(vit: &Vit, form: impl Into<KernelForm>) -> Result<Kernels, Diagnostic> {
    let form = form.into();
    expressible(vit)?;
    consistent(&form)?;
    let forward = forward::forward(vit, &form);
    let launched = |name: &str| forward.iter().any(|step| step.kernel == name);
    let mut buckets = Buckets::new(&form.batches);
    let (width, epsilon) = (vit.shape.width, vit.architecture.norm_epsilon);
    let Halves { dtype, residual } = form.halves;
    let mut list = vec![layernorm_residual(width, epsilon)?];
    // A layer norm that reads other floats than that of a block.
    let other_norm = |name: &str| {
        let norm = launched(name).then(|| layernorm(width, epsilon)).transpose()?;
        Ok::<_, Diagnostic>(norm.map(|plan| KernelPlan { name: name.to_owned(), ..plan }))
    };
    for gemm in products(vit, form.clone()) {
        let plans = buckets.kernels(|batches| gemm.plan_at(batches))?;
        match gemm.name {
            "qkv" => {
                list.extend(other_norm(PRE_NORM)?);
                if launched("layernorm") {
                    list.push(layernorm(width, epsilon)?);
                }
                if form.layernorm == LayerNorm::Folded {
                    list.push(layernorm_statistics(width, epsilon)?);
                }
                list.extend(plans);
                list.extend(query_key(vit).map(|query_key| query_key.plan()).transpose()?);
                list.extend(buckets.kernels(|batches| attention(vit).plan_at(batches))?);
            }
            "fc2" => {
                list.extend(plans);
                match vit.architecture.pooling {
                    Pooling::Class => list.push(class_norm(width, epsilon, served_tokens(vit))?),
                    Pooling::Average => list.extend(pool(vit).map(|pool| pool.plan()).transpose()?),
                    _ => {}
                }
            }
            "map_scores" => {
                list.extend(plans);
                list.extend(pool(vit).map(|pool| pool.plan()).transpose()?);
            }
            "map_fc1" => {
                list.extend(other_norm(MAP_NORM)?);
                list.extend(plans);
            }
            _ => list.extend(plans),
        }
    }
    let floats = |plan: &KernelPlan| match plan.part() {
        PRE_NORM => Halves::of(residual),
        // The vector of an image is no token of the stream.
        MAP_NORM | "map_fc2" => Halves::of(dtype),
        _ => form.halves,
    };
    let over = |plan: KernelPlan| {
        let own = floats(&plan);
        plan.over(own)
    };
    Ok(Kernels { list: list.into_iter().map(over).collect(), forward: buckets.launches(forward) })
}

/// The norm of the embedding, where its floats are not those of a block's norm.
const PRE_NORM: &str = "pre_norm";
/// The same of the probe's.
const MAP_NORM: &str = "map_norm";

/// A model's attention.
pub fn attention(vit: &Vit) -> Attention {
    let architecture = &vit.architecture;
    Attention { tokens: served_tokens(vit), heads: architecture.heads, head_dim: vit.head_dim() }
}

/// What a model does with queries and keys before its attention, if anything.
pub fn query_key(vit: &Vit) -> Option<QueryKey> {
    let Architecture { heads, norm_epsilon: epsilon, variant, .. } = vit.architecture;
    let rotated = (variant.position == Position::Rope).then(|| vit.architecture.prefix());
    let (tokens, head_dim, norm) = (served_tokens(vit), vit.head_dim(), variant.qk_norm);
    (norm != QkNorm::None || rotated.is_some()).then_some(QueryKey { tokens, heads, head_dim, norm, epsilon, rotated })
}

/// The tokens of an image where a model is served: all patches are seen, and what stands before them.
const fn served_tokens(vit: &Vit) -> u64 {
    vit.architecture.patches() + vit.architecture.prefix()
}

/// The images of a model.
fn images(vit: &Vit, ImageFormat { pixels, layout }: ImageFormat) -> Images {
    let Architecture { image, patch, channels, .. } = vit.architecture;
    Images { grid: image / patch.max(1), patch, channels, pixels, layout }
}

/// How a model's tokens become one vector by weights; none where one of them is it.
pub fn pool(vit: &Vit) -> Option<Pool> {
    let weights = match vit.architecture.pooling {
        Pooling::Map => Weights::Scores { heads: vit.architecture.heads },
        Pooling::Average => Weights::Equal { prefix: vit.architecture.prefix() },
        Pooling::Class => return None,
    };
    Some(Pool { tokens: served_tokens(vit), width: vit.shape.width, weights })
}

/// The matrix products of a model, in the order of a forward pass.
pub fn products(vit: &Vit, form: impl Into<KernelForm>) -> Vec<Gemm> {
    let KernelForm { images: format, layernorm, .. } = form.into();
    let (architecture, shape) = (&vit.architecture, &vit.shape);
    let (width, heads, head_dim) = (shape.width, architecture.heads, vit.head_dim());
    let tokens = served_tokens(vit);
    let residual = Epilogue::Residual { layer_scale: architecture.variant.layer_scale.is_some() };
    let gemm = |name, inputs, outputs, epilogue| Gemm::new(name, tokens, [inputs, outputs], epilogue);
    let images = images(vit, format);
    // Rotary positions are added to no token.
    let positions = architecture.variant.position != Position::Rope;
    let embedded = Epilogue::Tokens { prefix: architecture.prefix(), positions };
    let source = match layernorm {
        LayerNorm::Apart => Source::Rows,
        LayerNorm::Folded => Source::Normed,
    };
    let mut list = vec![
        Gemm {
            source: Source::Images(images),
            ..Gemm::new("patch_embedding", images.patches(), [images.numbers(), width], embedded)
        },
        Gemm { source, ..gemm("qkv", width, 3 * width, Epilogue::Heads { parts: 3, heads, head_dim, tokens }) },
        // Attention leaves its heads padded, side by side.
        Gemm { input_groups: heads, ..gemm("projection", width, width, residual) },
        Gemm { source, ..gemm("fc1", width, shape.mlp_dim, Epilogue::Activation(architecture.activation)) },
        gemm("fc2", shape.mlp_dim, width, residual),
    ];
    // What follows has a row for each image.
    let gemm = |name, inputs, outputs, epilogue| Gemm::new(name, 1, [inputs, outputs], epilogue);
    if architecture.pooling == Pooling::Map {
        let plain = match architecture.activation {
            Activation::SwiGlu => Activation::GeluTanh,
            activation => activation,
        };
        list.extend([
            // The probe's query times the keys' matrix: one row for each head, and a score for each token.
            Gemm { rows_per_image: tokens, out: Dtype::F32, ..gemm("map_scores", width, heads, Epilogue::Bias) },
            // Each head has its own mean of the tokens.
            Gemm { source: Source::Heads(heads), ..gemm("map_value", width, width, Epilogue::Bias) },
            Gemm { input_groups: heads, ..gemm("map_projection", width, width, Epilogue::Bias) },
            gemm("map_fc1", width, shape.mlp_dim, Epilogue::Activation(plain)),
            gemm("map_fc2", shape.mlp_dim, width, Epilogue::Residual { layer_scale: false }),
        ]);
    }
    if architecture.classes > 0 {
        list.push(Gemm { out: Dtype::F32, ..gemm("classifier", width, architecture.classes, Epilogue::Bias) });
    }
    list
}

/// Whether what a form asks for goes together.
fn consistent(form: &KernelForm) -> Result<(), Diagnostic> {
    if form.is_consistent() {
        return Ok(());
    }
    let message = match form.halves.dtype {
        Half::Bf16 => "a residual stream in fp16 is for products in fp16",
        Half::Fp16 => "a product in fp16 that a layer norm is folded into reads no residual stream in bf16",
    };
    Err(Diagnostic::error(FLOATS, message).help("let the residual stream be of the float that is multiplied"))
}

/// Whether the kernels compute this model and no other.
fn expressible(vit: &Vit) -> Result<(), Diagnostic> {
    let width = vit.shape.width;
    if !width.is_multiple_of(8) {
        let message = format!("the matrix products need a width that is a multiple of 8, and {width} is none");
        return Err(Diagnostic::error(codes::ALIGNMENT, message).help("let the width be a multiple of 8"));
    }
    let features = vit.architecture.variant.features();
    let unwritten = |feature: &&Feature| matches!(feature, Feature::Block(_) | Feature::Norm(_));
    if let Some(feature) = features.iter().find(unwritten) {
        let message = format!("no kernels are written for {}", feature.phrase());
        let help = "leave it out of the model, or `emit kernels` out of the plan";
        return Err(Diagnostic::error(codes::VARIANT, message).help(help));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::{BlockForm, Norm, Shape, Variant};

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
        assert_eq!(refused(rope, 544), codes::VARIANT);
        assert_eq!(refused(with(Variant { qk_norm: QkNorm::Rms, ..Variant::default() }), 544), codes::VARIANT);
        for (_, block) in BlockForm::ALL.into_iter().filter(|(_, form)| *form != BlockForm::Pre) {
            assert_eq!(refused(with(Variant { block, ..Variant::default() }), 544), codes::VARIANT);
        }
        assert_eq!(refused(with(Variant { norm: Norm::Rms, ..Variant::default() }), 544), codes::VARIANT);
        assert_eq!(refused(plain, 1156), codes::ALIGNMENT);
        assert_eq!(refused(plain, 1152), codes::ATTENTION);
    }

    #[test]
    fn floats_that_do_not_go_together_are_refused() {
        let vit = Architecture::default().with(Shape { width: 768, depth: 1, mlp_dim: 64 }).unwrap();
        let mut seen = 0;
        for halves in Halves::ALL.into_iter().chain([Halves { dtype: Half::Bf16, residual: Half::Fp16 }]) {
            for (_, layernorm) in LayerNorm::ALL {
                let form = KernelForm { halves, layernorm, ..KernelForm::default() };
                match plan_for(&vit, form.clone()) {
                    Ok(_) => assert!(KernelForm::all().contains(&form)),
                    Err(error) => {
                        assert!(error.code == FLOATS && !error.help.is_empty(), "{form:?}");
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn products_of_no_size_are_refused() {
        let gemm = Gemm::new("product", 16, [64, 64], Epilogue::Activation(Activation::SwiGlu));
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
