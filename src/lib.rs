//! A compiler for vision-transformer plans.

pub mod diagnostic;

pub mod hardware;

pub mod source;

pub mod units;

pub mod vit;

pub mod syntax;

pub mod plan;

pub mod results;

pub mod law;

pub mod shape;

pub mod kernel;

pub mod lock;

pub mod emit;

pub mod disk;

#[cfg(feature = "render")]
pub mod render;

#[cfg(feature = "nvrtc")]
pub mod nvrtc;
