use std::fmt::Write as _;
use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Record, open};
use crate::source::Span;

type Rows = Vec<Vec<String>>;

/// Gives few bytes at a time, so that every boundary falls somewhere.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(bytes.len());
        self.0.read(&mut bytes[..most])
    }
}

/// The header, the rows with empty cells where they lack some, and their lines.
fn read_by(path: &str, bytes: &[u8], step: usize) -> Result<(Vec<String>, Rows, Vec<u64>), String> {
    let place = |broken: super::Broken| {
        let found = broken.diagnostic(path, Span::default());
        assert!(!found.help.is_empty() && !found.labels.is_empty() && found.place.is_some(), "{found:?}");
        format!("{}: {}", found.code.name, found.message)
    };
    let mut records = open(path, Box::new(Drops(bytes, step))).map_err(place)?;
    let (mut rows, mut lines, mut record) = (Vec::new(), Vec::new(), Record::default());
    while records.next(&mut record).map_err(place)? {
        rows.push((0..record.len()).map(|column| record.cell(column).to_owned()).collect::<Vec<_>>());
        lines.push(record.line);
    }
    let header = records.header().to_vec();
    if records.is_open() {
        for row in &mut rows {
            row.resize(header.len(), String::new());
        }
    }
    Ok((header, rows, lines))
}

fn read(path: &str, bytes: impl AsRef<[u8]>) -> Result<(Vec<String>, Rows, Vec<u64>), String> {
    read_by(path, bytes.as_ref(), usize::MAX)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn table(header: &[String], rows: &Rows, delimiter: char) -> String {
    let mut text = String::new();
    for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        let cells: Vec<_> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let bare = |cell: &String| !cell.is_empty() && !cell.contains(['"', ',', '\t', '\n', '\r']);
        let cells = if row.iter().all(bare) { row.to_vec() } else { cells };
        let _ = writeln!(text, "{}", cells.join(&delimiter.to_string()));
    }
    text
}

fn objects(header: &[String], rows: &Rows) -> Vec<String> {
    let object = |row: &Vec<String>| {
        let pairs: serde_json::Map<String, serde_json::Value> =
            header.iter().cloned().zip(row.iter().map(|cell| cell.clone().into())).collect();
        serde_json::Value::Object(pairs).to_string()
    };
    rows.iter().map(object).collect()
}

#[test]
fn lines_are_counted_through_blanks_and_quotes() {
    let text = "a,b\r\n\r\n1,2\n\n\"x\ny\",\"\"\"q\"\"\"\n3,4";
    let (header, rows, lines) = read("a.csv", text).unwrap();
    assert_eq!((header.as_slice(), lines.as_slice()), (&["a".to_owned(), "b".to_owned()][..], &[3, 5, 7][..]));
    assert_eq!(rows, [["1", "2"], ["x\ny", "\"q\""], ["3", "4"]]);
    assert_eq!(read("a.csv", "a\rb\rc").unwrap().1, [["b"], ["c"]]);
}

#[test]
fn objects_are_flattened_and_may_lack_columns() {
    let text = r#"{"a": 1, "b": {"c": 2.0, "d": {"e": "x"}}}

{"b": {"c": null}, "new": true, "a": -3, "list": [1, {"a": 2}]}
"#;
    let (header, rows, lines) = read("a.jsonl", text).unwrap();
    assert_eq!(header, ["a", "b.c", "b.d.e", "new", "list"]);
    assert_eq!(rows, [["1", "2.0", "x", "", ""], ["-3", "", "", "true", "[...]"]]);
    assert_eq!(lines, [1, 3]);
    let array = "[\n {\"a\": \"}\\\"\"},\n {\"a\": 2}\n]\n";
    assert_eq!(read("a.json", array).unwrap().1, [["}\""], ["2"]]);
    assert_eq!(read("a.json", " [ ] ").unwrap().1.len(), 0);
    assert_eq!(read("a.json", "{\"a\":1}{\"a\":2}").unwrap().1.len(), 2);
}

#[test]
fn broken_files_say_where() {
    let check = |path: &str, bytes: &[u8], expected: &str| assert_eq!(read(path, bytes).unwrap_err(), expected);
    let many = "a,b\n".to_owned() + &"1,2\n".repeat(50_000);
    let packed = gzip(many.as_bytes());
    let damaged = "broken-file: `a.csv.gz` cannot be read to its end: its packed bytes are damaged or break off";
    check("a.csv.gz", &packed[..packed.len() / 2], damaged);
    check("a.csv.gz", b"a,b\n1,2\n", "broken-file: `a.csv.gz` is not packed by gzip, and its name ends in `.gz`");
    check("a.csv.zst", &packed, "broken-file: `a.csv.zst` is not packed by zstd, and its name ends in `.zst`");
    let packed = zstd(many.as_bytes());
    let damaged = "broken-file: `a.csv` cannot be read to its end: its packed bytes are damaged or break off";
    check("a.csv", &packed[..packed.len() - 5], damaged);
    check("a.xlsx", b"", "unknown-format: `a.xlsx` has no name of a table");

    check("a.csv", b"a,b\n1,2\n1,\xff", "table-not-utf8: `a.csv` is not UTF-8: line 3 holds bytes that are no text");
    check("a.csv", b"a\n\"x\ny\xc3\"\n", "table-not-utf8: `a.csv` is not UTF-8: line 3 holds bytes that are no text");
    check(
        "a.json",
        b"[{\"a\":\n\"\xff\"}]",
        "table-not-utf8: `a.json` is not UTF-8: line 2 holds bytes that are no text",
    );
    let long = "a\n1\n".to_owned() + &"1".repeat(5 << 20);
    check("a.csv", long.as_bytes(), "row-too-long: `a.csv` has a row of more than 1 MiB that begins in line 3");
    let open = "a\n\"1\n".to_owned() + &"1\n".repeat(5 << 20);
    check("a.csv", open.as_bytes(), "row-too-long: `a.csv` has a row of more than 1 MiB that begins in line 2");

    let json = |text: &str, why: &str| {
        check("a.json", text.as_bytes(), &format!("bad-json: `a.json` is no JSON table: {why}"));
    };
    json("[{\"a\": 1},\n{\"a\": NaN}]", "`NaN` is no number of JSON in line 2");
    json("[{\"a\": -Infinity}]", "`Infinity` is no number of JSON in line 1");
    json("[{\"a\": nan}]", "expected ident in line 1");
    json("[{\"a\": 1}\n", "the array does not end in line 2");
    json("[{\"a\": 1} {\"a\": 1}]", "a comma or `]` must stand between its rows in line 1");
    json("[1]", "a row must be an object, `{...}` in line 1");
    json("[{\"a\": 1}]\n7", "something stands behind the array in line 2");
    json("[{\"a\": {\"b\": 1}, \"a.b\": 2}]", "`a.b` is there twice in line 1");
    json("[{\"a\": 1", "EOF while parsing an object in line 1");
    let lines = "{\"a\": 1}\n{\"a\": 1\n{\"a\": 2}\n";
    let expected = "bad-json: `a.jsonl` is no JSON table: EOF while parsing an object in line 2";
    check("a.jsonl", lines.as_bytes(), expected);
}

#[test]
fn packed_parts_are_one_file() {
    let parts = ["a,b\n", "1,2\n3,", "4\n"];
    let rows = vec![vec!["1".to_owned(), "2".to_owned()], vec!["3".to_owned(), "4".to_owned()]];
    let joined = |pack: fn(&[u8]) -> Vec<u8>| parts.iter().flat_map(|part| pack(part.as_bytes())).collect::<Vec<_>>();
    assert_eq!(read("a.csv.gz", joined(gzip)).unwrap().1, rows);
    assert_eq!(read("a.csv.zst", joined(zstd)).unwrap().1, rows);
    // A frame without data, as parallel packers write.
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &joined(zstd)].concat();
    assert_eq!(read("a.csv.zst", [zstd(b"a,b\n"), skipped].concat()).unwrap().1.len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_holds_the_same_table(
        rows in prop::collection::vec(prop::collection::vec("[a-z0-9.,\"\t\n é😀-]{0,6}", 3), 0..12),
        step in 1_usize..9,
    ) {
        let header = ["a", "b c", "é"].map(str::to_owned);
        let json = objects(&header, &rows);
        let csv = table(&header, &rows, ',');
        let files = [
            ("a.csv", csv.clone().into_bytes()),
            ("a.csv", format!("\u{feff}{csv}").into_bytes()),
            ("a.tsv", table(&header, &rows, '\t').into_bytes()),
            ("a.csv.gz", gzip(csv.as_bytes())),
            ("a.csv.zst", zstd(csv.as_bytes())),
            ("a.csv", zstd(csv.as_bytes())),
        ];
        for (path, bytes) in files {
            let (found, cells, _) = read_by(path, &bytes, step).unwrap();
            prop_assert_eq!(&found[..], &header[..]);
            prop_assert_eq!(&cells, &rows);
        }
        for (path, bytes) in [
            ("a.jsonl", json.join("\n").into_bytes()),
            ("a.json", format!("[{}]", json.join(",\n")).into_bytes()),
            ("a.ndjson.gz", gzip(json.join("\r\n").as_bytes())),
        ] {
            let (_, cells, _) = read_by(path, &bytes, step).unwrap();
            prop_assert_eq!(&cells, &rows);
        }
    }

    #[test]
    fn rows_are_those_of_the_csv_crate(text in "[a\",\n\r\t ]{0,24}", step in 1_usize..5) {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let header: Vec<String> = reader.headers().unwrap().iter().map(|name| name.trim().to_owned()).collect();
        let rows: Rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        let (found, cells, _) = read_by("a.csv", text.as_bytes(), step).unwrap();
        prop_assert_eq!(found, header);
        prop_assert_eq!(cells, rows);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]{}a:,\"\\\\1 \n]{0,40}") {
        for path in ["a.csv", "a.jsonl", "a.json", "a.csv.gz"] {
            let _ = read(path, &bytes);
            let _ = read(path, &text);
            let _ = read(path, [&[0x1f, 0x8b, 8, 0][..], &bytes].concat());
            let _ = read(path, [&[0x28, 0xb5, 0x2f, 0xfd][..], &bytes].concat());
        }
    }
}
