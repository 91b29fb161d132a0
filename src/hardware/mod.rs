//! Devices as data.
//!
//! Ground: any stage may stand on it, and it knows no stage.

/// An accelerator that a plan may name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Device {
    /// The name in plans.
    pub name: &'static str,
    /// Peak rates by number format, dense, in FLOP/s of one device.
    pub rates: &'static [(&'static str, f64)],
    /// Where the rates are published.
    pub source: &'static str,
}

/// Every device a plan may name.
pub const DEVICES: &[Device] = &[
    Device {
        name: "a100",
        rates: &[("bf16", 312e12)],
        source: "NVIDIA A100 Tensor Core GPU data sheet, 80 GB SXM, without sparsity",
    },
    Device {
        name: "h100",
        rates: &[("bf16", 989.4e12)],
        source: "NVIDIA H100 Tensor Core GPU architecture white paper, SXM5, without sparsity",
    },
    Device {
        name: "h200",
        rates: &[("bf16", 989.4e12)],
        source: "NVIDIA H200 Tensor Core GPU data sheet, SXM: the compute of the H100 SXM5, without sparsity",
    },
];

/// The device of that name.
pub fn device(name: &str) -> Option<&'static Device> {
    DEVICES.iter().find(|device| device.name == name)
}

impl Device {
    /// The peak dense rate in a number format such as `bf16`, in FLOP/s.
    pub fn rate(&self, format: &str) -> Option<f64> {
        self.rates.iter().find(|(name, _)| *name == format).map(|&(_, rate)| rate)
    }
}
