use super::*;
use crate::plan::{Expression, Model, Results, Seeds};
use crate::results::Row;
use crate::source::{Span, Spanned};
use crate::vit::Architecture;

/// The grid of the paper.
const WIDTHS: &[u64] = &[416, 512, 608, 768];
const DEPTHS: &[u64] = &[6, 8, 10, 12];
const MLPS: &[u64] = &[768, 928, 1088, 1360];
const BEST: Shape = Shape { width: 608, depth: 10, mlp_dim: 928 };

/// Forward FLOPs of a shape after so many examples.
fn compute(shape: Shape, examples: f64) -> f64 {
    Architecture::default().with(shape).unwrap().cost().forward_flops_per_example as f64 * examples
}

/// A bowl in log size around a frontier that reaches `best` at `t0` and grows as the paper's recipe does.
fn planted(shape: Shape, t: f64, best: PerAxis<f64>, t0: f64) -> f64 {
    let exponents = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 };
    let bowls = exponents.iter().map(|(axis, s)| {
        let frontier = best.get(axis) * (t / t0).powf(s / 3.0);
        0.4 * (shape.get(axis) as f64 / frontier).ln().powi(2)
    });
    0.3 + 0.02 * (t / t0).powf(-0.65) + bowls.sum::<f64>()
}

/// The full grid at some numbers of millions of examples.
fn grid([widths, depths, mlps]: [&[u64]; 3], millions: &[f64], loss: impl Fn(Shape, f64) -> f64) -> Vec<Row> {
    let mut rows = Vec::new();
    for &width in widths {
        for &depth in depths {
            for &mlp_dim in mlps {
                for &examples in millions {
                    let shape = Shape { width, depth, mlp_dim };
                    let t = compute(shape, examples * 1e6);
                    rows.push(row(shape, examples * 1e6, t, loss(shape, t)));
                }
            }
        }
    }
    rows
}

fn row(shape: Shape, examples: f64, t: f64, loss: f64) -> Row {
    let (shape, forward_flops) = (Some(shape), Some(t));
    Row {
        file: "grid.csv".into(),
        line: 2,
        shape,
        examples: Some(examples),
        forward_flops,
        metrics: vec![loss],
        group: Vec::new(),
        cluster: None,
        numbers: Vec::new(),
        weight: 1.0,
        hold_out: false,
    }
}

/// The grid of the paper under a law that has its best shape there after 600 million examples.
fn paper(millions: &[f64]) -> Vec<Row> {
    let t0 = compute(BEST, 600e6);
    grid([WIDTHS, DEPTHS, MLPS], millions, |shape, t| planted(shape, t, BEST.reals(), t0))
}

fn find(rows: Vec<Row>, compute: Option<f64>) -> (Option<NamedStart>, Vec<Diagnostic>) {
    let mut plan = Plan::empty("test");
    let data = LawData { table: 0, metric: 0, span: Span::default() };
    let name = Spanned::new("small".to_owned(), Span::default());
    plan.models.push(Model {
        name: Spanned::new("encoder".to_owned(), Span::default()),
        architecture: Architecture::default(),
        heads_span: Span::default(),
    });
    plan.results.push(Results {
        name: Spanned::new("grid".to_owned(), Span::default()),
        path: Spanned::new("grid.csv".to_owned(), Span::default()),
        trainer: None,
        model: Some(0),
        columns: Vec::new(),
        shape: None,
        examples: Some(Spanned::new(Expression::Number(1.0), Span::default())),
        numbers: Vec::new(),
        weight: None,
        metrics: Vec::new(),
        keep: None,
        hold_out: None,
        group: Vec::new(),
        cluster: None,
        seeds: Seeds::Keep,
    });
    plan.starts.push(Start { name, kind: StartKind::BestOf { data, compute } });
    let metrics = vec!["error".to_owned()];
    let table = Table { name: "grid".into(), path: "grid.csv".into(), metrics, group: Vec::new(), rows };
    let (mut starts, found) = starts(&plan, &[Some(table)]);
    (starts.pop().flatten(), found)
}

fn names(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|found| found.code.name).collect()
}

fn optimum(rows: Vec<Row>) -> (Shape, f64) {
    let (start, found) = find(rows, None);
    let optimum = start.unwrap_or_else(|| panic!("{found:#?}")).optimum;
    (optimum.shape, optimum.forward_flops)
}

#[test]
fn the_grid_of_the_paper_gives_its_planted_optimum() {
    // With one duration the shape is best from its own compute on.
    assert_eq!(optimum(paper(&[600.0])), (BEST, compute(BEST, 600e6)));
}

#[test]
fn several_durations_tell_where_the_optimum_begins() {
    let (start, found) = find(paper(&[75.0, 150.0, 300.0, 600.0, 1200.0, 2400.0]), None);
    let start = start.unwrap_or_else(|| panic!("{found:#?}"));
    let (low, high) = start.grid.as_ref().unwrap().range;
    assert_eq!((start.optimum.shape, start.optimum.forward_flops), (BEST, low));
    let planted = compute(BEST, 600e6);
    assert!(low < planted && planted < high && high > 1.1 * low, "{low:e} {planted:e} {high:e}");
}

#[test]
fn the_order_of_rows_does_not_matter() {
    for millions in [&[600.0][..], &[150.0, 600.0, 2400.0]] {
        let mut rows = paper(millions);
        let forth = find(rows.clone(), None);
        rows.reverse();
        assert_eq!(find(rows.clone(), None), forth);
        rows.rotate_left(29);
        rows.swap(3, 17);
        assert_eq!(find(rows, None), forth);
    }
}

#[test]
fn units_of_loss_and_compute_do_not_matter() {
    for millions in [&[600.0][..], &[150.0, 600.0, 2400.0]] {
        let rows = paper(millions);
        let (shape, t) = optimum(rows.clone());
        for factor in [1e-3, 0.7, 3.0, 1e6] {
            let mut scaled = rows.clone();
            for row in &mut scaled {
                row.metrics[0] *= factor;
            }
            let (same, t_same) = optimum(scaled);
            assert!(same == shape && (t_same / t - 1.0).abs() < 1e-9, "{factor}");
            let mut scaled = rows.clone();
            for row in &mut scaled {
                row.forward_flops = row.forward_flops.map(|t| t * factor);
            }
            let (same, t_scaled) = optimum(scaled);
            assert!(same == shape && (t_scaled / t / factor - 1.0).abs() < 1e-9, "{factor}");
        }
    }
}

#[test]
fn an_optimum_at_an_edge_is_named_with_its_side() {
    let middle = PerAxis { width: 560.0, depth: 9.0, mlp: 1008.0 };
    let t0 = compute(Shape { width: 560, depth: 9, mlp_dim: 1008 }, 600e6);
    for (axis, low, high) in [
        (Axis::Width, "below 416, for example 336", "above 768, for example 976"),
        (Axis::Depth, "below 6, for example 5", "above 12, for example 14"),
        (Axis::Mlp, "below 768, for example 640", "above 1360, for example 1696"),
    ] {
        for (factor, help) in [(1.0 / 2.2, low), (2.2, high)] {
            let mut best = middle;
            *best.get_mut(axis) *= factor;
            let rows = grid([WIDTHS, DEPTHS, MLPS], &[600.0], |shape, t| planted(shape, t, best, t0));
            let (start, found) = find(rows, None);
            assert_eq!((start, names(&found)), (None, vec!["not-interior"]), "{axis:?} {factor}");
            let help = format!("extend the grid to {} {help}", axis.name());
            assert_eq!(found[0].help.iter().map(|help| &help.message).collect::<Vec<_>>(), [&help], "{found:#?}");
        }
    }
}

#[test]
fn missing_combinations_are_named() {
    let mut rows = paper(&[600.0]);
    rows.retain(|row| row.shape != Some(BEST));
    let (start, found) = find(rows, None);
    assert_eq!((start, names(&found)), (None, vec!["not-a-grid"]));
    assert!(found[0].message.contains("1 of 64"), "{}", found[0].message);
    assert!(found[0].notes[0].contains("(608, 10, 928)"), "{:?}", found[0].notes);
}

#[test]
fn two_sizes_have_no_inside() {
    let rows = grid([&[416, 512], DEPTHS, MLPS], &[600.0], |shape, t| planted(shape, t, BEST.reals(), 1e19));
    assert_eq!(names(&find(rows, None).1), ["too-few-points"]);
    assert_eq!(names(&find(Vec::new(), None).1), ["too-few-points"]);
}

#[test]
fn a_runner_up_within_the_noise_of_repeats_is_a_doubt() {
    let repeated = |noise: f64| {
        let mut rows = paper(&[75.0, 150.0, 300.0, 600.0, 1200.0, 2400.0]);
        let mut again = rows.clone();
        for row in &mut rows {
            row.metrics[0] *= 1.0 + noise;
        }
        for row in &mut again {
            row.metrics[0] /= 1.0 + noise;
        }
        rows.extend(again);
        find(rows, None)
    };
    let doubtful = |found: &[Diagnostic]| found.iter().any(|found| found.message.contains("within the noise"));
    let (start, found) = repeated(0.01);
    let noise = start.unwrap().grid.unwrap().noise.unwrap();
    assert!((noise / (0.01 * f64::sqrt(2.0)) - 1.0).abs() < 0.01, "{noise}");
    assert!(doubtful(&found), "{found:#?}");
    assert!(!doubtful(&repeated(1e-7).1));
}

#[test]
fn a_stated_compute_is_taken_and_held_to_the_grid() {
    let rows = paper(&[600.0]);
    let own = compute(BEST, 600e6);
    let (start, found) = find(rows.clone(), Some(own));
    assert_eq!(start.unwrap().optimum.forward_flops, own);
    assert!(!names(&found).contains(&"start-elsewhere"));
    let (start, found) = find(rows, Some(own / 4.0));
    assert_eq!(start.unwrap().optimum.forward_flops, own / 4.0);
    assert!(names(&found).contains(&"start-elsewhere"));
}

#[test]
fn held_out_rows_do_not_count() {
    let mut rows = paper(&[600.0]);
    let mut lure = row(Shape { width: 512, ..BEST }, 1.0, 1e10, 1e-3);
    lure.hold_out = true;
    rows.push(lure);
    assert_eq!(optimum(rows).0, BEST);
}
