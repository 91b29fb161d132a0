//! Rows that repeat one another: runs that differ in their seed.

use std::collections::BTreeMap;

use super::Row;

/// What rows agree in that repeat one another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    shape: Option<[u64; 3]>,
    /// Bits of the examples, which are positive: equal where the numbers are.
    examples: u64,
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
    /// Adds a row to the one that it repeats, or puts it at the end. A row's metrics are the sums of its repeats until
    /// [`average`].
    pub(super) fn add(&mut self, rows: &mut Vec<Row>, row: Row) {
        let Point { shape, examples, group, cluster, hold_out } = &mut self.point;
        *shape = row.shape.map(|shape| [shape.width, shape.depth, shape.mlp_dim]);
        *examples = row.examples.to_bits();
        group.clone_from(&row.group);
        cluster.clone_from(&row.cluster);
        *hold_out = row.hold_out;
        if let Some(first) = self.places.get(&self.point).and_then(|&place| rows.get_mut(place)) {
            first.seeds += row.seeds;
            for (sum, value) in first.metrics.iter_mut().zip(&row.metrics) {
                *sum += value;
            }
        } else {
            self.places.insert(self.point.clone(), rows.len());
            rows.push(row);
        }
    }
}

/// Makes the sums of repeated rows their arithmetic means.
pub(super) fn average(rows: &mut [Row]) {
    for row in rows {
        for metric in &mut row.metrics {
            *metric /= row.seeds as f64;
        }
    }
}
