//! What the search for tiles knows of GPUs: one model of each class that runs kernels of `mma.sync`.

use super::{KernelPlan, codes};
use crate::diagnostic::Diagnostic;

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

impl KernelPlan {
    /// Whether every GPU can launch the kernel, compiled to so many registers of a thread and bytes of shared memory that a
    /// block has before the dynamic ones of its launch.
    ///
    /// # Errors
    /// [`codes::LAUNCH`] where a block needs more than there is.
    pub fn check_launch(&self, registers: u64, static_shared_bytes: u64) -> Result<(), Diagnostic> {
        let too_much = |needed: u64, what: &str, most: u64| {
            let message = format!("a block of `{}` needs {needed} {what}, and there are {most}", self.entry);
            let error = Diagnostic::error(codes::LAUNCH, message).from_world();
            Err(error.help("report it with the plan and the version of NVRTC: no such kernel should be planned"))
        };
        // A warp's registers come by 256.
        let registers = self.launch.threads.next_multiple_of(32).saturating_mul(registers.next_multiple_of(8));
        let shared = self.launch.shared_bytes.saturating_add(static_shared_bytes);
        if registers > REGISTERS {
            return too_much(registers, "registers", REGISTERS);
        }
        if shared > MOST_SHARED {
            return too_much(shared, "bytes of shared memory", MOST_SHARED);
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Launch, layernorm_residual};

    #[test]
    fn blocks_that_no_gpu_launches_are_refused() {
        let plan = layernorm_residual(1152, 1e-6).unwrap();
        let check = |threads, shared_bytes, registers, fixed| {
            let launch = Launch { threads, shared_bytes, ..plan.launch };
            KernelPlan { launch, ..plan.clone() }.check_launch(registers, fixed)
        };
        for (threads, shared, registers, fixed, refused) in [
            (256, 99 << 10, 255, 0, None),
            (256, (99 << 10) - 8, 255, 8, None),
            (256, 99 << 10, 255, 1, Some("needs 101377 bytes of shared memory, and there are 101376")),
            (512, 0, 128, 0, None),
            // 129 registers come as 136, 500 threads as 512.
            (500, 0, 129, 0, Some("needs 69632 registers, and there are 65536")),
            (u64::MAX / 64, u64::MAX, u64::MAX / 16, 1, Some("registers")),
        ] {
            let found = check(threads, shared, registers, fixed);
            let Some(refused) = refused else {
                assert_eq!(found, Ok(()), "{threads} threads of {registers} registers");
                continue;
            };
            let error = found.unwrap_err();
            assert_eq!(error.code, codes::LAUNCH);
            assert!(error.message.contains(refused), "{}", error.message);
        }
    }
}
