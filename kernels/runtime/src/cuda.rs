//! Loading and launching, over the CUDA driver. Nothing here panics where there is no driver or no GPU.
//!
//! ```no_run
//! # fn run(kernel: sovit_kernels::Kernel, cubin: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! use sovit_kernels::cuda::Gpu;
//! use sovit_kernels::cuda::cudarc::driver::PushKernelArg;
//!
//! let gpu = Gpu::open(0)?;
//! let stream = gpu.context().default_stream();
//! let (rows, width) = (256_u32, 1152);
//! let elements = rows as usize * width;
//! let (x, residual) = (stream.alloc_zeros::<u16>(elements)?, stream.alloc_zeros::<u16>(elements)?);
//! let (gamma, beta) = (stream.clone_htod(&vec![1.0_f32; width])?, stream.alloc_zeros::<f32>(width)?);
//! let (mut sum, mut normalised) = (stream.alloc_zeros::<u16>(elements)?, stream.alloc_zeros::<u16>(elements)?);
//! // SAFETY: the CUBIN was compiled from this kernel's source.
//! let layernorm = unsafe { gpu.load(&kernel, cubin)? };
//! // SAFETY: the arguments are those of the source, and each buffer holds all rows.
//! unsafe {
//!     layernorm.launch(&stream, rows, |launch| {
//!         launch.arg(&x).arg(&residual).arg(&gamma).arg(&beta).arg(&mut sum).arg(&mut normalised).arg(&rows);
//!     })?;
//! }
//! # Ok(())
//! # }
//! ```
#![allow(unsafe_code)]

use std::fmt;
use std::sync::Arc;

/// The bindings, for streams, buffers and arguments of the same version.
pub use cudarc;
use cudarc::driver::sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
use cudarc::driver::{CudaContext, CudaFunction, CudaStream, DriverError, LaunchArgs, LaunchConfig};
use cudarc::nvrtc::Ptx;

use crate::{ByRows, Kernel};

/// One GPU's primary context, the one that other libraries of the process use too.
#[derive(Clone, Debug)]
pub struct Gpu {
    context: Arc<CudaContext>,
}

/// A kernel on a GPU, ready to launch.
#[derive(Clone, Debug)]
pub struct Loaded {
    function: CudaFunction,
    kernel: Kernel,
}

/// The kernels of one launch on a GPU, of which the number of rows chooses.
#[derive(Clone, Debug)]
pub struct LoadedByRows {
    up_to: Vec<(u32, Loaded)>,
    beyond: Loaded,
}

/// Why a GPU did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The driver's library is not on this machine.
    NoDriver,
    /// The bytes are not a CUBIN.
    NotACubin,
    /// The rows are not a multiple of [`Kernel::rows_multiple`].
    PartOfAnImage {
        /// The rows asked for.
        rows: u32,
        /// What they must be a multiple of.
        multiple: u32,
    },
    /// The driver refused.
    Driver {
        /// What was asked of it.
        doing: &'static str,
        /// Its answer.
        error: DriverError,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver => f.write_str("the CUDA driver (libcuda) is not installed"),
            Self::PartOfAnImage { rows, multiple } => write!(f, "{rows} rows are not a multiple of {multiple}"),
            Self::NotACubin => f.write_str("these bytes are not a CUBIN"),
            Self::Driver { doing, error } => write!(f, "{doing} failed: {error}"),
        }
    }
}

impl std::error::Error for Error {}

fn while_doing(doing: &'static str) -> impl FnOnce(DriverError) -> Error {
    move |error| Error::Driver { doing, error }
}

/// Dynamic shared memory that a kernel gets without asking, in bytes.
const FREE_SHARED_BYTES: u32 = 48 << 10;

impl Gpu {
    /// Opens the GPU of that number, from 0.
    pub fn open(ordinal: usize) -> Result<Self, Error> {
        // SAFETY: tries the names of the driver's library and calls nothing in it. cudarc panics where it is absent,
        // so this comes first; every other call here needs a `Gpu`.
        if !unsafe { cudarc::driver::sys::is_culib_present() } {
            return Err(Error::NoDriver);
        }
        let context = CudaContext::new(ordinal).map_err(while_doing("opening the GPU"))?;
        Ok(Self { context })
    }

    /// The context, for streams and buffers.
    pub fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Loads a compiled kernel.
    ///
    /// # Safety
    ///
    /// `cubin` is whole and was compiled from `kernel.source`. The driver reads it by the sizes that it states.
    pub unsafe fn load(&self, kernel: &Kernel, cubin: &[u8]) -> Result<Loaded, Error> {
        if !cubin.starts_with(b"\x7fELF") || kernel.entry.contains('\0') {
            return Err(Error::NotACubin);
        }
        let image = Ptx::from_binary(cubin.to_vec());
        let module = self.context.load_module(image).map_err(while_doing("loading the CUBIN"))?;
        let function = module.load_function(kernel.entry).map_err(while_doing("finding the entry point"))?;
        if kernel.shared_bytes > FREE_SHARED_BYTES {
            let bytes = i32::try_from(kernel.shared_bytes).unwrap_or(i32::MAX);
            function
                .set_attribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes)
                .map_err(while_doing("reserving shared memory"))?;
        }
        Ok(Loaded { function, kernel: *kernel })
    }

    /// Loads the compiled kernels of one launch; `cubin` finds each by its entry point, such as in the index beside it.
    ///
    /// # Safety
    ///
    /// As [`Gpu::load`], for each kernel.
    pub unsafe fn load_by_rows<'a>(
        &self,
        kernels: &ByRows,
        cubin: impl Fn(&Kernel) -> &'a [u8],
    ) -> Result<LoadedByRows, Error> {
        // SAFETY: the caller answers for the CUBINs.
        let load = |kernel: &Kernel| unsafe { self.load(kernel, cubin(kernel)) };
        let up_to = kernels.up_to.iter().map(|&(rows, kernel)| Ok((rows, load(kernel)?)));
        Ok(LoadedByRows { up_to: up_to.collect::<Result<_, Error>>()?, beyond: load(kernels.beyond)? })
    }
}

impl LoadedByRows {
    /// The kernel for so many rows.
    pub fn of(&self, rows: u32) -> &Loaded {
        self.up_to.iter().find(|&&(most, _)| rows <= most).map_or(&self.beyond, |(_, loaded)| loaded)
    }
}

impl Loaded {
    /// Queues the kernel over `rows` rows; `arguments` pushes all its arguments, in order. No rows, no launch.
    ///
    /// # Safety
    ///
    /// The arguments have the number, types and sizes that the head of the source states, for that many rows.
    pub unsafe fn launch<'a>(
        &'a self,
        stream: &'a CudaStream,
        rows: u32,
        arguments: impl FnOnce(&mut LaunchArgs<'a>),
    ) -> Result<(), Error> {
        if rows == 0 {
            return Ok(());
        }
        if !rows.is_multiple_of(self.kernel.rows_multiple) {
            return Err(Error::PartOfAnImage { rows, multiple: self.kernel.rows_multiple });
        }
        let mut launch = stream.launch_builder(&self.function);
        arguments(&mut launch);
        let config = LaunchConfig {
            grid_dim: (self.kernel.blocks(rows), 1, 1),
            block_dim: (self.kernel.threads, 1, 1),
            shared_mem_bytes: self.kernel.shared_bytes,
        };
        // SAFETY: the caller answers for the arguments; grid, block and shared memory are the kernel's own.
        unsafe { launch.launch(config) }.map_err(while_doing("launching the kernel"))?;
        Ok(())
    }
}
