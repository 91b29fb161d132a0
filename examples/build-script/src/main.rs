//! Prints what its build script put into it. No GPU, no Python and no fitting were needed to build it.

/// Constants, configs and kernels of `plans/encoder.sov`.
mod plan {
    sovit_kernels::include_plan!("encoder");
}

use plan::flagship::{
    CONFIG_TRANSFORMERS, DEPTH, EXAMPLES, FORWARD_FLOPS_PER_EXAMPLE, HEAD_DIM, HEADS, LAYERNORM_RESIDUAL, MLP_DIM,
    PARAMS, TOKENS, WIDTH,
};

fn main() {
    println!("encoder  width {WIDTH}, depth {DEPTH}, MLP {MLP_DIM}, {HEADS} heads of {HEAD_DIM}");
    println!("cost     {PARAMS} parameters, {FORWARD_FLOPS_PER_EXAMPLE} forward FLOPs an image");
    println!("budget   {EXAMPLES} images");
    println!("config   {} bytes for transformers", CONFIG_TRANSFORMERS.len());

    let kernel = LAYERNORM_RESIDUAL;
    let (images, rows) = (32, 32 * TOKENS as u32);
    println!("kernel   {}, {} bytes of source", kernel.entry, kernel.source.len());
    println!("launch   {} blocks of {} threads for {images} images", kernel.blocks(rows), kernel.threads);
}
