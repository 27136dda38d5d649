//! Brings the recordings out of the machine: the agent passes on a limited amount of text, so they come in pieces.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sigmavault_host::run::{Invocation, Local, Run};
use sigmavault_vm::Boot;

use crate::error::Error;

/// Packs what was recorded, and says how many characters of base64 that is.
const PACK: &str =
    "tar -C /run/zfs-record -czf - . | base64 -w0 >/run/zfs-record.base64; stat -c %s /run/zfs-record.base64";
/// Characters of one piece; the agent passes on 20000. What tail says of a closed pipe is not one of them.
const PIECE: usize = 19_000;

/// Brings the recordings into a folder.
pub fn recordings(boot: &mut Boot<'_>, out: &Path) -> Result<(), Error> {
    let size: usize = boot.run(PACK)?.output.parse().unwrap_or(0);
    let mut text = String::new();
    while text.len() < size {
        let from = text.len() + 1;
        let piece = boot.run(&format!(
            "tail -c +{from} /run/zfs-record.base64 2>/dev/null | head -c {PIECE}"
        ))?;
        if piece.output.is_empty() {
            break;
        }
        text.push_str(&piece.output);
    }
    fs::create_dir_all(out).map_err(Error::io("create", out))?;
    let unpack = Invocation::new("tar").args(["-xzf", "-", "-C"]).arg(out);
    Local.succeed(&unpack.input(STANDARD.decode(text)?))?;
    Ok(())
}
