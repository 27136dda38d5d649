//! Drawing again on every change.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::access::Storage;
use super::page::Page;
use super::stop::Stop;

/// Time after which Ctrl-C is seen at the latest.
const STEP: Duration = Duration::from_millis(250);
/// Time after which everything is read again also when nobody told of a change, such as for the progress of a scrub.
const LONGEST: Duration = Duration::from_secs(2);
/// Clears the screen.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

/// Draws a page, and again whenever it has become another one, until Ctrl-C or until nobody reads it any more.
pub fn watch(
    storage: &mut dyn Storage,
    as_json: bool,
    mut draw: impl FnMut(&mut dyn Storage) -> anyhow::Result<Page>,
) -> anyhow::Result<Vec<u8>> {
    let stop = Stop::new()?;
    let mut out = io::stdout().lock();
    let clears = !as_json && out.is_terminal();
    let mut shown = None;
    while !stop.is_wanted() {
        let page = draw(storage)?.one_of_many(as_json);
        if shown.as_ref() != Some(&page) {
            let separator: &[u8] = match (&shown, clears, as_json) {
                (_, true, _) => CLEAR,
                (Some(_), false, false) => b"\n",
                _ => b"",
            };
            let written = out
                .write_all(separator)
                .and_then(|()| out.write_all(&page))
                .and_then(|()| out.flush());
            match written {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                done => done?,
            }
            shown = Some(page);
        }
        let end = Instant::now() + LONGEST;
        while !stop.is_wanted() && Instant::now() < end && !storage.wait(STEP)? {}
    }
    Ok(Vec::new())
}
