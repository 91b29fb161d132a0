//! What the search for tiles knows of GPUs: one model of each class that runs kernels of `mma.sync`.

/// One streaming multiprocessor (SM), and how many there are. Rates are per clock and SM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gpu {
    pub(super) sms: u64,
    /// FLOPs of `mma.sync` on bf16 with sums in `float`.
    pub(super) product: f64,
    /// Additions or multiplications in `float`.
    pub(super) floats: f64,
    /// Bytes read from the L2 cache.
    pub(super) l2: f64,
    /// Bytes of that cache, for all SMs.
    pub(super) cache: u64,
    /// Bytes of shared memory, those that each block costs beside its own included.
    pub(super) shared: u64,
    /// Most threads that are resident.
    pub(super) threads: u64,
}

/// A100, RTX 4090, H100 and B200.
///
/// SMs, threads, caches, shared memory and the rates of A100 and RTX 4090 follow from NVIDIA's data sheets. Estimates, and not
/// measured here: `mma.sync` on an H100 reaches 62 % of the rate of wgmma, and half of it on a B200, which gives that
/// rate to tcgen05 only; the L2 rates are A100's 5120 bytes a clock for all SMs, 46 of the cost model of DeepGEMM for
/// H100, the same for B200, and a third of it for the RTX 4090.
pub(super) const GPUS: [Gpu; 4] = [
    Gpu { sms: 108, product: 2048.0, floats: 64.0, l2: 47.0, cache: 40 << 20, shared: 164 << 10, threads: 2048 },
    Gpu { sms: 128, product: 512.0, floats: 128.0, l2: 15.0, cache: 72 << 20, shared: 100 << 10, threads: 1536 },
    Gpu { sms: 132, product: 2540.0, floats: 128.0, l2: 46.0, cache: 50 << 20, shared: 228 << 10, threads: 2048 },
    Gpu { sms: 148, product: 2048.0, floats: 128.0, l2: 46.0, cache: 126 << 20, shared: 228 << 10, threads: 2048 },
];

/// FLOPs a clock and SM of `mma.sync` on a GPU whose data sheet has so many: all of them up to Ada, then as estimated
/// above.
#[cfg(feature = "verify")]
pub(crate) fn reachable(peak: f64) -> f64 {
    // Between what an SM of an A100 and of an H100 does a clock by their data sheets, and twice the latter.
    match peak {
        peak if peak < 3000.0 => peak,
        peak if peak < 6000.0 => 2540.0,
        _ => 2048.0,
    }
}

/// FLOPs a clock and SM in `float`, of a GPU whose data sheet has so many of matrix products: 64 lanes on an A100, whose
/// products stand between those of GPUs that have 128.
#[cfg(feature = "verify")]
pub(crate) fn scalar(peak: f64) -> f64 {
    if (1500.0..3000.0).contains(&peak) { 128.0 } else { 256.0 }
}

/// Warps that an SM must hold, so that each of its four schedulers has two.
pub(super) const LEAST_WARPS: u64 = 8;
/// Bytes a clock to or from shared memory, on all of them.
pub(super) const SHARED_RATE: f64 = 128.0;
/// Bytes of shared memory that a resident block costs beside its own.
pub(super) const RESERVED: u64 = 1 << 10;
/// Most dynamic shared memory of a block: 99 KiB, what GPUs of the smallest class give.
pub(super) const MOST_SHARED: u64 = 99 << 10;
/// Registers of an SM.
pub(super) const REGISTERS: u64 = 64 << 10;
/// Most registers of a thread.
pub(super) const MOST_REGISTERS: u64 = 255;
