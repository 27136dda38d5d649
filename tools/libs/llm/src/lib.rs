//! Language models.

pub mod model;
