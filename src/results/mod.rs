//! Plan and files to tables: one canonical row.

pub mod codes;
mod files;
#[cfg(feature = "fit")]
mod query;
#[cfg(feature = "fit")]
mod read;
#[cfg(feature = "fit")]
mod records;
#[cfg(feature = "fit")]
mod repeats;
#[cfg(feature = "fit")]
mod row;
mod table;
#[cfg(all(test, feature = "fit"))]
mod tests;
#[cfg(feature = "fit")]
mod trainers;

pub use files::{files, sources};
#[cfg(feature = "fit")]
pub use query::{Query, numbers};
#[cfg(feature = "fit")]
pub use read::read;
pub use table::{Row, Table};
