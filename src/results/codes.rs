//! Codes of table reading.

use crate::diagnostic::Code;

/// The file cannot be read.
pub const UNREADABLE_TABLE: Code = Code::new("S0020", "unreadable-table");
/// The bytes are not UTF-8.
pub const NOT_UTF8: Code = Code::new("S0501", "table-not-utf8");
/// No header, or no row below it.
pub const EMPTY_TABLE: Code = Code::new("S0502", "empty-table");
/// A row has more or fewer cells than the header.
pub const RAGGED_ROW: Code = Code::new("S0503", "ragged-row");
/// The plan names a column that the header lacks.
pub const UNKNOWN_COLUMN: Code = Code::new("S0504", "unknown-column");
/// The plan names a column that the header has twice.
pub const AMBIGUOUS_COLUMN: Code = Code::new("S0505", "ambiguous-column");
/// A cell is not what the expression needs.
pub const BAD_CELL: Code = Code::new("S0506", "bad-cell");
/// A value lies outside its field's range.
pub const BAD_VALUE: Code = Code::new("S0507", "value-out-of-range");
/// An `error` is not a fraction of 1.
pub const BAD_ERROR: Code = Code::new("S0508", "error-not-a-fraction");
/// A row's model cannot be built.
pub const UNBUILDABLE_ROW: Code = Code::new("S0509", "unbuildable-row");
/// The filter keeps no row.
pub const NO_ROWS_KEPT: Code = Code::new("S0510", "no-rows-kept");
/// Something else than commas stands between the cells.
pub const SEPARATOR: Code = Code::new("S0511", "other-separator");
/// Nobody knows the format of a file of that name.
pub const UNKNOWN_FORMAT: Code = Code::new("S0512", "unknown-format");
/// The file breaks off, or is not packed as it says.
pub const BROKEN_FILE: Code = Code::new("S0513", "broken-file");
/// A row is longer than any table's.
pub const LONG_ROW: Code = Code::new("S0514", "row-too-long");
/// The file is not the JSON of a table.
pub const BAD_JSON: Code = Code::new("S0515", "bad-json");
/// The folder has no table, or nothing fits the pattern.
pub const NO_FILES: Code = Code::new("S0516", "no-files");
/// A log of a trainer that says no run, or another than the plan.
pub const BAD_LOG: Code = Code::new("S0517", "bad-log");

/// All of them, for the test that holds codes unique.
pub const ALL: &[Code] = &[
    UNREADABLE_TABLE,
    NOT_UTF8,
    EMPTY_TABLE,
    RAGGED_ROW,
    UNKNOWN_COLUMN,
    AMBIGUOUS_COLUMN,
    BAD_CELL,
    BAD_VALUE,
    BAD_ERROR,
    UNBUILDABLE_ROW,
    NO_ROWS_KEPT,
    SEPARATOR,
    UNKNOWN_FORMAT,
    BROKEN_FILE,
    LONG_ROW,
    BAD_JSON,
    NO_FILES,
    BAD_LOG,
];
