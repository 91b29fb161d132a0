//! One file a law form.

use super::form::Form;

pub(super) mod curve;
pub(super) mod m2;
pub(super) mod m4;
pub(super) mod sovit;

/// Every form that a table alone can be fitted to, in the order lists show them.
pub static FORMS: &[&dyn Form] = &[];
