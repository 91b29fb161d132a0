// Made by sovitc 0.1.0 from plan `so400m`. Change the plan, not this file.

/// Search `flagship`: model `encoder`, law `shape`, budget `vit_g`.
#[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod flagship {
    /// Width of the embedding.
    pub const WIDTH: usize = 1152;
    /// Encoder blocks.
    pub const DEPTH: usize = 27;
    /// Hidden size of the MLP.
    pub const MLP_DIM: usize = 4304;
    /// Attention heads.
    pub const HEADS: usize = 16;
    /// Width of one attention head.
    pub const HEAD_DIM: usize = 72;
    /// Side of a patch, in pixels.
    pub const PATCH: usize = 14;
    /// Side of the image, in pixels.
    pub const IMAGE: usize = 224;
    /// Colour channels.
    pub const CHANNELS: usize = 3;
    /// Tokens that a block sees.
    pub const TOKENS: usize = 256;
    /// Outputs of the classifier; 0 for none.
    pub const CLASSES: usize = 0;
    /// Epsilon of every layer norm.
    pub const NORM_EPSILON: f64 = 1e-6;
    /// Parameters of the model.
    pub const PARAMS: u64 = 427680704;
    /// Forward FLOPs of one image, two per multiply-add.
    pub const FORWARD_FLOPS_PER_EXAMPLE: u64 = 220353896448;
    /// Whole examples that the budget pays for.
    pub const EXAMPLES: u64 = 38755838392;
    /// For transformers: `config.json` of Hugging Face transformers for `AutoConfig.from_pretrained`.
    pub const CONFIG_TRANSFORMERS: &str = include_str!("so400m/flagship/hf/config.json");
    /// For timm: `config.json` of timm for `create_model("local-dir:...")`.
    pub const CONFIG_TIMM: &str = include_str!("so400m/flagship/timm/config.json");
    /// Fused kernel `sovit_layernorm_residual_w1152`.
    pub static LAYERNORM_RESIDUAL: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_layernorm_residual_w1152",
        source: include_str!("so400m/flagship/kernels/layernorm_residual.cu"),
        threads: 160,
        rows_per_block: 1,
        blocks_per_band: 1,
        rows_multiple: 1,
        shared_bytes: 60,
        constants: &[
            ("WIDTH", 1152),
            ("VECTOR", 8),
            ("VECTORS_PER_ROW", 144),
            ("VECTORS_PER_THREAD", 1),
            ("THREADS_PER_ROW", 160),
            ("WARPS_PER_ROW", 5),
            ("ROWS_PER_BLOCK", 1),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("residual", ::sovit_kernels::Dtype::Bf16),
            ("gamma", ::sovit_kernels::Dtype::F32),
            ("beta", ::sovit_kernels::Dtype::F32),
            ("sum", ::sovit_kernels::Dtype::Bf16),
            ("normalised", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_patch_embedding_n1152_k592_p14_uint8_nhwc`.
    pub static PATCH_EMBEDDING: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_patch_embedding_n1152_k592_p14_uint8_nhwc",
        source: include_str!("so400m/flagship/kernels/patch_embedding.cu"),
        threads: 128,
        rows_per_block: 128,
        blocks_per_band: 12,
        rows_multiple: 256,
        shared_bytes: 46592,
        constants: &[
            ("N", 1152),
            ("K", 592),
            ("BLOCK_M", 128),
            ("BLOCK_N", 96),
            ("BLOCK_K", 32),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 2),
            ("COLUMN_TILES", 12),
            ("GROUP", 8),
            ("PREFIX", 0),
            ("PATCHES", 256),
            ("NUMBERS", 588),
            ("GRID", 16),
            ("PATCH", 14),
            ("CHANNELS", 3),
            ("RUN", 42),
            ("BANDS", 8),
            ("BAND_BYTES", 784),
            ("SLOTS", 4),
            ("NEAR_BIT", 1),
            ("MIDDLE_BIT", 5),
            ("FAR_BIT", 6),
        ],
        arguments: &[
            ("image", ::sovit_kernels::Dtype::U8),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("position", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("image_stride", ::sovit_kernels::Dtype::U32),
            ("row_stride", ::sovit_kernels::Dtype::U32),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_layernorm_w1152`.
    pub static LAYERNORM: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_layernorm_w1152",
        source: include_str!("so400m/flagship/kernels/layernorm.cu"),
        threads: 160,
        rows_per_block: 1,
        blocks_per_band: 1,
        rows_multiple: 1,
        shared_bytes: 60,
        constants: &[
            ("WIDTH", 1152),
            ("VECTOR", 8),
            ("VECTORS_PER_ROW", 144),
            ("VECTORS_PER_THREAD", 1),
            ("THREADS_PER_ROW", 160),
            ("WARPS_PER_ROW", 5),
            ("ROWS_PER_BLOCK", 1),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("gamma", ::sovit_kernels::Dtype::F32),
            ("beta", ::sovit_kernels::Dtype::F32),
            ("normalised", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_qkv_n3456_k1152_h16_t256`.
    pub static QKV: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_qkv_n3456_k1152_h16_t256",
        source: include_str!("so400m/flagship/kernels/qkv.cu"),
        threads: 128,
        rows_per_block: 128,
        blocks_per_band: 27,
        rows_multiple: 256,
        shared_bytes: 49152,
        constants: &[
            ("N", 3456),
            ("K", 1152),
            ("BLOCK_M", 128),
            ("BLOCK_N", 128),
            ("BLOCK_K", 32),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 2),
            ("COLUMN_TILES", 27),
            ("GROUP", 8),
            ("PARTS", 3),
            ("HEADS", 16),
            ("HEAD", 72),
            ("HEAD_DIM", 72),
            ("TOKENS", 256),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_attention_h16x72_t256`.
    pub static ATTENTION: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_attention_h16x72_t256",
        source: include_str!("so400m/flagship/kernels/attention.cu"),
        threads: 128,
        rows_per_block: 256,
        blocks_per_band: 32,
        rows_multiple: 256,
        shared_bytes: 46080,
        constants: &[
            ("TOKENS", 256),
            ("HEADS", 16),
            ("HEAD", 72),
            ("HEAD_DIM", 72),
            ("WARPS", 4),
            ("PRODUCTS_M", 2),
            ("KEYS", 32),
            ("STAGES", 3),
            ("RESIDENT", 2),
            ("QUERY_TILES", 2),
        ],
        arguments: &[
            ("qkv", ::sovit_kernels::Dtype::Bf16),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_projection_n1152_k1152`.
    pub static PROJECTION: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_projection_n1152_k1152",
        source: include_str!("so400m/flagship/kernels/projection.cu"),
        threads: 128,
        rows_per_block: 128,
        blocks_per_band: 12,
        rows_multiple: 1,
        shared_bytes: 43008,
        constants: &[
            ("N", 1152),
            ("K", 1152),
            ("BLOCK_M", 128),
            ("BLOCK_N", 96),
            ("BLOCK_K", 32),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 2),
            ("COLUMN_TILES", 12),
            ("GROUP", 8),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("residual", ::sovit_kernels::Dtype::Bf16),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_fc1_n4304_k1152_gelu_tanh`.
    pub static FC1: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_fc1_n4304_k1152_gelu_tanh",
        source: include_str!("so400m/flagship/kernels/fc1.cu"),
        threads: 128,
        rows_per_block: 128,
        blocks_per_band: 45,
        rows_multiple: 1,
        shared_bytes: 43008,
        constants: &[
            ("N", 4304),
            ("K", 1152),
            ("BLOCK_M", 128),
            ("BLOCK_N", 96),
            ("BLOCK_K", 32),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 2),
            ("COLUMN_TILES", 45),
            ("GROUP", 8),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_fc2_n1152_k4304`.
    pub static FC2: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_fc2_n1152_k4304",
        source: include_str!("so400m/flagship/kernels/fc2.cu"),
        threads: 128,
        rows_per_block: 128,
        blocks_per_band: 12,
        rows_multiple: 1,
        shared_bytes: 43008,
        constants: &[
            ("N", 1152),
            ("K", 4304),
            ("BLOCK_M", 128),
            ("BLOCK_N", 96),
            ("BLOCK_K", 32),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 2),
            ("COLUMN_TILES", 12),
            ("GROUP", 4),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("residual", ::sovit_kernels::Dtype::Bf16),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_map_scores_n16_k1152`.
    pub static MAP_SCORES: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_map_scores_n16_k1152",
        source: include_str!("so400m/flagship/kernels/map_scores.cu"),
        threads: 128,
        rows_per_block: 32,
        blocks_per_band: 1,
        rows_multiple: 1,
        shared_bytes: 18432,
        constants: &[
            ("N", 16),
            ("K", 1152),
            ("BLOCK_M", 32),
            ("BLOCK_N", 16),
            ("BLOCK_K", 64),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 4),
            ("COLUMN_TILES", 1),
            ("GROUP", 8),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::F32),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_map_pool_w1152_t256_h16`.
    pub static MAP_POOL: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_map_pool_w1152_t256_h16",
        source: include_str!("so400m/flagship/kernels/map_pool.cu"),
        threads: 128,
        rows_per_block: 1,
        blocks_per_band: 18,
        rows_multiple: 1,
        shared_bytes: 16896,
        constants: &[
            ("TOKENS", 256),
            ("COLUMNS", 1152),
            ("HEADS", 16),
            ("STORED_HEADS", 16),
            ("AT_ONCE", 16),
            ("VECTOR", 2),
            ("WARPS", 4),
            ("IN_FLIGHT", 8),
            ("SLICES", 18),
            ("HEAD_TILES", 1),
            ("SLOTS", 16384),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("scores", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_map_value_n1152_k1152_h16`.
    pub static MAP_VALUE: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_map_value_n1152_k1152_h16",
        source: include_str!("so400m/flagship/kernels/map_value.cu"),
        threads: 128,
        rows_per_block: 32,
        blocks_per_band: 80,
        rows_multiple: 1,
        shared_bytes: 18432,
        constants: &[
            ("N", 1152),
            ("K", 1152),
            ("BLOCK_M", 32),
            ("BLOCK_N", 16),
            ("BLOCK_K", 64),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 4),
            ("COLUMN_TILES", 80),
            ("GROUP", 8),
            ("HEADS", 16),
            ("HEAD", 72),
            ("HEAD_TILES", 5),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_map_projection_n1152_k1152`.
    pub static MAP_PROJECTION: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_map_projection_n1152_k1152",
        source: include_str!("so400m/flagship/kernels/map_projection.cu"),
        threads: 128,
        rows_per_block: 32,
        blocks_per_band: 72,
        rows_multiple: 1,
        shared_bytes: 18432,
        constants: &[
            ("N", 1152),
            ("K", 1152),
            ("BLOCK_M", 32),
            ("BLOCK_N", 16),
            ("BLOCK_K", 64),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 4),
            ("COLUMN_TILES", 72),
            ("GROUP", 8),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_map_fc1_n4304_k1152_gelu_tanh`.
    pub static MAP_FC1: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_map_fc1_n4304_k1152_gelu_tanh",
        source: include_str!("so400m/flagship/kernels/map_fc1.cu"),
        threads: 128,
        rows_per_block: 32,
        blocks_per_band: 90,
        rows_multiple: 1,
        shared_bytes: 30720,
        constants: &[
            ("N", 4304),
            ("K", 1152),
            ("BLOCK_M", 32),
            ("BLOCK_N", 48),
            ("BLOCK_K", 64),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 4),
            ("COLUMN_TILES", 90),
            ("GROUP", 8),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
    /// Fused kernel `sovit_map_fc2_n1152_k4304`.
    pub static MAP_FC2: ::sovit_kernels::Kernel = ::sovit_kernels::Kernel {
        entry: "sovit_map_fc2_n1152_k4304",
        source: include_str!("so400m/flagship/kernels/map_fc2.cu"),
        threads: 128,
        rows_per_block: 32,
        blocks_per_band: 72,
        rows_multiple: 1,
        shared_bytes: 18432,
        constants: &[
            ("N", 1152),
            ("K", 4304),
            ("BLOCK_M", 32),
            ("BLOCK_N", 16),
            ("BLOCK_K", 64),
            ("WARPS_M", 2),
            ("WARPS_N", 2),
            ("STAGES", 3),
            ("RESIDENT", 4),
            ("COLUMN_TILES", 72),
            ("GROUP", 8),
        ],
        arguments: &[
            ("x", ::sovit_kernels::Dtype::Bf16),
            ("weight", ::sovit_kernels::Dtype::Bf16),
            ("bias", ::sovit_kernels::Dtype::F32),
            ("residual", ::sovit_kernels::Dtype::Bf16),
            ("out", ::sovit_kernels::Dtype::Bf16),
            ("rows", ::sovit_kernels::Dtype::U32),
        ],
    };
}
