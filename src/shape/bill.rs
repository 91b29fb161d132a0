//! What a training takes of devices and of money.

use serde::{Deserialize, Serialize};

use crate::hardware::{AttentionLibrary, Launch, Pass, Timer, step};
use crate::plan::{Cluster, Counting, Search};
use crate::units::{ComputeKind, Dimension, Measure, Quantile, Quantity};
use crate::vit::Vit;

/// What a budget takes of devices and of money.
///
/// Where the plan says which share of the peak training makes use of, it is compute over rate; otherwise the time model
/// predicts the step of a device's batch, without what devices say to each other.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bill {
    /// The device.
    pub device: String,
    /// The number format that training computes in.
    pub number_format: String,
    /// The device's peak in it, in FLOP/s.
    pub peak: f64,
    /// The share of the peak that the training's FLOPs make use of.
    pub mfu: Amount,
    /// Who says so.
    pub mfu_from: MfuOrigin,
    /// Of a predicted share, the measured rows that the time model was calibrated on; absent where nobody measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated: Option<String>,
    /// Hours of one device.
    pub device_hours: Amount,
    /// How many train together, where the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// Days that so many train.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Amount>,
    /// What a device's time costs, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Quoted>,
    /// What all of it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars: Option<Amount>,
}

/// A number, and the interval that holds it with 90 % where it is uncertain; the number is its median then.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// The number.
    pub value: f64,
    /// Where its interval begins and ends; absent of an exact one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// Who says which share of the peak training makes use of.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MfuOrigin {
    /// The plan.
    Stated,
    /// The time model.
    Predicted,
}

/// What a device's time costs, and who says so.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quoted {
    /// Dollars for an hour of one device.
    pub dollars_per_device_hour: Amount,
    /// Who asks them.
    pub source: String,
    /// The day when they were asked, as `YYYY-MM-DD`, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// What wasted compute takes of devices and of money.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waste {
    /// Hours of one device.
    pub device_hours: Amount,
    /// What they cost, where a price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars: Option<Amount>,
}

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

impl Amount {
    fn of(quantity: &Quantity, unit: f64) -> Self {
        let at = |quantile| quantity.at(quantile) / unit;
        let interval = (!quantity.is_exact()).then(|| [Quantile::LOW, Quantile::HIGH].map(at));
        Self { value: at(Quantile::MEDIAN), interval }
    }
}

impl Bill {
    /// The bill of a training with so many forward FLOPs, inference left out; none where the search does not say where it is trained, and
    /// for amounts that no number holds.
    pub(super) fn of(search: &Search, vit: &Vit, forward_flops: f64) -> Option<Self> {
        let cluster = search.cluster.as_ref()?;
        let time = time(search, cluster, vit, forward_flops)?;
        let peak = Quantity::exact(cluster.peak, Measure::of_kind(Dimension::DEVICE_RATE, ComputeKind::Training));
        let mfu = match &cluster.mfu {
            Some(mfu) => mfu.clone(),
            None => training(forward_flops).divide(&time.multiply(&peak).ok()?).ok()?,
        };
        let predicted = cluster.mfu.is_none();
        Some(Self {
            device: cluster.device.name.clone(),
            number_format: cluster.number_format.to_owned(),
            peak: cluster.peak,
            mfu: Amount::of(&mfu, 1.0),
            mfu_from: if predicted { MfuOrigin::Predicted } else { MfuOrigin::Stated },
            calibrated: predicted.then(|| cluster.device.calibrated(Pass::Training)).flatten(),
            device_hours: Amount::of(&time, HOUR),
            devices: cluster.devices,
            days: cluster.devices.map(|devices| Amount::of(&time, DAY * devices as f64)),
            price: cluster.price.as_ref().map(|price| Quoted {
                dollars_per_device_hour: Amount::of(&price.rate, 1.0 / HOUR),
                source: price.source.clone(),
                date: price.date.clone(),
            }),
            dollars: dollars(cluster, &time),
        })
    }
}

impl Waste {
    /// What a share of a budget takes that is trained with this shape.
    pub(super) fn of(search: &Search, vit: &Vit, forward_flops: f64, share: f64) -> Option<Self> {
        let cluster = search.cluster.as_ref()?;
        let time = time(search, cluster, vit, forward_flops)?;
        let wasted = time.scaled(share, time.measure);
        Some(Self { device_hours: Amount::of(&wasted, HOUR), dollars: dollars(cluster, &wasted) })
    }
}

fn training(forward_flops: f64) -> Quantity {
    let measure = Measure::of_kind(Dimension::FLOP, ComputeKind::Training);
    Quantity::exact(Counting::TRAINING_FACTOR * forward_flops, measure)
}

/// Time of devices, in gpu s.
fn time(search: &Search, cluster: &Cluster, vit: &Vit, forward_flops: f64) -> Option<Quantity> {
    if let Some(mfu) = &cluster.mfu {
        let rate = Quantity::exact(cluster.peak, Measure::of_kind(Dimension::DEVICE_RATE, ComputeKind::Training));
        return training(forward_flops).divide(&rate.multiply(mfu).ok()?).ok();
    }
    let of_batch = search.training?;
    let timer =
        Timer::new(&cluster.device, cluster.number_format, AttentionLibrary::default(), Launch::Graph, Pass::Training)?;
    let examples = forward_flops / vit.cost().forward_flops_per_example as f64;
    let seconds = examples / of_batch.batch as f64 * timer.predict(&step(vit, &of_batch)).seconds;
    seconds.is_finite().then(|| Quantity::exact(seconds, Measure::new(Dimension::DEVICE_TIME)))
}

fn dollars(cluster: &Cluster, time: &Quantity) -> Option<Amount> {
    let cost = time.multiply(&cluster.price.as_ref()?.rate).ok()?;
    Some(Amount::of(&cost, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hardware::devices;
    use crate::plan::{Plan, Price};
    use crate::source::{SourceId, Sources};
    use crate::units::Spread;
    use crate::vit::{Step, named};

    /// A search that trains on a cluster.
    fn search(cluster: Cluster, batch: u64) -> Search {
        let text = "model m { image = 224 px, patch = 14 px, heads = 16 }
            law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
            start t { shape = vit_s16, compute = 0.7 EFLOP as forward }
            budget b = 8 ZFLOP as forward
            search s { width in 64..2048, depth in 6..60, mlp in 512..16384 }";
        let mut sources = Sources::default();
        let id: SourceId = sources.add("plan.sov", text);
        let (ast, _) = crate::syntax::parse(&sources, id);
        let (Plan { mut searches, .. }, _) = crate::plan::check(&ast, &sources, &crate::plan::Files::default(), "plan");
        Search { training: Some(Step { batch, ..Step::DEFAULT }), cluster: Some(cluster), ..searches.remove(0) }
    }

    fn cluster(device: usize, mfu: Option<Quantity>, devices: Option<u64>) -> Cluster {
        let device = crate::hardware::devices()[device].clone();
        let peak = device.rate("bf16").unwrap();
        let rate = Quantity::exact(2.5 / HOUR, Measure::new(Dimension::DEVICE_PRICE));
        let price = Some(Price { rate, source: "a list".to_owned(), date: None });
        Cluster { device, number_format: "bf16", peak, mfu, devices, price }
    }

    fn near(value: f64, want: f64) -> Result<(), TestCaseError> {
        prop_assert!((value / want - 1.0).abs() < 1e-9, "{} is not {}", value, want);
        Ok(())
    }

    proptest! {
        /// Stated or predicted, time times the rate that is made use of is the compute; money is time times its price;
        /// and both grow with the budget in proportion.
        #[test]
        fn time_is_compute_over_rate(
            device in 0..devices().len(), mfu in 0.01..1.0f64, stated in any::<bool>(), t in 1e18..1e24f64,
            batch in 1u64..65, count in 1u64..5000, share in 0.001..1.0f64,
        ) {
            let vit = named("sovit_400m14").unwrap().vit();
            let search = search(cluster(device, stated.then(|| Quantity::number(mfu)), Some(count)), batch);
            let bill = Bill::of(&search, &vit, t).unwrap();
            prop_assert!(!stated || bill.mfu.value == mfu);
            prop_assert!(bill.mfu.value > 0.0 && bill.mfu.value <= 1.0, "{}", bill.mfu.value);
            near(bill.device_hours.value * HOUR * bill.peak * bill.mfu.value, 3.0 * t)?;
            near(bill.days.unwrap().value * 24.0 * count as f64, bill.device_hours.value)?;
            near(bill.dollars.unwrap().value, 2.5 * bill.device_hours.value)?;
            near(Bill::of(&search, &vit, 2.0 * t).unwrap().device_hours.value, 2.0 * bill.device_hours.value)?;
            let waste = Waste::of(&search, &vit, t, share).unwrap();
            near(waste.device_hours.value, share * bill.device_hours.value)?;
            near(waste.dollars.unwrap().value, share * bill.dollars.unwrap().value)?;
            prop_assert_eq!(bill.mfu_from == MfuOrigin::Stated, stated);
        }
    }

    /// An uncertain share makes uncertain amounts: the more of the peak is used, the less time it takes.
    #[test]
    fn uncertain_shares_have_intervals() {
        let vit = named("sovit_400m14").unwrap().vit();
        let mfu = Quantity { spread: Some(Spread::normal(0.4, 0.02, 7)), ..Quantity::number(0.4) };
        let bill = Bill::of(&search(cluster(0, Some(mfu), None), 1), &vit, 1e21).unwrap();
        let hours = |mfu: f64| 3e21 / (bill.peak * mfu) / HOUR;
        let [low, high] = bill.device_hours.interval.unwrap();
        let [least, most] = bill.mfu.interval.unwrap();
        for (found, want) in [(low, hours(most)), (high, hours(least)), (bill.device_hours.value, hours(0.4))] {
            assert!((found / want - 1.0).abs() < 1e-3, "{found} {want}");
        }
        assert!(bill.dollars.unwrap().interval.is_some() && bill.days.is_none() && bill.calibrated.is_none());
    }
}
