//! Emitted configs of big_vision and KerasHub, built by JAX and held to what was priced.
//!
//! `SOVIT_JAX` names an interpreter with the packages of `tests/requirements-jax.txt`.
//! Where `BIG_VISION` names a clone of big_vision, its own encoder is built beside the one that the tests write.
//! What is missing is skipped aloud, or fails where `SOVIT_REQUIRE` lists it.

use serde_json::{Value, json};
use sovitc::plan::Target;
use sovitc::vit::{Activation, Architecture, CATALOGUE, Pooling, Position, PositionRows, Variant};

use crate::built::{Built, PLAIN, SHAPES, build_all, class_token, emit_all};
use crate::python::JAX;
use crate::support;

/// The encoders that big_vision has: pooled by a probe, by the mean and by a class token without position.
fn encoders() -> [Architecture; 4] {
    let base = Architecture::default();
    let sine = Variant { position: Position::SinCos2d, ..PLAIN };
    let tok = class_token(Variant { position_rows: PositionRows::Patches, ..PLAIN });
    [
        base,
        Architecture { pooling: Pooling::Average, classes: 1000, channels: 4, ..base },
        Architecture { classes: 10, ..tok },
        Architecture { variant: sine, ..base },
    ]
}

#[test]
fn big_vision_counts_what_was_priced() {
    if let Err(reason) = JAX.has("flax").and_then(|()| JAX.has("ml_collections")) {
        return support::skip("jax", "big_vision_counts_what_was_priced", &reason);
    }
    let published = CATALOGUE.iter().map(|named| {
        let shape = named.shape;
        [shape.width, shape.depth, shape.mlp_dim, named.heads]
    });
    let mut shapes: Vec<[u64; 4]> = SHAPES.into_iter().chain(published).collect();
    shapes.sort_unstable();
    shapes.dedup();
    let out = tempfile::tempdir().unwrap();
    let all = emit_all(Target::BigVision, &shapes, &encoders(), out.path());
    // Every shape can be said, in three of the four encoders.
    assert_eq!(all.len(), 3 * shapes.len());
    for (got, Built { vit, path }) in build_all(JAX, "check_big_vision_jax.py", "big_vision", &all).iter().zip(&all) {
        let architecture = &vit.architecture;
        assert_eq!(got["head_dim"], vit.head_dim(), "{path}");
        let learned = architecture.variant.position == Position::Learned;
        let position = if learned { json!([1, architecture.patches(), vit.shape.width]) } else { Value::Null };
        assert_eq!(got["position"], position, "{path}");
        assert!(got["same"].is_null() || got["same"] == true, "{path}: the clone of big_vision has another encoder");
    }
}

/// The tree of a checkpoint: the names and shapes that big_vision saves.
#[test]
fn parameters_have_the_names_of_big_vision() {
    if let Err(reason) = JAX.has("flax").and_then(|()| JAX.has("ml_collections")) {
        return support::skip("jax", "parameters_have_the_names_of_big_vision", &reason);
    }
    let out = tempfile::tempdir().unwrap();
    let class = Architecture { classes: 10, ..encoders()[2] };
    let all = emit_all(Target::BigVision, &[[96, 2, 392, 4]], &[encoders()[0], class], out.path());
    let found = build_all(JAX, "check_big_vision_jax.py", "big_vision", &all);
    let attention = |base: &str| {
        let inward = ["query", "key", "value"].map(|name| {
            let name = format!("{base}/MultiHeadDotProductAttention_0/{name}");
            [(format!("{name}/kernel"), json!([96, 4, 24])), (format!("{name}/bias"), json!([4, 24]))]
        });
        let out = format!("{base}/MultiHeadDotProductAttention_0/out");
        let outward = [(format!("{out}/kernel"), json!([4, 24, 96])), (format!("{out}/bias"), json!([96]))];
        inward.into_iter().flatten().chain(outward).collect::<Vec<_>>()
    };
    let mlp = |base: &str| {
        let sizes = [("Dense_0/kernel", json!([96, 392])), ("Dense_0/bias", json!([392]))];
        let back = [("Dense_1/kernel", json!([392, 96])), ("Dense_1/bias", json!([96]))];
        sizes.into_iter().chain(back).map(|(name, shape)| (format!("{base}/MlpBlock_0/{name}"), shape)).collect()
    };
    let norm = |name: &str| ["scale", "bias"].map(|kind| (format!("{name}/{kind}"), json!([96]))).to_vec();
    let of = |name: &str, shape: Value| vec![(name.to_owned(), shape)];
    let block = "Transformer/encoderblock_0";
    let shared = [
        of("embedding/bias", json!([96])),
        norm("Transformer/encoder_norm"),
        norm(&format!("{block}/LayerNorm_0")),
        norm(&format!("{block}/LayerNorm_1")),
        attention(block),
        mlp(block),
    ];
    let probe = [
        of("embedding/kernel", json!([14, 14, 3, 96])),
        of("pos_embedding", json!([1, 256, 96])),
        of("MAPHead_0/probe", json!([1, 1, 96])),
        norm("MAPHead_0/LayerNorm_0"),
        attention("MAPHead_0"),
        mlp("MAPHead_0"),
    ];
    let class = [
        of("embedding/kernel", json!([16, 16, 3, 96])),
        of("pos_embedding", json!([1, 196, 96])),
        of("cls", json!([1, 1, 96])),
        of("head/kernel", json!([96, 10])),
        of("head/bias", json!([10])),
    ];
    for (got, own) in found.iter().zip([probe.to_vec(), class.to_vec()]) {
        let want: Value = shared.iter().chain(&own).flatten().cloned().collect::<serde_json::Map<_, _>>().into();
        assert_eq!(got["tree"], want);
    }
}

#[test]
fn keras_hub_builds_what_was_priced() {
    if let Err(reason) = JAX.has("keras_hub") {
        return support::skip("keras_hub", "keras_hub_builds_what_was_priced", &reason);
    }
    let gelu = |architecture| Architecture { activation: Activation::Gelu, ..architecture };
    let architectures = [
        gelu(class_token(PLAIN)),
        gelu(Architecture { pooling: Pooling::Average, channels: 4, ..Architecture::default() }),
        Architecture { norm_epsilon: 1e-5, ..gelu(class_token(Variant { patch_bias: false, ..PLAIN })) },
    ];
    let sample = [[192, 12, 768, 3], [880, 18, 2320, 16], [88, 2, 120, 4], [64, 1, 239, 1], [328, 3, 1048, 8]];
    let out = tempfile::tempdir().unwrap();
    let all = emit_all(Target::KerasHub, &sample, &architectures, out.path());
    assert_eq!(all.len(), 13);
    for (got, Built { vit, path }) in build_all(JAX, "check_keras_hub.py", "keras_hub", &all).iter().zip(&all) {
        assert_eq!(got["head_dim"], vit.head_dim(), "{path}");
        assert_eq!(got["position"], json!([vit.architecture.tokens(), vit.shape.width]), "{path}");
    }
}
