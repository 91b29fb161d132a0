//! Rows of numbers to the samples of their groups.

use std::collections::BTreeMap;

use super::Sample;
use crate::results::Row;

/// The rows of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupSample {
    /// Values of the grouping columns.
    pub group: Vec<String>,
    /// Rows to fit.
    pub fitted: Sample,
    /// Rows to predict.
    pub held: Sample,
    /// Runs by number, in order of first appearance.
    runs: BTreeMap<String, u32>,
}

/// One sample for each group of rows, in order of first appearance; `values` are a form's variables of a row in their
/// order, and a row without them is left out.
pub fn samples(rows: &[Row], values: impl Fn(&Row) -> Option<Vec<f64>>) -> Vec<GroupSample> {
    let mut groups: Vec<GroupSample> = Vec::new();
    let mut places: BTreeMap<&[String], usize> = BTreeMap::new();
    for row in rows {
        let Some(values) = values(row) else { continue };
        let place = *places.entry(&row.group).or_insert(groups.len());
        if place == groups.len() {
            groups.push(GroupSample { group: row.group.clone(), ..GroupSample::default() });
        }
        if let Some(group) = groups.get_mut(place) {
            group.push(row, &values);
        }
    }
    groups
}

impl GroupSample {
    fn push(&mut self, row: &Row, values: &[f64]) {
        let cluster = row.cluster.as_ref().map(|run| {
            let next = self.runs.len() as u32;
            *self.runs.entry(run.clone()).or_insert(next)
        });
        let sample = if row.hold_out { &mut self.held } else { &mut self.fitted };
        sample.columns.resize(values.len(), Vec::new());
        for (column, value) in sample.columns.iter_mut().zip(values) {
            column.push(*value);
        }
        // Kept only where rows count differently.
        if sample.weights.is_empty() && row.weight != 1.0 {
            sample.weights.resize(sample.rows() - 1, 1.0);
            sample.weights.push(row.weight);
        } else if !sample.weights.is_empty() {
            sample.weights.push(row.weight);
        }
        sample.clusters.extend(cluster);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stand_in_order_of_appearance() {
        let row = |group: &str, cluster: &str, values: [f64; 2], hold_out| Row {
            file: "a.csv".into(),
            line: 2,
            shape: None,
            examples: None,
            forward_flops: None,
            metrics: Vec::new(),
            numbers: values.to_vec(),
            group: vec![group.to_owned()],
            cluster: Some(cluster.to_owned()),
            weight: values[0].max(3.0) / 3.0,
            hold_out,
        };
        let rows = [
            row("b", "x", [1.0, 2.0], false),
            row("a", "x", [3.0, 4.0], false),
            row("b", "y", [5.0, 6.0], false),
            row("b", "x", [7.0, 8.0], true),
        ];
        let groups = samples(&rows, |row| Some(row.numbers.clone()));
        assert_eq!(groups.iter().map(|group| group.group[0].as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(groups[0].fitted.columns, [[1.0, 5.0], [2.0, 6.0]]);
        assert_eq!(groups[0].fitted.clusters, [0, 1]);
        assert_eq!((groups[0].fitted.weights.as_slice(), groups[1].fitted.weights.len()), (&[1.0, 5.0 / 3.0][..], 0));
        assert_eq!((groups[0].held.columns.len(), groups[0].held.rows(), groups[1].held.rows()), (2, 1, 0));
    }
}
