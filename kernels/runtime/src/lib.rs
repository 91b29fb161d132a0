//! The run-time half of `sovitc`.
