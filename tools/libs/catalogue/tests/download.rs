//! Downloads from servers that misbehave.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::time::Duration;

use common::place::{CHUNK, Onlooker, Place, content, model, with_chunks};
use common::{Behaviour, Server};
use sigmavault_catalogue::Hasher;
use sigmavault_catalogue::download::DownloadError;

#[test]
fn a_good_server_needs_one_request() {
    let bytes = content(5 * CHUNK + 77);
    let server = Server::good(bytes.clone());
    let (place, model) = (Place::new(), model(&server.url, &bytes));
    let path = place.pull(&model, &mut Onlooker::default()).unwrap();
    assert_eq!(path, place.path("f.gguf"));
    place.holds(&bytes);
    assert_eq!(server.ranges(), [None]);
    let list = place.store.chunk_list(&model, &model.files[0]).unwrap();
    assert_eq!(
        list.chunks,
        bytes.chunks(CHUNK).map(Hasher::of).collect::<Vec<_>>()
    );
    assert_eq!(place.store.installed("m").unwrap().accepted_licence, "MIT");
    // It exists: nothing is requested.
    place.pull(&model, &mut Onlooker::default()).unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn connections_that_break_are_taken_up_at_the_same_byte() {
    let bytes = content(3 * CHUNK);
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        cut_after: (number < 20).then_some(9000),
        ..Behaviour::default()
    });
    let place = Place::new();
    let mut watch = Onlooker::default();
    place.pull(&model(&server.url, &bytes), &mut watch).unwrap();
    place.holds(&bytes);
    let ranges = server.ranges();
    assert_eq!(ranges.len(), 21);
    assert_eq!(ranges[1].as_deref(), Some("bytes=9000-196607"));
    assert_eq!(ranges[20].as_deref(), Some("bytes=180000-196607"));
    assert_eq!(server.seen()[1].if_range.as_deref(), Some("\"v1\""));
    // Data arrived every time, so every wait is the first.
    assert_eq!(watch.slept.get(), Duration::from_secs(20));
}

#[test]
fn a_server_that_gives_nothing_is_given_up() {
    let bytes = content(CHUNK);
    let server = Server::start(bytes.clone(), |_, _| Behaviour {
        cut_after: Some(0),
        ..Behaviour::default()
    });
    let place = Place::new();
    let mut watch = Onlooker::default();
    let error = place.pull(&model(&server.url, &bytes), &mut watch).unwrap_err();
    assert!(
        matches!(error, DownloadError::GaveUp { attempts: 8, .. }),
        "{error}"
    );
    assert_eq!(server.seen().len(), 8);
    // 1 + 2 + 4 + 8 + 16 + 30 + 30
    assert_eq!(watch.slept.get(), Duration::from_secs(91));
    assert!(!place.path("f.gguf").exists());
}

#[test]
fn busy_servers_say_when_to_come_again_and_absent_files_end_it() {
    let bytes = content(CHUNK);
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        status: (number < 2).then_some((503, Some(7))),
        ..Behaviour::default()
    });
    let place = Place::new();
    let mut watch = Onlooker::default();
    place.pull(&model(&server.url, &bytes), &mut watch).unwrap();
    place.holds(&bytes);
    assert_eq!(watch.slept.get(), Duration::from_secs(14));
    for status in [401, 403, 404, 410] {
        let server = Server::start(bytes.clone(), move |_, _| Behaviour {
            status: Some((status, None)),
            ..Behaviour::default()
        });
        let place = Place::new();
        let error = place
            .pull(&model(&server.url, &bytes), &mut Onlooker::default())
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot get {}: the server answers {status}", server.url)),
            "{error}"
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn lies_about_the_length_are_seen() {
    let bytes = content(2 * CHUNK);
    // The length of the whole file differs: it is another file.
    let server = Server::start(bytes.clone(), |_, _| Behaviour {
        says_length: Some(2 * CHUNK + 1),
        ..Behaviour::default()
    });
    let error = Place::new()
        .pull(&model(&server.url, &bytes), &mut Onlooker::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} has 131073 bytes, but the catalogue says 131072: it is another file",
            server.url
        )
    );
    // The length of a part.
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        cut_after: (number == 0).then_some(1000),
        says_total: (number == 1).then_some(7 * CHUNK),
        ..Behaviour::default()
    });
    let error = Place::new()
        .pull(&model(&server.url, &bytes), &mut Onlooker::default())
        .unwrap_err();
    assert!(
        matches!(error, DownloadError::Length { found: 458_752, .. }),
        "{error}"
    );
    // Fewer bytes than a part has, and more: the former is resumed, the latter is not read.
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        cut_after: (number == 0).then_some(1000),
        says_length: (number == 1).then_some(500),
        excess: if number == 2 { 999 } else { 0 },
        ..Behaviour::default()
    });
    let place = Place::new();
    place
        .pull(&model(&server.url, &bytes), &mut Onlooker::default())
        .unwrap();
    place.holds(&bytes);
    assert_eq!(server.ranges()[2].as_deref(), Some("bytes=1500-131071"));
}

#[test]
fn a_part_from_elsewhere_is_not_taken() {
    let bytes = content(2 * CHUNK);
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        cut_after: (number == 0).then_some(5000),
        shifted: (number == 1).then_some(4000),
        ..Behaviour::default()
    });
    let place = Place::new();
    let mut watch = Onlooker::default();
    place.pull(&model(&server.url, &bytes), &mut watch).unwrap();
    place.holds(&bytes);
    assert!(
        watch.notes[1].contains("from byte 4000 instead of byte 5000"),
        "{:?}",
        watch.notes
    );
}

#[test]
fn a_server_without_ranges_is_read_from_the_start() {
    let bytes = content(4 * CHUNK);
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        ignores_range: true,
        cut_after: (number < 2).then_some((number + 1) * 100_000),
        ..Behaviour::default()
    });
    let place = Place::new();
    place
        .pull(&model(&server.url, &bytes), &mut Onlooker::default())
        .unwrap();
    place.holds(&bytes);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn another_version_on_the_server_is_not_mixed_with_the_first() {
    let (old, bytes) = (vec![7; 4 * CHUNK], content(4 * CHUNK));
    let (first, second) = (
        Server::good(old),
        Server::start(bytes.clone(), |_, _| Behaviour {
            etag: Some("\"new\"".into()),
            ..Behaviour::default()
        }),
    );
    let place = Place::new();
    let mut watch = Onlooker {
        stop_at: Some(100_000),
        ..Onlooker::default()
    };
    let error = place.pull(&model(&first.url, &bytes), &mut watch).unwrap_err();
    assert!(matches!(error, DownloadError::Stopped { .. }), "{error}");
    let mut watch = Onlooker::default();
    place.pull(&model(&second.url, &bytes), &mut watch).unwrap();
    place.holds(&bytes);
    assert_eq!(second.seen()[0].if_range.as_deref(), Some("\"v1\""));
    assert_eq!(second.ranges()[1], None);
    assert!(
        watch.notes[0].starts_with("the file has changed on the server"),
        "{:?}",
        watch.notes
    );
}

#[test]
fn a_server_whose_versions_mean_nothing_is_borne() {
    let bytes = content(8 * CHUNK);
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        etag: Some(format!("\"{number}\"")),
        ignores_if_range: true,
        cut_after: (number < 12).then_some(70_000),
        ..Behaviour::default()
    });
    let place = Place::new();
    place
        .pull(&model(&server.url, &bytes), &mut Onlooker::default())
        .unwrap();
    place.holds(&bytes);
}

#[test]
fn only_wrong_pieces_are_fetched_again_when_their_hashes_are_published() {
    let bytes = content(6 * CHUNK);
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        corrupt: (number == 0).then_some((2 * CHUNK + 5, 3 * CHUNK + 1)),
        ..Behaviour::default()
    });
    let place = Place::new();
    let model = with_chunks(model(&server.url, &bytes), &bytes);
    place.pull(&model, &mut Onlooker::default()).unwrap();
    place.holds(&bytes);
    assert_eq!(server.ranges(), [None, Some("bytes=131072-262143".to_owned())]);

    let server = Server::start(bytes.clone(), |_, _| Behaviour {
        corrupt: Some((0, 1)),
        ..Behaviour::default()
    });
    let mut model = model;
    model.files[0].url.clone_from(&server.url);
    let error = Place::new().pull(&model, &mut Onlooker::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "piece 0 of {} arrived with a wrong SHA-256 3 times: the source has a different or damaged file",
            server.url
        )
    );
}

#[test]
fn another_file_is_refused_and_removed() {
    let bytes = content(3 * CHUNK);
    let server = Server::start(bytes.clone(), |_, _| Behaviour {
        corrupt: Some((CHUNK, CHUNK + 1)),
        ..Behaviour::default()
    });
    let place = Place::new();
    let model = model(&server.url, &bytes);
    let error = place.pull(&model, &mut Onlooker::default()).unwrap_err();
    assert!(
        matches!(&error, DownloadError::WrongFile { expected, .. } if *expected == model.files[0].sha256),
        "{error}"
    );
    for name in ["f.gguf", "f.gguf.part", "f.gguf.journal", "model.json"] {
        assert!(!place.path(name).exists(), "{name}");
    }
}

#[test]
fn damage_on_the_disk_is_fetched_again() {
    let bytes = content(6 * CHUNK);
    let server = Server::good(bytes.clone());
    let (place, model) = (Place::new(), model(&server.url, &bytes));
    let mut watch = Onlooker {
        stop_at: Some(4 * CHUNK as u64 + 20_000),
        ..Onlooker::default()
    };
    let error = place.pull(&model, &mut watch).unwrap_err();
    assert!(error.to_string().starts_with("stopped at "), "{error}");
    // A complete piece, and the first bytes of an incomplete one.
    let part = place.path("f.gguf.part");
    let mut damaged = fs::read(&part).unwrap();
    damaged[CHUNK + 9] ^= 1;
    let begun = damaged.len();
    fs::write(&part, &damaged).unwrap();
    place.pull(&model, &mut Onlooker::default()).unwrap();
    place.holds(&bytes);
    let ranges = server.ranges();
    assert_eq!(ranges[1].as_deref(), Some("bytes=65536-131071"));
    assert_eq!(ranges[2], Some(format!("bytes={begun}-393215")));

    // A whole file.
    let mut damaged = bytes.clone();
    damaged[5 * CHUNK] ^= 1;
    fs::write(place.path("f.gguf"), &damaged).unwrap();
    place.ordered(&model, false, &mut Onlooker::default()).unwrap();
    assert!(fs::read(place.path("f.gguf")).unwrap() == damaged);
    place.ordered(&model, true, &mut Onlooker::default()).unwrap();
    place.holds(&bytes);
    assert_eq!(server.ranges()[3].as_deref(), Some("bytes=327680-393215"));
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn fifty_random_stops_end_with_the_right_file() {
    let bytes = content(400 * CHUNK + 4321);
    let server = Server::start(bytes.clone(), |number, _| Behaviour {
        cut_after: (number % 7 == 3).then_some(11_111),
        ..Behaviour::default()
    });
    let (place, model) = (Place::new(), model(&server.url, &bytes));
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut stops = 0;
    let mut reached = 0;
    while stops < 50 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut watch = Onlooker {
            stop_at: Some(reached + (random >> 33) % 50_000),
            ..Onlooker::default()
        };
        match place.pull(&model, &mut watch) {
            Err(DownloadError::Stopped { done, .. }) => {
                assert!(done >= reached, "{done} after {reached}");
                reached = done;
                stops += 1;
            }
            other => panic!("{other:?} at {reached} after {stops} stops"),
        }
        // A power cut can leave a journal without its last bytes, and a file without its last blocks.
        if stops % 5 == 0 {
            let journal = place.path("f.gguf.journal");
            let text = fs::read(&journal).unwrap();
            fs::write(&journal, &text[..text.len() - text.len().min(70)]).unwrap();
            reached = 0;
        }
        if stops % 9 == 0 {
            let part = fs::OpenOptions::new()
                .write(true)
                .open(place.path("f.gguf.part"))
                .unwrap();
            part.set_len(part.metadata().unwrap().len().saturating_sub(30_000))
                .unwrap();
            reached = 0;
        }
    }
    place.pull(&model, &mut Onlooker::default()).unwrap();
    place.holds(&bytes);
}

#[test]
fn two_downloads_of_one_model_do_not_meet() {
    let bytes = content(CHUNK);
    let server = Server::good(bytes.clone());
    let (place, model) = (Place::new(), model(&server.url, &bytes));
    place.store.create("m").unwrap();
    let lock = fs::File::create(place.path("download.lock")).unwrap();
    lock.lock().unwrap();
    let error = place.pull(&model, &mut Onlooker::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "m is being downloaded already; wait for it to end"
    );
    drop(lock);
    place.pull(&model, &mut Onlooker::default()).unwrap();
    place.holds(&bytes);
}

#[test]
fn a_disk_that_is_too_small_is_told_before() {
    let server = Server::good(content(CHUNK));
    let (place, mut model) = (Place::new(), model(&server.url, &content(CHUNK)));
    model.files[0].bytes = 1 << 50;
    let error = place.pull(&model, &mut Onlooker::default()).unwrap_err();
    assert!(
        matches!(error, DownloadError::Space { needed, .. } if needed == 1 << 50),
        "{error}"
    );
    assert!(server.seen().is_empty());
}
