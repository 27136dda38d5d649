//! Loading: from the files of a model to its network.

pub mod decoder;
pub mod embedder;
pub mod granite;
pub mod keys;
pub mod mamba;
pub mod mamba2;
pub mod open;
pub mod packed;
pub mod rwkv7;
pub mod shards;
pub mod transformer;
pub mod unread;
pub mod weights;
