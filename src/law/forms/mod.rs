//! One file a law form.

pub(super) mod curve;
pub(super) mod m2;
pub(super) mod m4;
pub(super) mod sovit;
