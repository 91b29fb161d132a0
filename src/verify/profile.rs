//! What a kernel costs on a device, from what the executor counts of a few blocks and what the compiler made of it.
//!
//! ```text
//! products     = issued FLOPs / (FLOPs a clock of mma.sync * units * clock) * busiest
//! instructions = products issued * instructions for each / (4 a clock * units * clock) * busiest
//! floats       = additions and multiplications in float / (2 for each lane * units * clock) * busiest
//! shared       = turns / (units * clock) * busiest          one turn of 128 bytes a clock
//! idle         = clocks in which a block multiplies nothing * its unit's blocks / those it holds / clock
//! memory       = bytes that move / (bandwidth * reached)
//! seconds      = max(max(products, instructions, floats, shared) + idle, memory) + latency
//! busiest      = ceil(blocks / units) * units / blocks      what the unit with most blocks has, over the mean
//! ```
//!
//! Instructions are those of the main loop, where a disassembler told; idle clocks are those by which tiles are chosen.
//! The share of the bandwidth that matrix products reach and the latency are those of the time model of [`crate::hardware`];
//! other kernels reach what the layer norm was measured to. The rate of the L2 cache and units
//! that take less than an instruction a clock, such as that of powers of two, are not counted: attention may take longer than is
//! said. Bytes that move are those of [`KernelPlan::traffic`] where the cache of the device is known, else those that must.

use std::path::Path;

use serde::Serialize;

use super::{Compiler, Counts, Failure, case};
use crate::emit::kernel_source;
use crate::hardware::Device;
use crate::kernel::{KernelPlan, Mix, reachable, scalar};
use crate::vit::Vit;

/// The flag that makes the executor count.
pub const COUNTING: &str = "-DSOVIT_COUNT";
/// The flag that makes it count additions and multiplications of a kernel that multiplies no matrices, too.
const FLOATS: &str = "-DSOVIT_FLOATS";

/// What one block of shared memory costs beside its own, in bytes.
const RESERVED: u64 = 1 << 10;
/// Registers of a unit.
const REGISTERS: u64 = 64 << 10;
/// Threads of a unit, on the smallest class of GPUs.
const THREADS: u64 = 1536;

/// FLOPs of one instruction that multiplies matrices, of 16 x 8 x 16.
const PRODUCT: f64 = 4096.0;
/// Share of the bandwidth that kernels reach which only move rows. The layer norm reaches 0.84 on an H200 and 0.88 on an H100
/// at 16,384 rows of 768 to 1664, launches apart, and copies 0.89 on both (`benches/results/gpu.md`).
const REACHED: f64 = 0.84;
/// Seconds from one kernel's end to the next one's work, at least: whole models, which some devices are measured by, tell
/// little of it.
const LAUNCH: f64 = 1.5e-6;
/// Instructions that the schedulers of a unit start in a clock.
const SCHEDULERS: f64 = 4.0;

/// What the compiler made of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Registers of a thread.
    pub registers: u32,
    /// Its instructions, where a disassembler told.
    pub mix: Option<Mix>,
}

/// Counts of a few blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Rows that were run.
    pub rows: u64,
    /// Blocks of that launch.
    pub blocks: u64,
    /// What they did.
    pub counts: Counts,
}

/// One kernel on one device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The kernel's name in the model.
    pub kernel: String,
    /// Rows of the launch: those asked for, up to whole images where a kernel needs them.
    pub rows: u64,
    /// Blocks of the launch.
    pub blocks: u64,
    /// Blocks that were run and counted; the rest is extrapolated.
    pub counted_blocks: u64,
    /// What all blocks do.
    pub counts: Counts,
    /// FLOPs that the model asks for.
    pub useful_flops: u64,
    /// Additions and multiplications in `float` that a kernel without matrix products is asked for.
    pub scalar_flops: u64,
    /// Bytes that must move to and from device memory.
    pub moved_bytes: u64,
    /// Bytes that do, by a model of the L2 cache, where the device's is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dram_bytes: Option<u64>,
    /// Registers of a thread, where NVRTC told.
    pub registers: Option<u32>,
    /// Its instructions, where a disassembler told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
    /// Blocks that a unit holds at a time, by shared memory, threads and registers, known or as planned.
    pub resident: u64,
    /// Rounds of resident blocks.
    pub waves: f64,
    /// Predicted seconds.
    pub seconds: f64,
    /// What limits them: `products`, `instructions`, `floats`, `shared memory` or `memory`.
    pub limit: &'static str,
    /// The time of the useful FLOPs or bytes at the device's peaks, as a share of the predicted one.
    pub roofline: f64,
}

/// Runs a band of blocks, or one image, and counts.
///
/// Bands of rows have the same work, so that a launch of whole bands is counted exactly; the last band of a ragged
/// number of rows is taken for a whole one.
pub fn count(
    vit: &Vit,
    plan: &KernelPlan,
    source: Option<&str>,
    compiler: &Compiler,
    folder: &Path,
) -> Result<Counted, Failure> {
    let plain = kernel_source(plan).map_err(|error| Failure::Compiler(error.message))?;
    let flags = if plan.scalar_flops_per_row > 0 { &[COUNTING, FLOATS][..] } else { &[COUNTING] };
    let program = compiler.compile(plan, source.unwrap_or(&plain), flags, folder)?;
    let launch = &plan.launch;
    // Sixteen rows of bf16 begin and end with a sector.
    let band = launch.rows_per_block * 16_u64.div_ceil(launch.rows_per_block.max(1));
    let rows = if launch.rows_multiple > 1 { launch.rows_multiple } else { band };
    let case = case(vit, plan, rows, 0).ok_or_else(|| Failure::Kernel("no reference is written for it".to_owned()))?;
    let counts = program.count(case.rows(), &case.arguments())?;
    Ok(Counted { rows, blocks: blocks(plan, rows), counts })
}

fn blocks(plan: &KernelPlan, rows: u64) -> u64 {
    rows.div_ceil(plan.launch.rows_per_block.max(1)) * plan.launch.blocks_per_band
}

impl Counted {
    /// What a launch over `rows` rows costs on a device.
    pub fn on(&self, plan: &KernelPlan, device: &Device, rows: u64, built: Option<Built>) -> Profile {
        let rows = rows.next_multiple_of(plan.launch.rows_multiple.max(1));
        let blocks = blocks(plan, rows);
        let counts = self.counts.scaled(blocks, self.blocks);
        let [useful_flops, scalar_flops] = [plan.flops_per_row, plan.scalar_flops_per_row].map(|flops| flops * rows);
        let moved_bytes = plan.bytes_per_row * rows + plan.bytes_of_weights;
        let threads = plan.launch.threads.max(1);
        let registers = built.map(|built| built.registers).filter(|&n| n > 0);
        let by_registers = registers.map_or_else(
            || plan.constant("RESIDENT").unwrap_or(u64::MAX),
            |registers| REGISTERS / (threads * u64::from(registers).next_multiple_of(8)),
        );
        let by_shared = device.shared / (plan.launch.shared_bytes + RESERVED);
        let resident = by_shared.min(by_registers).min(THREADS / threads).max(1);

        let traffic = |cache| plan.traffic(rows, cache, device.units * resident).moved();
        let dram_bytes = Some(device.l2).filter(|&cache| cache > 0).map(traffic);

        let (constants, units) = (device.constants(), device.units as f64);
        let busiest = (blocks as f64 / units).ceil() * units / blocks.max(1) as f64;
        let rate = device.rate("bf16").unwrap_or(f64::INFINITY);
        let reached = if plan.template == "gemm" { constants.product_bandwidth } else { REACHED };
        let clocks = units * device.clock;
        let mix = built.and_then(|built| built.mix);
        let for_each_product = mix.and_then(|mix| mix.main_loop.for_each_product()).unwrap_or(0.0);
        let longer = |a: (&'static str, f64), b: (&'static str, f64)| if b.1 > a.1 { b } else { a };
        let works = [
            ("products", counts.flops as f64 / (reachable(rate / clocks) * clocks) * busiest),
            ("instructions", counts.flops as f64 / PRODUCT * for_each_product / (SCHEDULERS * clocks) * busiest),
            ("floats", counts.scalar_flops as f64 / (scalar(rate / clocks) * clocks) * busiest),
            ("shared memory", counts.turns() as f64 / clocks * busiest),
        ];
        let (work, worked) = works.into_iter().fold(("products", 0.0), longer);
        let of_one = (blocks as f64 / units).ceil();
        let idle = plan.idle_clocks() * of_one / of_one.min(resident as f64).max(1.0) / device.clock;
        let memory = ("memory", dram_bytes.unwrap_or(moved_bytes) as f64 / (device.bandwidth * reached));
        let (limit, longest) = longer((work, worked + idle), memory);
        let seconds = longest + constants.latency.max(LAUNCH);
        let computed = (useful_flops as f64 / rate).max(scalar_flops as f64 / (scalar(rate / clocks) * clocks));
        let floor = computed.max(moved_bytes as f64 / device.bandwidth);
        Profile {
            kernel: plan.name.clone(),
            rows,
            blocks,
            counted_blocks: self.blocks.min(blocks),
            counts,
            useful_flops,
            scalar_flops,
            moved_bytes,
            dram_bytes,
            registers,
            mix,
            resident,
            waves: blocks as f64 / (units * resident as f64),
            seconds,
            limit,
            roofline: floor / seconds,
        }
    }
}
