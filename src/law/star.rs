//! Is a table a star sweep, and what is its centre.

use std::sync::Arc;

use crate::results::Row;
use crate::vit::{Axis, PerAxis, Shape};

/// A star: every row differs from the centre on at most one axis.
#[derive(Clone, Debug)]
pub(super) struct Star<'a> {
    /// The centre. It need not have a row of its own.
    pub(super) centre: Shape,
    /// For each axis the rows that differ there.
    pub(super) arms: PerAxis<Vec<&'a Row>>,
}

/// Why a table is no star.
#[derive(Clone, Debug)]
pub(super) struct NotStar {
    /// The centre: declared, or the one that most rows agree on.
    pub(super) centre: Shape,
    /// The file of the first row that differs from it on two axes or three, and its line there.
    pub(super) file: Arc<str>,
    pub(super) line: u64,
    /// Its shape.
    pub(super) shape: Shape,
    /// How many rows do.
    pub(super) rows: usize,
}

/// Takes a table of shapes apart into the arms of a star; rows at the centre are in no arm. `None` without shapes.
///
/// The centre is `declared`, or inferred: two arms of three hold an axis at the centre's value, and each of its other values is one shape of the third arm.
/// So the centre's value is the one that most distinct shapes share.
pub(super) fn star<'a>(rows: &[&'a Row], declared: Option<Shape>) -> Option<Result<Star<'a>, NotStar>> {
    let shaped: Vec<(&'a Row, Shape)> = rows.iter().filter_map(|row| Some((*row, row.shape?))).collect();
    let mut shapes: Vec<Shape> = shaped.iter().map(|&(_, shape)| shape).collect();
    shapes.sort_unstable();
    shapes.dedup();
    let mut centre = *shapes.first()?;
    for axis in Axis::ALL {
        let inferred = || most_frequent(shapes.iter().map(|shape| shape.get(axis)).collect());
        centre = centre.with(axis, declared.map_or_else(inferred, |shape| shape.get(axis)));
    }

    let differing = |shape: Shape| Axis::ALL.into_iter().filter(move |&axis| shape.get(axis) != centre.get(axis));
    let mut breaking = shaped.iter().filter(|&&(_, shape)| differing(shape).count() > 1);
    if let Some(&(row, shape)) = breaking.next() {
        return Some(Err(NotStar {
            centre,
            file: Arc::clone(&row.file),
            line: row.line,
            shape,
            rows: 1 + breaking.count(),
        }));
    }
    let mut arms = PerAxis::<Vec<&Row>>::default();
    for &(row, shape) in &shaped {
        if let Some(axis) = differing(shape).next() {
            arms.get_mut(axis).push(row);
        }
    }
    Some(Ok(Star { centre, arms }))
}

/// Of equally frequent values the largest.
fn most_frequent(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let runs = values.chunk_by(|a, b| a == b);
    runs.max_by_key(|run| run.len()).and_then(|run| run.first()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(shapes: &[[u64; 3]]) -> Vec<Row> {
        let row = |(i, &[width, depth, mlp_dim]): (usize, &[u64; 3])| Row {
            file: "a.csv".into(),
            line: i as u64 + 2,
            shape: Some(Shape { width, depth, mlp_dim }),
            examples: Some(1e8),
            numbers: Vec::new(),
            forward_flops: Some(1e19),
            metrics: vec![0.5],
            group: Vec::new(),
            cluster: None,
            weight: 1.0,
            hold_out: false,
        };
        shapes.iter().enumerate().map(row).collect()
    }

    fn check(shapes: &[[u64; 3]], expected: Result<[usize; 3], u64>) {
        let rows = rows(shapes);
        let found = star(&rows.iter().collect::<Vec<_>>(), None).unwrap();
        let found = found.map(|star| star.arms.map(Vec::len)).map_err(|wrong| wrong.line);
        assert_eq!(found, expected.map(|[width, depth, mlp]| PerAxis { width, depth, mlp }));
    }

    const STAR: [[u64; 3]; 6] = [[1, 9, 9], [2, 9, 9], [9, 1, 9], [9, 2, 9], [9, 9, 1], [9, 9, 2]];

    #[test]
    fn the_centre_is_found_without_its_row() {
        check(&STAR, Ok([2, 2, 2]));
        check(&[&STAR[..], &[[9, 9, 9]]].concat(), Ok([2, 2, 2]));
        check(&[&STAR[..], &[[1, 9, 9], [3, 9, 9], [4, 9, 9]]].concat(), Ok([5, 2, 2]));
    }

    #[test]
    fn the_breaking_row_is_named() {
        check(&[&[[1, 2, 9]], &STAR[..]].concat(), Err(2));
        check(&[&STAR[..], &[[1, 2, 3]]].concat(), Err(8));
    }

    #[test]
    fn a_declared_centre_is_required() {
        let rows = rows(&STAR);
        let rows: Vec<&Row> = rows.iter().collect();
        let declared = |width| star(&rows, Some(Shape { width, depth: 9, mlp_dim: 9 })).unwrap();
        assert_eq!(declared(9).unwrap().arms.map(Vec::len), PerAxis { width: 2, depth: 2, mlp: 2 });
        // The width arm stands; the first row of another one varies two dimensions of it.
        let wrong = declared(8).unwrap_err();
        assert_eq!((wrong.line, wrong.rows, wrong.centre.width), (4, 4, 8));
    }

    #[test]
    fn a_grid_is_no_star() {
        let grid: Vec<[u64; 3]> = (0..8).map(|i| [1 + (i & 1), 1 + (i >> 1 & 1), 1 + (i >> 2)]).collect();
        check(&grid, Err(2));
    }
}
