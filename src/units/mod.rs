//! Quantities: a number, its dimension, and for compute the kind of counting.
