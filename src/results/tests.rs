use proptest::prelude::*;

use super::{Row, Table, read};
use crate::diagnostic::{Diagnostic, Fault};
use crate::plan::{Column, Comparison, Expression, Model, Operator, Plan, Results, RowExpression, RowNumber, Seeds};
use crate::source::{MemoryWorld, SourceId, Span, Spanned};
use crate::vit::{Architecture, PerAxis, Shape};

fn span(start: u32) -> Span {
    Span::new(SourceId(0), start, start + 5)
}

fn at<T>(start: u32, value: T) -> Spanned<T> {
    Spanned::new(value, span(start))
}

fn number(value: f64) -> RowExpression {
    Expression::Number(value)
}

fn variable(index: usize) -> RowExpression {
    Expression::Variable(Column(index))
}

/// `1 - column acc`
fn accuracy() -> RowExpression {
    Expression::Arithmetic(Operator::Subtract, Box::new(number(1.0)), Box::new(variable(4)))
}

/// The columns `width`, `depth`, `mlp`, `seen` and `acc`, one of each field.
fn sweep(metric: &str, value: RowExpression) -> Results {
    let column = |i: usize| at(10 * (i as u32 + 1), variable(i));
    Results {
        name: at(0, "star".to_owned()),
        path: at(1, "star.csv".to_owned()),
        trainer: None,
        model: Some(0),
        columns: ["width", "depth", "mlp", "seen", "acc"].map(|name| at(2, name.to_owned())).into(),
        shape: Some(PerAxis { width: column(0), depth: column(1), mlp: column(2) }),
        examples: Some(column(3)),
        numbers: Vec::new(),
        weight: None,
        metrics: vec![RowNumber { name: at(90, metric.to_owned()), value: at(91, value) }],
        keep: None,
        hold_out: None,
        group: Vec::new(),
        cluster: None,
        seeds: Seeds::Keep,
    }
}

fn read_file(results: Results, bytes: impl Into<Vec<u8>>) -> (Option<Table>, Vec<Diagnostic>) {
    let path = results.path.value.clone();
    let architecture = Architecture::default();
    let plan = Plan {
        name: "p".to_owned(),
        devices: Vec::new(),
        models: vec![Model { name: at(5, "encoder".to_owned()), architecture, heads_span: span(6) }],
        results: vec![results],
        laws: Vec::new(),
        starts: Vec::new(),
        budgets: Vec::new(),
        recipes: Vec::new(),
        searches: Vec::new(),
        emits: Vec::new(),
    };
    let (mut tables, found) = read(&plan, &MemoryWorld::default().with(path, bytes));
    (tables.pop().flatten(), found)
}

fn rows(results: Results, text: &str) -> Vec<Row> {
    let (table, found) = read_file(results, text);
    assert_eq!(found, []);
    table.unwrap().rows
}

/// One finding with this code and message, and no table.
fn check(text: &str, code: &str, message: &str) -> Diagnostic {
    check_with(sweep("error", accuracy()), text, code, message)
}

fn check_with(results: Results, bytes: impl Into<Vec<u8>>, code: &str, message: &str) -> Diagnostic {
    let (table, found) = read_file(results, bytes);
    assert_eq!(table, None);
    let [found] = <[Diagnostic; 1]>::try_from(found).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!((found.code.name, found.message.as_str()), (code, message));
    assert!(!found.labels.is_empty() && !found.help.is_empty(), "{found:#?}");
    found
}

const HEADER: &str = "width,depth,mlp,seen,acc\n";

fn with(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

#[test]
fn a_row_is_canonical() {
    let rows = rows(sweep("error", accuracy()), &with("1152, 27,4304,2e9,0.841\n\n1152,27,4304,4e9,0.85\n"));
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].shape, Some(Shape { width: 1152, depth: 27, mlp_dim: 4304 }));
    assert_eq!(rows[0].forward_flops, Some(220_353_896_448.0 * 2e9));
    assert!((rows[0].metrics[0] - 0.159).abs() < 1e-12);
    assert_eq!((rows[0].line, rows[1].line), (2, 4));
}

#[test]
fn tabs_bom_and_windows_lines_are_read() {
    let mut results = sweep("error", accuracy());
    results.path.value = "Star.TSV".to_owned();
    let text = with("1152,27,4304,2e9,0.841\n").replace(',', "\t").replace('\n', "\r\n");
    assert_eq!(rows(results, &format!("\u{feff}{text}"))[0].line, 2);
}

#[test]
fn other_columns_and_their_order_do_not_matter() {
    let text = "note,acc,seen,mlp,depth,width\n\"a, b\",0.8,1e9,64,2,32\n";
    assert_eq!(rows(sweep("error", accuracy()), text)[0].shape, Some(Shape { width: 32, depth: 2, mlp_dim: 64 }));
}

#[test]
fn filters_hold_outs_and_groups() {
    let mut results = sweep("loss", variable(4));
    results.shape = None;
    results.columns.push(at(3, "task".to_owned()));
    results.keep = Some(at(
        70,
        Expression::Compare(Comparison::Equal, Box::new(variable(5)), Box::new(Expression::Text("inet".to_owned()))),
    ));
    results.hold_out =
        Some(at(80, Expression::Compare(Comparison::Greater, Box::new(variable(3)), Box::new(number(10.0)))));
    results.group = vec![Column(0)];
    let text = "width,depth,mlp,seen,acc,task\nB,x,y,1,2.5,inet\nB,x,y,oops,oops,other\nS,x,y,11,2.4,inet\n";
    let (table, found) = read_file(results.clone(), text);
    assert_eq!(found, []);
    let table = table.unwrap();
    assert_eq!((table.group, table.metrics), (vec!["width".to_owned()], vec!["loss".to_owned()]));
    let read: Vec<_> = table.rows.iter().map(|r| (r.line, r.group[0].as_str(), r.hold_out, r.metrics[0])).collect();
    assert_eq!(read, [(2, "B", false, 2.5), (4, "S", true, 2.4)]);

    let found = check_with(
        results,
        "width,depth,mlp,seen,acc,task\nB,x,y,1,2.5,none\n",
        "no-rows-kept",
        "no row of `star.csv` passes the filter of `star`",
    );
    assert_eq!(found.labels[0].span, span(70));
}

#[test]
fn a_missing_file_is_the_worlds_fault() {
    let mut results = sweep("error", accuracy());
    results.path.value = "gone.csv".to_owned();
    let plan = Plan {
        name: "p".to_owned(),
        devices: Vec::new(),
        models: Vec::new(),
        results: vec![results],
        laws: Vec::new(),
        starts: Vec::new(),
        budgets: Vec::new(),
        recipes: Vec::new(),
        searches: Vec::new(),
        emits: Vec::new(),
    };
    let (tables, found) = read(&plan, &MemoryWorld::default());
    assert_eq!(tables, [None]);
    assert_eq!(found[0].message, "cannot read the table `gone.csv`: no such file");
    assert_eq!((found[0].fault, found[0].span()), (Fault::World, Some(span(1))));
}

#[test]
fn tables_that_are_no_tables() {
    check("", "empty-table", "the table `star.csv` is empty: it has no header");
    check(HEADER, "empty-table", "the table `star.csv` is empty: it has a header and no row");
    let bytes = [with("1152,27,4304,2e9,").as_bytes(), &[0xff, 0xfe]].concat();
    let message = "`star.csv` is not UTF-8: line 2 holds bytes that are no text";
    check_with(sweep("error", accuracy()), bytes, "table-not-utf8", message);
    let text = with("1152,27,4304,2e9,0.8\n1152,27,4304,2e9\n");
    let found = check(&text, "ragged-row", "line 3 of `star.csv` has 4 cells and the header has 5");
    assert_eq!(found.place.and_then(|place| place.line), Some(3));
}

#[test]
fn an_unknown_column_has_a_near_name() {
    let text = "width,depht,mlp,seen,acc\n1152,27,4304,2e9,0.8\n";
    let found = check(text, "unknown-column", "`star.csv` has no column `depth`");
    assert_eq!(
        (found.help[0].message.as_str(), found.help[0].edits[0].text.as_str()),
        ("did you mean `depht`?", "depht")
    );
    let text = "width,depth (n),mlp,seen,acc\n1152,27,4304,2e9,0.8\n";
    let found = check(text, "unknown-column", "`star.csv` has no column `depth`");
    assert_eq!(found.help[0].edits, []);
    let text = "width,depth,mlp,seen,acc,acc\n1152,27,4304,2e9,0.8,0.8\n";
    check(text, "ambiguous-column", "`star.csv` has more than one column `acc`");
}

#[test]
fn cells_that_are_no_numbers() {
    let found = check(
        &with("1152,27,4304,x9,0.8\n"),
        "bad-cell",
        "column `seen` holds `x9`, which is no number in line 2 of `star.csv`",
    );
    let place = found.place.unwrap();
    assert_eq!((place.line, place.column.as_deref(), found.labels[0].span), (Some(2), Some("seen"), span(40)));
    check(&with("1152,27,,1e9,0.8\n"), "bad-cell", "column `mlp` is empty in line 2 of `star.csv`");
}

#[test]
fn values_outside_their_range() {
    let check = |row, message| {
        check(&with(row), "value-out-of-range", message);
    };
    check("1152.5,27,4304,1e9,0.8\n", "`width` is 1152.5 in line 2 of `star.csv`, and must be a whole number from 1");
    check("1152,0,4304,1e9,0.8\n", "`depth` is 0 in line 2 of `star.csv`, and must be a whole number from 1");
    check("1152,27,4304,-1,0.8\n", "`examples` is -1 in line 2 of `star.csv`, and must be positive and finite");
    check("1152,27,4304,inf,0.8\n", "`examples` is inf in line 2 of `star.csv`, and must be positive and finite");
    check("1152,27,nan,1e9,0.8\n", "`mlp` is NaN in line 2 of `star.csv`, and must be a whole number from 1");
}

#[test]
fn accuracy_in_percent_is_recognised() {
    let text = with("1152,27,4304,1e9,84.1\n1152,27,4304,2e9,85\n1152,27,4304,3e9,86\n");
    let found = check(
        &text,
        "error-not-a-fraction",
        "`error` is -83.100000 in line 2 of `star.csv`: column `acc` holds percent (84.1), not a fraction of 1",
    );
    let edit = &found.help[0].edits[0];
    assert_eq!((edit.span, edit.text.as_str()), (span(91), "1 - column acc / 100"));
    assert_eq!(found.notes, ["and 2 more rows like this"]);

    let found = check_with(
        sweep("error", variable(4)),
        with("1152,27,4304,1e9,0.9\n1152,27,4304,2e9,15.9\n"),
        "error-not-a-fraction",
        "`error` is 15.900000 in line 3 of `star.csv`: column `acc` holds percent (15.9), not a fraction of 1",
    );
    assert_eq!(found.help[0].edits[0].text, "column acc / 100");
}

#[test]
fn other_errors_outside_their_range_are_not_called_percent() {
    let message = "`error` is -0.25 in line 2 of `star.csv`, and must be above 0 and at most 1";
    let found = check(&with("1152,27,4304,1e9,1.25\n"), "error-not-a-fraction", message);
    assert_eq!(found.help[0].edits, []);
    check(
        &with("1152,27,4304,1e9,1\n"),
        "error-not-a-fraction",
        "`error` is 0 in line 2 of `star.csv`, and must be above 0 and at most 1",
    );
}

#[test]
fn one_stray_cell_makes_no_column_of_percentages() {
    let rows = "1152,27,4304,1e9,0.8\n1152,27,4304,2e9,0.81\n1152,27,4304,3e9,82\n";
    let message = "`error` is -81 in line 4 of `star.csv`, and must be above 0 and at most 1";
    assert_eq!(check(&with(rows), "error-not-a-fraction", message).help[0].edits, []);
}

#[test]
fn quotes_that_never_close_are_named() {
    let found = check(
        &with("\"1152,27,4304,1e9,0.8\n1152,27,4304,2e9,0.8\n"),
        "ragged-row",
        "line 2 of `star.csv` has 1 cell and the header has 5",
    );
    assert!(found.help[0].message.starts_with("close the quotes"), "{found:?}");
}

#[test]
fn other_separators_are_named_once() {
    let text = with("1152,27,4304,1e9,0.8\n");
    for (mark, name) in [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")] {
        let message = format!("the cells of `star.csv` are separated by {name}");
        check(&text.replace(',', mark), "other-separator", &message);
    }
}

#[test]
fn no_number_fills_the_line() {
    let message = "`width` is 1e308 in line 2 of `star.csv`, and must be a whole number from 1";
    check(&with("1e308,27,4304,1e9,0.8\n"), "value-out-of-range", message);
}

#[test]
fn heads_must_divide_the_width_of_every_row() {
    let found = check(
        &with("1150,27,4304,1e9,0.8\n"),
        "unbuildable-row",
        "the 16 heads of `encoder` do not divide the width 1150 in line 2 of `star.csv`",
    );
    assert_eq!(found.labels[0].span, span(6));
    assert_eq!(found.place.and_then(|place| place.column).as_deref(), Some("width"));
}

#[test]
fn a_bad_table_does_not_flood() {
    let (table, found) = read_file(sweep("error", accuracy()), with(&"1152,27,4304,x,0.8\n".repeat(1000)));
    assert_eq!((table, found.len()), (None, 10));
    assert_eq!(found[9].notes, ["and 990 more findings like this in `star.csv`"]);
}

#[test]
fn every_mistake_of_a_row_is_told() {
    let (_, found) = read_file(sweep("error", accuracy()), with("1.5,x,4304,-1,84\n"));
    assert_eq!(
        found.iter().map(|d| d.code.name).collect::<Vec<_>>(),
        ["value-out-of-range", "bad-cell", "value-out-of-range", "error-not-a-fraction"]
    );
}

/// The table of `sweep` in the files of a world, under another path.
fn read_world(
    path: &str,
    files: &[(&str, &str)],
    change: impl FnOnce(&mut Results),
) -> (Option<Table>, Vec<Diagnostic>) {
    let mut results = sweep("error", accuracy());
    path.clone_into(&mut results.path.value);
    change(&mut results);
    let architecture = Architecture::default();
    let plan = Plan {
        models: vec![Model { name: at(5, "encoder".to_owned()), architecture, heads_span: span(6) }],
        results: vec![results],
        ..Plan::empty("p")
    };
    let world = files.iter().fold(MemoryWorld::default(), |world, (path, text)| world.with(*path, *text));
    let (mut tables, found) = read(&plan, &world);
    (tables.pop().flatten(), found)
}

const JSON: &str = r#"[{"width": 1152, "depth": 27, "mlp": 4304, "seen": 3e9, "acc": 0.8, "note": {"by": "me"}}]"#;

#[test]
fn a_folder_and_a_pattern_are_one_table() {
    let files = [
        ("runs/b.json", JSON),
        ("runs/a.csv", "width,depth,mlp,seen,acc\n1152,27,4304,1e9,0.7\n"),
        ("runs/c.csv", "acc,seen,mlp,depth,width\n0.9,2e9,4304,27,1152\n"),
        ("runs/README.md", "Runs."),
    ];
    for path in ["runs", "runs/", "runs/?.*", "**/*.*s*"] {
        let (table, found) = read_world(path, &files, |_| {});
        assert_eq!(found, [], "{path}");
        let table = table.unwrap();
        let rows: Vec<_> = table.rows.iter().map(|row| (&*row.file, row.line, row.examples)).collect();
        assert_eq!(rows, [("runs/a.csv", 2, Some(1e9)), ("runs/b.json", 1, Some(3e9)), ("runs/c.csv", 2, Some(2e9))]);
        assert_eq!(table.path, path);
    }
    let (table, found) = read_world("runs/*", &files, |_| {});
    assert_eq!((table, found.len(), found[0].code.name), (None, 1, "unknown-format"));
    assert_eq!(found[0].message, "`runs/README.md` has no name of a table");
}

#[test]
fn a_finding_names_its_file() {
    let bad = "width,depth,mlp,seen,acc\n1152,27,4304,1e9,84\n";
    let good = "width,depth,mlp,seen,acc\n1152,27,4304,1e9,0.8\n";
    let (_, found) = read_world("*.csv", &[("a.csv", good), ("b.csv", bad), ("c.csv", good)], |_| {});
    assert!(found[0].message.starts_with("`error` is -83 in line 2 of `b.csv`"), "{}", found[0].message);
    assert_eq!(found[0].place.as_ref().unwrap().path, "b.csv");
    let (_, found) = read_world("*.csv", &[("a.csv", good), ("b.csv", "width\n1\n")], |_| {});
    assert_eq!((found.len(), &*found[0].message), (4, "`b.csv` has no column `depth`"));
}

#[test]
fn where_there_is_no_file_it_is_said() {
    for (path, message) in [
        ("*.csv", "no file fits `*.csv`"),
        ("notes", "the folder `notes` has no table"),
        ("gone", "cannot read the table `gone`: no such file"),
    ] {
        let (table, found) = read_world(path, &[("notes/README.md", "x")], |_| {});
        assert_eq!((table, &*found[0].message, found[0].fault), (None, message, Fault::World));
    }
}

#[test]
fn a_column_of_json_may_come_late_but_must_come() {
    let late = r#"{"width": 1152, "depth": 27, "mlp": 4304, "seen": 3e9, "acc": 0.8}
{"tag": "x", "acc": 0.8, "seen": 4e9, "mlp": 4304, "depth": 27, "width": 1152}"#;
    let by_tag = |results: &mut Results| {
        results.columns.push(at(3, "tag".to_owned()));
        results.group = vec![Column(5)];
    };
    let (table, found) = read_world("a.jsonl", &[("a.jsonl", late)], by_tag);
    assert_eq!(found, []);
    assert_eq!(table.unwrap().rows.iter().map(|row| row.group[0].clone()).collect::<Vec<_>>(), ["", "x"]);
    let (_, found) = read_world("a.json", &[("a.json", JSON)], by_tag);
    assert_eq!(found.iter().map(|d| &*d.message).collect::<Vec<_>>(), ["`a.json` has no column `tag`"]);
    let lacking = "{\"width\": 1152, \"depht\": 27, \"mlp\": 4304, \"seen\": 3e9, \"acc\": 0.8}\n".repeat(20);
    let (_, found) = read_world("a.jsonl", &[("a.jsonl", &lacking)], |_| {});
    assert_eq!(found.iter().map(|d| &*d.message).collect::<Vec<_>>(), ["`a.jsonl` has no column `depth`"]);
    let (_, found) = read_world("a.json", &[("a.json", "[]")], by_tag);
    assert_eq!(found[0].message, "the table `a.json` is empty: it has no row");
}

#[test]
fn seeds_are_averaged_where_all_else_agrees() {
    let text = "width,depth,mlp,seen,acc,run
32,2,64,1e9,0.5,a
32,2,64,2e9,0.7,a
32,2,64,1e9,0.7,b
32,2,64,1e9,0.6,a
48,2,64,1e9,0.9,a
";
    let rows = |seeds, cluster| {
        let (table, found) = read_world("a.csv", &[("a.csv", text)], |results| {
            results.columns.push(at(3, "run".to_owned()));
            (results.seeds, results.cluster) = (seeds, cluster);
        });
        assert_eq!(found, []);
        table.unwrap().rows
    };
    let short = |rows: &[Row]| {
        let short = |row: &Row| (row.line, row.weight, (row.metrics[0] * 1e9).round() / 1e9);
        rows.iter().map(short).collect::<Vec<_>>()
    };
    assert_eq!(short(&rows(Seeds::Average, None)), [(2, 3.0, 0.4), (3, 1.0, 0.3), (6, 1.0, 0.1)]);
    let by_run = rows(Seeds::Average, Some(Column(5)));
    assert_eq!(short(&by_run), [(2, 2.0, 0.45), (3, 1.0, 0.3), (4, 1.0, 0.3), (6, 1.0, 0.1)]);
    assert_eq!(by_run[2].cluster.as_deref(), Some("b"));
    assert_eq!(rows(Seeds::Keep, None).len(), 5);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[0-9.,\n\r\"x-]{0,80}") {
        read_file(sweep("error", accuracy()), bytes);
        read_file(sweep("error", accuracy()), with(&text));
    }
}
