//! Tree to plan: names resolved, schemas closed, dimensions checked, ranges known.

mod asked;
mod bindings;
mod check;
pub mod codes;
mod constants;
mod define;
mod devices;
mod dimensions;
mod expression;
mod forms;
mod hardware;
mod kernels;
mod model;
mod names;
mod predicate;
mod recipe;
mod rows;
mod schema;
mod table;
mod terms;
mod text;
mod values;

#[cfg(test)]
mod tests;

pub use asked::{NamedValue, Values};
pub use check::{Files, check};
#[cfg(feature = "cli")]
pub(crate) use devices::no_device;
pub use expression::{Comparison, Expression, Operator, Value, Wrong};
pub use forms::{FORMS, Input, KnownForm};
pub use hardware::{Cluster, Price, PriceList, Serving};
pub use model::*;
pub use recipe::{Decay, Precision, RecipeOptimizer, RecipeSpec, Stretch, Task};
pub use rows::RowChecker;
pub use table::*;
pub use text::TextSizes;
