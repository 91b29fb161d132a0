//! One's own measured passes, which correct the time model.
//!
//! The model tells how times of shapes stand to one another; measured passes tell how far off it is on this machine and
//! with this software: in the work of kernels, and in what every kernel takes however small it is.

use serde::Serialize;

use super::{AttentionLibrary, Device, Launch, Part, Timer, forward, step};
use crate::vit::{Step, Vit};

/// What a time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Forward alone.
    Inference,
    /// Forward, backward and the optimizer.
    Training,
}

impl Pass {
    /// Both with their names.
    pub const ALL: [(&'static str, Self); 2] = [("inference", Self::Inference), ("training", Self::Training)];
}

/// How long a pass took.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredPass {
    /// The encoder.
    pub vit: Vit,
    /// Which pass.
    pub pass: Pass,
    /// The batch, and how a step is trained; of inference its batch alone counts.
    pub step: Step,
    /// The number format that it computed in.
    pub number_format: &'static str,
    /// The library whose attention ran.
    pub attention: AttentionLibrary,
    /// How long it took.
    pub seconds: f64,
}

impl MeasuredPass {
    /// What it took beside what the model says; none where the device has no such rate.
    pub fn beside(&self, device: &Device) -> Option<Beside> {
        let timer = Timer::new(device, self.number_format, self.attention, Launch::Graph, self.pass)?;
        let (work, overhead) = timer.modelled(&self.parts());
        Some(Beside { seconds: self.seconds, work, overhead })
    }

    /// Seconds that its FLOPs take at the data sheet's peak; none where the device has no such rate.
    pub fn peak_seconds(&self, device: &Device) -> Option<f64> {
        let timer = Timer::new(device, self.number_format, self.attention, Launch::Graph, self.pass)?;
        Some(timer.peak_seconds(&self.parts()))
    }

    fn parts(&self) -> Vec<Part> {
        match self.pass {
            Pass::Inference => forward(&self.vit, self.step.batch),
            Pass::Training => step(&self.vit, &self.step),
        }
    }
}

/// The seconds of a pass, and the model's own before any correction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beside {
    /// As measured.
    pub seconds: f64,
    /// Of the work of its kernels.
    pub work: f64,
    /// Of what they take however small they are.
    pub overhead: f64,
}

impl Beside {
    /// How many times the model's seconds it took.
    pub fn ratio(&self) -> f64 {
        self.seconds / (self.work + self.overhead)
    }
}

/// What measured passes of one kind say of the model's seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// How many times the model's seconds the work of kernels takes.
    pub work: f64,
    /// How many times the model's seconds kernels take however small they are.
    pub overhead: f64,
    /// How many passes were measured.
    pub passes: usize,
    /// The largest ratio between one of them and its corrected time, whichever is longer, less 1.
    pub within: f64,
    /// The device they were measured on, in its plan.
    pub device: String,
    /// Who measured them, and how.
    pub source: String,
}

/// How strongly both corrections are held to be the same, in passes that miss by as much.
const ALIKE: f64 = 0.01;

impl Calibration {
    /// Both corrections by least squares of the relative errors, held together where the passes do not tell them
    /// apart; none of no passes, and of such as are no positive numbers.
    pub fn of(passes: &[Beside], device: &str, source: &str) -> Option<Self> {
        let [mut aa, mut ab, mut bb, mut a, mut b] = [ALIKE, -ALIKE, ALIKE, 0.0, 0.0];
        for pass in passes {
            let (work, overhead) = (pass.work / pass.seconds, pass.overhead / pass.seconds);
            aa += work * work;
            ab += work * overhead;
            bb += overhead * overhead;
            a += work;
            b += overhead;
        }
        let determinant = aa * bb - ab * ab;
        let (work, overhead) = ((a * bb - b * ab) / determinant, (b * aa - a * ab) / determinant);
        // Neither is negative, whatever noise says.
        let (work, overhead) = match (work > 0.0, overhead > 0.0) {
            (true, false) => (a / aa, 0.0),
            (false, true) => (0.0, b / bb),
            _ => (work, overhead),
        };
        let off = |pass: &Beside| (pass.seconds / (work * pass.work + overhead * pass.overhead)).ln().abs();
        let within = passes.iter().map(off).fold(0.0, f64::max).exp_m1();
        let is_found = !passes.is_empty() && (work + overhead).is_finite() && within.is_finite();
        let (device, source) = (device.to_owned(), source.to_owned());
        is_found.then_some(Self { work, overhead, passes: passes.len(), within, device, source })
    }

    /// What times rest on, for outputs.
    pub fn says(&self) -> String {
        let Self { passes, within, device, source, .. } = self;
        let (passes, met) = match passes {
            1 => ("1 measured pass".to_owned(), String::new()),
            passes => (format!("{passes} measured passes"), format!(", met within {:.1} %", within * 100.0)),
        };
        format!("{passes} of `{device}`{met}: {source}")
    }
}

/// What was measured of a device by its users.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibrations {
    /// Of inference.
    pub inference: Option<Calibration>,
    /// Of training.
    pub training: Option<Calibration>,
}

impl Calibrations {
    /// What was measured of a pass.
    pub const fn get(&self, pass: Pass) -> Option<&Calibration> {
        match pass {
            Pass::Inference => self.inference.as_ref(),
            Pass::Training => self.training.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(passes: &[Beside]) -> Calibration {
        Calibration::of(passes, "mine", "us").unwrap()
    }

    /// One pass cannot tell work from overhead.
    #[test]
    fn one_pass_corrects_all_alike() {
        let one = found(&[Beside { seconds: 3.0, work: 1.5, overhead: 0.5 }]);
        assert!((one.work - 1.5).abs() < 1e-12 && (one.overhead - 1.5).abs() < 1e-12 && one.within < 1e-12);
        assert_eq!(one.says(), "1 measured pass of `mine`: us");
        assert_eq!(Calibration::of(&[], "mine", "us"), None);
    }

    proptest! {
        /// Large and small passes tell both corrections apart, however far apart they are.
        #[test]
        fn passes_of_several_sizes_tell_work_from_overhead(
            work in 0.3..3.0f64, overhead in 0.3..5.0f64, noise in prop::collection::vec(-0.01..0.01f64, 6),
        ) {
            let passes: Vec<Beside> = (0..6).zip(noise).map(|(size, noise)| {
                let modelled = 1e-5 * 8f64.powi(size);
                let seconds = (work * modelled + overhead * 2e-4) * (1.0 + noise);
                Beside { seconds, work: modelled, overhead: 2e-4 }
            }).collect();
            let calibration = found(&passes);
            prop_assert!((calibration.work / work - 1.0).abs() < 0.15, "{calibration:?}");
            prop_assert!((calibration.overhead / overhead - 1.0).abs() < 0.15, "{calibration:?}");
            prop_assert!(calibration.within < 0.15);
        }

        /// Whatever was measured, times stay positive numbers.
        #[test]
        fn no_correction_is_negative(
            passes in prop::collection::vec((1e-6..1e3f64, 1e-6..1e3f64, 1e-6..1e3f64), 1..8),
        ) {
            let passes: Vec<Beside> =
                passes.into_iter().map(|(seconds, work, overhead)| Beside { seconds, work, overhead }).collect();
            let calibration = found(&passes);
            prop_assert!(calibration.work >= 0.0 && calibration.overhead >= 0.0, "{calibration:?}");
            prop_assert!(calibration.work + calibration.overhead > 0.0 && calibration.within.is_finite());
        }
    }
}
