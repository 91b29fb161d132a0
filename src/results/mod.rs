//! Plan and files to tables: one canonical row.

pub mod codes;
#[cfg(feature = "fit")]
mod query;
#[cfg(feature = "fit")]
mod read;
#[cfg(feature = "fit")]
mod row;
mod table;
#[cfg(all(test, feature = "fit"))]
mod tests;

#[cfg(feature = "fit")]
pub use query::{NumberRow, Query, numbers};
#[cfg(feature = "fit")]
pub use read::read;
pub use table::{Row, Table};
