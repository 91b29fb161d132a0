//! What a machine without a GPU can show of the feature `cuda`.
#![cfg(feature = "cuda")]

use std::io::Write as _;

use sovit_kernels::cuda::{Error, Gpu};

#[test]
fn an_absent_driver_is_an_error() {
    if let Err(error) = Gpu::open(0)
        && error == Error::NoDriver
    {
        return assert!(error.to_string().contains("libcuda"));
    }
    let _ = writeln!(std::io::stdout(), "SKIPPED cuda::an_absent_driver_is_an_error: the driver is present");
    assert!(matches!(Gpu::open(100_000), Err(Error::Driver { doing: "opening the GPU", .. })));
}
