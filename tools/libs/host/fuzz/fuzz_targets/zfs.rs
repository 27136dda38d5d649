//! No text panics, and events are the same however they are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmavault_host::zpool::events::{self, Events};
use sigmavault_host::zpool::{get, import, list, status};
use sigmavault_host::{zdb, zfs, zpool};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(pools) = status::parse(text) {
        for pool in &pools {
            pool.vdevs();
            pool.scan.as_ref().map(|scan| (scan.rate(u64::MAX), scan.left(0)));
        }
    }
    let _ = (list::parse(text), get::parse(text), import::parse(text));
    let _ = (status::parse_damaged(text), zdb::parse_label(text));
    let _ = (zfs::list::parse(text), zfs::diff::parse(text), zfs::space::parse(text));
    let _ = (zfs::snapshot::parse_holds(text), zfs::change::parse_destruction(text));
    let _ = (zpool::Refusal::of(text), zfs::Refusal::of(text));

    let mut events = Events::default();
    let mut found: Vec<_> = bytes.chunks(3).flat_map(|piece| events.feed(piece)).collect();
    found.extend(events.finish());
    assert_eq!(found, events::parse(text));
});
