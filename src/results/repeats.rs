//! Rows that repeat one another: runs that differ in their seed.

use std::collections::BTreeMap;

use super::Row;

/// What rows agree in that repeat one another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    shape: Option<[u64; 3]>,
    /// Bits of the examples and the other numbers, which are positive: equal where the numbers are.
    numbers: Vec<u64>,
    group: Vec<String>,
    cluster: Option<String>,
    hold_out: bool,
}

/// Rows that are averaged as they come: as many are held as there are distinct points.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    places: BTreeMap<Point, usize>,
    /// The point that was looked up last; its memory is used again.
    point: Point,
}

impl Repeats {
    /// Adds a row to the one that it repeats, or puts it at the end. A row's metrics are the weighted sums of its repeats
    /// until [`average`].
    pub(super) fn add(&mut self, rows: &mut Vec<Row>, row: Row) {
        let Point { shape, numbers, group, cluster, hold_out } = &mut self.point;
        *shape = row.shape.map(|shape| [shape.width, shape.depth, shape.mlp_dim]);
        numbers.clear();
        numbers.extend(row.examples.iter().chain(&row.numbers).map(|number| number.to_bits()));
        group.clone_from(&row.group);
        cluster.clone_from(&row.cluster);
        *hold_out = row.hold_out;
        if let Some(first) = self.places.get(&self.point).and_then(|&place| rows.get_mut(place)) {
            first.weight += row.weight;
            for (sum, value) in first.metrics.iter_mut().zip(&row.metrics) {
                *sum += row.weight * value;
            }
        } else {
            self.places.insert(self.point.clone(), rows.len());
            let metrics = row.metrics.iter().map(|value| row.weight * value).collect();
            rows.push(Row { metrics, ..row });
        }
    }
}

/// Makes the weighted sums of repeated rows their means.
pub(super) fn average(rows: &mut [Row]) {
    for row in rows {
        for metric in &mut row.metrics {
            *metric /= row.weight;
        }
    }
}
