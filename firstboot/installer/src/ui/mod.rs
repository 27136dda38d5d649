//! The installer's screens, for 80 columns and 24 lines and a keyboard.
//!
//! - [`App`]: the state of it all; keys go in, requests come out, nothing else happens
//! - [`Look`]: what the terminal can show
//! - [`terminal`]: the loop that joins an [`App`] with a terminal and an installation
//! - `screen`, `screens`: one screen a step
//! - `fields`, `field`, `input`, `picker`, `table`, `menu`, `text`: what screens are made of
//! - `progress`, `key_shown`, `ending`: what is shown from the moment the installation begins

mod app;
mod ending;
mod field;
mod fields;
mod input;
mod key_shown;
mod look;
mod menu;
mod picker;
mod progress;
mod request;
mod screen;
mod screens;
pub(crate) mod strength;
mod table;
pub mod terminal;
pub(crate) mod text;

pub use app::App;
pub use look::Look;
pub use request::Request;
