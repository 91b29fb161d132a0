//! Devices as data, and how long a vision transformer takes on one.
//!
//! Ground: any stage may stand on it, and it knows no stage.

mod calibration;
mod notes;
mod operation;
mod time;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

pub use calibration::{Beside, Calibration, Calibrations, MeasuredPass, Pass};
pub use notes::notes;
pub use operation::{Operation, Part, block, bytes_moved, forward, step, training};
pub use time::{AttentionLibrary, Launch, Prediction, TimedPart, Timer};

/// An accelerator that a plan may name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The name in plans.
    pub name: String,
    /// The name in words.
    pub title: String,
    /// The architecture that CUDA kernels are compiled for, such as `sm_90a`; none where it runs no CUDA, or it is not known.
    #[serde(default)]
    pub arch: Option<String>,
    /// Peak rates by number format, dense, in FLOP/s of one device.
    pub rates: BTreeMap<String, f64>,
    /// Device memory, in bytes.
    pub memory: f64,
    /// Of the device memory, in bytes/s.
    pub bandwidth: f64,
    /// Multiprocessors, compute units or matrix units among which tiles are shared out.
    pub units: u64,
    /// Shared memory of one unit, in bytes.
    pub shared: u64,
    /// The cache that all units share, in bytes, all of its parts together; 0 where there is none or it is not known.
    #[serde(default)]
    pub l2: u64,
    /// Clock, in Hz.
    pub clock: f64,
    /// Exponentials that one unit starts in a clock; 0 where they are not the limit.
    pub exponentials: u64,
    /// Bytes to which rows of matrices must be aligned for the full rate.
    pub alignment: u64,
    /// Power, in W; 0 where it is not published.
    pub power: f64,
    /// Where the figures are published.
    pub source: String,
    /// Constants of the time model, where anybody measured.
    pub measured: Option<Constants>,
    /// What its users measured, which corrects the time model.
    #[serde(skip_deserializing)]
    pub own: Calibrations,
}

/// Constants of the time model on one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// Share of the peak that the main loop of a large matrix product sustains.
    pub product: f64,
    /// Seconds that a wave of tiles spends outside of its main loop.
    pub wave: f64,
    /// Seconds from one kernel's end to the next one's work.
    pub latency: f64,
    /// Share of the bandwidth that reading and writing the matrices of a product reaches.
    pub product_bandwidth: f64,
    /// The same for sums.
    pub bandwidth: f64,
    /// The same for norms.
    pub norm: f64,
    /// The same for activations.
    pub activation: f64,
    /// Seconds that a norm spends on a row beside its bytes.
    pub norm_row: f64,
    /// Share of the peak in FlashAttention 2.
    pub flash: f64,
    /// Share of the peak in cuDNN's attention and those like it.
    pub cudnn: f64,
    /// Seconds in which the host queues one kernel, without a graph.
    pub host: f64,
    /// The measured rows.
    pub rows: String,
}

impl Constants {
    /// Where nobody measured: about those of an H200.
    const fn uncalibrated() -> Self {
        Self {
            product: 0.75,
            wave: 2e-6,
            latency: 1.5e-6,
            product_bandwidth: 0.6,
            bandwidth: 0.8,
            norm: 0.6,
            norm_row: 1e-9,
            activation: 0.65,
            flash: 0.45,
            cudnn: 0.65,
            host: 1.2e-5,
            rows: String::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "device")]
    devices: Vec<Device>,
}

static DEVICES: LazyLock<Vec<Arc<Device>>> = LazyLock::new(|| {
    // A test holds the embedded file whole.
    let file: Result<File, _> = toml::from_str(include_str!("../../grammar/devices.toml"));
    file.map_or_else(|_| Vec::new(), |file| file.devices.into_iter().map(Arc::new).collect())
});

/// Every device that needs no definition, in the order of `grammar/devices.toml`.
pub fn devices() -> &'static [Arc<Device>] {
    &DEVICES
}

/// The device of that name which needs no definition.
pub fn device(name: &str) -> Option<&'static Arc<Device>> {
    devices().iter().find(|device| device.name == name)
}

impl Device {
    /// The peak dense rate in a number format such as `bf16`, in FLOP/s.
    pub fn rate(&self, format: &str) -> Option<f64> {
        self.rates.get(format).copied()
    }

    /// Constants of the time model: measured, or such as a device of its kind may have.
    pub fn constants(&self) -> Constants {
        self.measured.clone().unwrap_or_else(Constants::uncalibrated)
    }

    /// What times of a pass are calibrated on: its users' passes, or the rows behind its constants; none where nobody
    /// measured.
    pub fn calibrated(&self, pass: Pass) -> Option<String> {
        let rows = || self.measured.as_ref().map(|measured| measured.rows.clone());
        self.own.get(pass).map(Calibration::says).or_else(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_is_whole() {
        let file: File = toml::from_str(include_str!("../../grammar/devices.toml")).unwrap();
        assert_eq!(file.devices.len(), devices().len());
        assert!(devices().len() >= 14);
        for (i, device) in devices().iter().enumerate() {
            assert!(devices()[..i].iter().all(|other| other.name != device.name), "{}", device.name);
            assert!(device.rate("bf16").is_some_and(|rate| rate > 1e14), "{}", device.name);
            // Bytes a second and FLOPs a second stand in the relation that every accelerator of the decade has.
            let balance = device.rate("bf16").unwrap() / device.bandwidth;
            assert!((100.0..600.0).contains(&balance), "{}: {balance}", device.name);
            assert!(device.units > 0 && device.memory > 1e9 && device.clock > 1e9 && !device.source.is_empty());
            if let Some(fp8) = device.rate("fp8") {
                assert!((fp8 / device.rate("bf16").unwrap() - 2.0).abs() < 0.05, "{}", device.name);
            }
        }
    }
}
