//! Plan and files to tables: one canonical row.

mod table;

pub use table::{Row, Table};
