//! Configs against the counts of their libraries.

use super::*;

fn params(text: &str) -> (String, u64) {
    let read = read_config(text).unwrap_or_else(|problem| panic!("{problem:?}: {text}"));
    let vit = read.vit.architecture.with(read.vit.shape).unwrap();
    (read.format, vit.cost().params)
}

const SIZES: &str = r#""hidden_size": 1152, "num_hidden_layers": 27, "intermediate_size": 4304,
    "num_attention_heads": 16, "patch_size": 14, "image_size": 224"#;

/// Counts of the libraries themselves, on the meta device; see `tests/data/vit-cost`.
#[test]
fn configs_count_as_their_libraries_do() {
    for (kind, extra, counted) in [
        ("siglip_vision_model", "", 427_680_704),
        ("siglip_vision_model", r#", "vision_use_head": false"#, 412_442_352),
        ("clip_vision_model", "", 412_445_808),
        ("ijepa", "", 412_442_352),
        ("dinov3_vit", r#", "num_register_tokens": 4"#, 412_185_456),
        ("dinov3_vit", r#", "num_register_tokens": 4, "use_gated_mlp": true"#, 546_173_280),
        // With a pooler of D^2 + D, which is no part of the encoder, 413 772 912.
        ("vit", "", 413_772_912 - 1152 * 1152 - 1152),
        ("vit", r#", "qkv_bias": false"#, 413_679_600 - 1152 * 1152 - 1152),
        // Accepts the MLP size and builds 4 times the width.
        ("dinov2", "", 431_427_456),
    ] {
        let text = format!(r#"{{"model_type": "{kind}", {SIZES}{extra}}}"#);
        assert_eq!(params(&text), (format!("transformers {kind}"), counted), "{text}");
    }
    // SigLIP 2 says how many patches there are.
    let patches = SIZES.replace("\"image_size\": 224", "\"num_patches\": 256");
    assert_eq!(params(&format!(r#"{{"model_type": "siglip2_vision_model", {patches}}}"#)).1, 427_680_704);
    // One classifier is a layer behind the pooling.
    for (labels, count) in [(r#""num_labels": 10"#, 10), (r#""id2label": {"0": "a", "1": "b", "2": "c"}"#, 3)] {
        let class = r#""architectures": ["ViTForImageClassification"]"#;
        let text = format!(r#"{{"model_type": "vit", {SIZES}, {class}, {labels}}}"#);
        assert_eq!(params(&text).1, 413_772_912 - 1152 * 1152 - 1152 + 1153 * count);
    }
    let two_towers = format!(r#"{{"model_type": "siglip", "vision_config": {{{SIZES}}}}}"#);
    assert_eq!(params(&two_towers).1, 427_680_704);
}

#[test]
fn other_trainers_are_read_too() {
    let timm = r#"{"architecture": "vit_so400m_patch14_siglip_224", "num_classes": 0, "model_args": {
        "img_size": 224, "patch_size": 14, "embed_dim": 1152, "depth": 27, "num_heads": 16, "mlp_ratio": 3.7362,
        "class_token": false, "global_pool": "map"}}"#;
    assert_eq!(params(timm), ("timm".to_owned(), 427_680_704));
    let parallel = r#"{"architecture": "vit_base_patch16_xp_224", "num_classes": 0, "model_args": {
            "img_size": 224, "patch_size": 14, "embed_dim": 1152, "depth": 27, "num_heads": 16, "mlp_ratio": 3.7362,
            "class_token": false, "global_pool": "map", "pre_norm": false, "norm_layer": "layernorm", "qk_norm": false,
            "qkv_bias": true}}"#;
    // A norm less in each block; and without shifts in all that are left.
    assert_eq!(params(parallel).1, 427_680_704 - 27 * 2 * 1152);
    assert_eq!(params(&parallel.replace("layernorm", "rmsnorm")).1, 427_680_704 - (27 * 3 + 2) * 1152);
    let open_clip = r#"{"embed_dim": 512, "vision_cfg": {"image_size": 224, "layers": 27, "width": 1152,
        "head_width": 72, "mlp_ratio": 3.7362, "patch_size": 14}}"#;
    assert_eq!(params(open_clip).1, 412_445_808);
    for model in [
        r#"{"variant": "So400m/14", "pool_type": "map"}"#,
        r#"{"width": 1152, "depth": 27, "mlp_dim": 4304, "num_heads": 16, "patch_size": [14, 14], "pool_type": "map"}"#,
    ] {
        let text = format!(r#"{{"model_name": "vit", "num_classes": 0, "model": {model}}}"#);
        assert_eq!(params(&text), ("big_vision".to_owned(), 427_680_704));
    }
}

#[test]
fn yaml_is_read_as_json_is() {
    let sizes = "img_size: 224, patch_size: 14, embed_dim: 1152, depth: 27, num_heads: 16, mlp_ratio: 3.7362";
    let train = format!(
        "# As train.py writes it.\nmodel: vit_base_patch16_224\ngp: map\nimg_size: 384\nin_chans: null\n\
         model_kwargs: {{{sizes}, class_token: false}}\nnum_classes: 0\n"
    );
    assert_eq!(params(&train), ("timm train.py".to_owned(), 427_680_704));
    let (_, classifier) = params(&train.replace("num_classes: 0", "num_classes: null"));
    assert_eq!(classifier, 427_680_704 + 1153 * 1000);
    let (_, grey) = params(&train.replace("in_chans: null", "in_chans: 1"));
    assert_eq!(grey, 427_680_704 - 2 * 14 * 14 * 1152);
    let cli = format!(
        "model:\n  init_args:\n    encoder:\n      class_path: timm.models.vision_transformer.VisionTransformer\n\
         \x20     init_args: {{num_classes: 0, global_pool: map, class_token: false, {sizes}}}\n"
    );
    assert_eq!(params(&cli), ("Lightning, timm".to_owned(), 427_680_704));
    let siglip = "model_type: siglip_vision_model\nhidden_size: 1152\nnum_hidden_layers: 27\n\
                  intermediate_size: 4304\nnum_attention_heads: 16\npatch_size: 14\nimage_size: 224\n";
    assert_eq!(params(siglip).1, 427_680_704);
}

#[test]
fn what_says_no_encoder_is_refused() {
    let problem = |text: &str| read_config(text).unwrap_err();
    for broken in ["{", "[1]", "", "words", "- 1", "a: [1\nb: 2", "a: 1\n---\n\"", "{\"model_type\": \"vit\",}"] {
        assert!(matches!(problem(broken), ConfigProblem::Broken(_)), "{broken}");
    }
    assert_eq!(problem("{}"), ConfigProblem::UnknownFormat);
    assert_eq!(problem("student:\n  arch: vit_large\n"), ConfigProblem::UnknownFormat);
    // What stands beside the model's arguments is of the data.
    assert_eq!(problem("model: vit_base_patch16_224\nimg_size: 32\n"), ConfigProblem::Missing("embed_dim"));
    let other = "model:\n  init_args:\n    encoder:\n      class_path: mine.Encoder\n";
    assert_eq!(problem(other), ConfigProblem::UnknownModel("mine.Encoder".to_owned()));
    assert_eq!(problem(r#"{"model_type": "bert"}"#), ConfigProblem::UnknownModel("bert".to_owned()));
    let named = r#"{"vision_cfg": {"timm_model_name": "vit_so400m_patch14_siglip_224"}}"#;
    assert_eq!(problem(named), ConfigProblem::NameOfTimm("vit_so400m_patch14_siglip_224".to_owned()));
    let wide = r#"{"model_type": "vit", "hidden_size": "1152"}"#;
    assert_eq!(problem(wide), ConfigProblem::Field("hidden_size", "\"1152\"".to_owned()));
}

/// What would make another model than the one that is counted.
#[test]
fn parts_that_are_not_counted_are_refused() {
    let refused = |text: &str, field: &str| match read_config(text).unwrap_err() {
        ConfigProblem::Field(name, _) => assert_eq!(name, field, "{text}"),
        other => panic!("{other:?}: {text}"),
    };
    for (field, value) in [
        ("proj_bias", "false"),
        ("final_norm", "false"),
        ("scale_mlp_norm", "true"),
        ("pos_embed", "\"none\""),
        ("mlp_layer", "\"SwiGLU\""),
    ] {
        let sizes = r#""img_size": 224, "patch_size": 14, "embed_dim": 1152, "depth": 27, "num_heads": 16"#;
        refused(&format!(r#"{{"model_args": {{{sizes}, "{field}": {value}}}}}"#), field);
    }
    for (field, value) in [("attentional_pool", "true"), ("pool_type", "\"none\""), ("scale_fc", "true")] {
        refused(&format!(r#"{{"vision_cfg": {{"{field}": {value}}}}}"#), field);
    }
    for (field, value) in [("rep_size", "true"), ("posemb", "\"rope\""), ("pool_type", "\"max\"")] {
        refused(&format!(r#"{{"model": {{"variant": "B/16", "{field}": {value}}}}}"#), field);
    }
    for (field, value) in [("value_bias", "false"), ("key_bias", "true"), ("proj_bias", "false"), ("mlp_bias", "false")]
    {
        let more = if field == "key_bias" { r#", "query_bias": false, "value_bias": false"# } else { "" };
        refused(&format!(r#"{{"model_type": "dinov3_vit", "{field}": {value}{more}}}"#), field);
    }
    refused(r#"{"model_type": "siglip2_vision_model", "num_patches": 255}"#, "num_patches");
    // Fields that contradict each other, and numbers that no norm has.
    let token =
        r#""img_size": 224, "patch_size": 14, "embed_dim": 1152, "depth": 27, "num_heads": 16, "class_token": false"#;
    refused(&format!(r#"{{"model_args": {{{token}}}}}"#), "class_token");
    refused(r#"{"model_type": "vit", "layer_norm_eps": -1}"#, "layer_norm_eps");
    refused(r#"{"vision_cfg": {"norm_kwargs": {"eps": 0}}}"#, "eps");
    let vast = r#"{"model_type": "dinov2", "mlp_ratio": 1e300, "use_swiglu_ffn": true}"#;
    assert!(read_config(vast).unwrap().vit.shape.mlp_dim > Architecture::LIMIT);
}

/// A file of big_vision says what its `config.json` says, where it is written out.
#[test]
fn python_of_big_vision_is_read() {
    let file = "import ml_collections as mlc\n\n\ndef get_config():\n  config = mlc.ConfigDict()\n  \
                config.model = dict(variant='So400m/14', pool_type=\"map\")\n  config.num_classes = 0\n  return config\n";
    assert_eq!(params(file), ("big_vision".to_owned(), 427_680_704));
    let expression = file.replace("return config", "config.model.variant = arg.variant");
    let wants = ConfigProblem::Field("variant", "the expression `arg.variant`".to_owned());
    assert_eq!(read_config(&expression).unwrap_err(), wants);
    assert_eq!(read_config("def get_config():\n  pass\n").unwrap_err(), ConfigProblem::UnknownFormat);
}
