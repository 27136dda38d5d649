use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::super::run::Interrupt;
use super::super::store::Store;
use super::super::timings::Timings;
use super::*;
use crate::profile::{Arch, Library};
use crate::progress::{Mode, Progress};

#[test]
fn a_line_of_apt_is_read() {
    let hash = digest("");
    let line = format!(
        "'http://deb.example/pool/u/usbutils_018-2_amd64.deb' usbutils_1%3a018-2_amd64.deb 78880 SHA256:{hash}"
    );
    let deb = parse_uri(&line).unwrap();
    assert_eq!(deb.package.name, "usbutils");
    assert_eq!(deb.package.version, "1:018-2");
    assert_eq!(deb.package.arch, "amd64");
    assert_eq!(deb.size, 78880);
    assert_eq!(Deb::from(&deb.package).file, deb.file);
}

#[test]
fn other_lines_are_refused() {
    for line in [
        "'x' a_1_amd64.deb 1 MD5Sum:00",
        "'x' a.deb 1",
        "x",
        "'x' a_1.deb 1 SHA256:00",
    ] {
        assert!(parse_uri(line).is_err(), "{line}");
    }
}

/// A build of vm-test from this source tree, with a cache of its own.
fn context(folder: &Path) -> Context {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    let cache = folder.join("cache");
    fs::create_dir_all(&cache).unwrap();
    let profiles = Library::of_source(&source, &[]).unwrap();
    Context {
        store: Store::new(&cache),
        lock: source.join("image/image.lock"),
        profile: profiles.buildable("vm-test", Arch::Amd64).unwrap(),
        arch: Arch::Amd64,
        image: toml::from_str(&fs::read_to_string(source.join("image/image.toml")).unwrap()).unwrap(),
        source,
        cache,
        mirror: None,
        offline: false,
        locked: true,
        sign_key: None,
        explain: false,
        progress: Progress::new(Mode::Silent),
        interrupt: Interrupt::default(),
        timings: Timings::default(),
    }
}

/// 2026-11-20T14:32:00Z
fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_mins(29_919_752)
}

#[test]
fn the_committed_snapshot_archive_is_asked_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    let address = context.image.archive.snapshot.clone().unwrap();
    let lines = snapshot_sources(&context, &address, time(), "trusted=no");
    let parts = "main contrib non-free-firmware";
    let at = |archive: &str, suite: &str| {
        format!(
            "deb [trusted=no check-valid-until=no] https://snapshot.debian.org/archive/{archive}/20261120T143200Z {suite} {parts}\n"
        )
    };
    assert_eq!(
        lines,
        [
            at("debian", "trixie"),
            at("debian", "trixie-updates"),
            at("debian-security", "trixie-security"),
            at("debian", "trixie-backports"),
        ]
        .concat()
    );
}

/// Serves the files of a folder until the test ends; gives the address and what was asked for.
fn serve(folder: PathBuf) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(&stream.unwrap(), &folder, &log);
        }
    });
    (address, asked)
}

fn answer(stream: &TcpStream, folder: &Path, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let file = fs::read(folder.join(path.trim_start_matches('/')));
    log.lock().unwrap().push(path);
    let mut out = stream;
    match file {
        Ok(bytes) => {
            write!(
                out,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            )?;
            out.write_all(&bytes)
        }
        Err(_) => write!(
            out,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    }
}

fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A package in a snapshot archive below this folder.
fn archive_with_a_package(folder: &Path) -> Option<Deb> {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    let control =
        "Package: sample\nVersion: 1:1.0\nArchitecture: all\nMaintainer: A <a@localhost>\nDescription: x\n";
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    let pool = folder.join("archive/debian/20261120T143200Z/pool");
    fs::create_dir_all(&pool).unwrap();
    let file = pool.join("sample_1.0_all.deb");
    if !works(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "--build"])
            .args([&tree, &file]),
    ) {
        println!("skipped: no dpkg-deb");
        return None;
    }
    let sha256 = digest_file(&file).unwrap();
    let size = file.metadata().unwrap().len();
    let entry = format!("{control}Filename: pool/sample_1.0_all.deb\nSize: {size}\nSHA256: {sha256}\n\n");
    for (archive, suite, text) in [
        ("debian", "trixie", entry.as_str()),
        ("debian", "trixie-updates", ""),
        ("debian", "trixie-backports", ""),
        ("debian-security", "trixie-security", ""),
    ] {
        let lists = folder
            .join("archive")
            .join(archive)
            .join("20261120T143200Z/dists")
            .join(suite);
        let mut release = format!(
            "Suite: {suite}\nCodename: {suite}\nComponents: main contrib non-free-firmware\nArchitectures: amd64\nSHA256:\n"
        );
        for part in ["main", "contrib", "non-free-firmware"] {
            let text = if part == "main" { text } else { "" };
            let name = format!("{part}/binary-amd64/Packages");
            fs::create_dir_all(lists.join(&name).parent().unwrap()).unwrap();
            fs::write(lists.join(&name), text).unwrap();
            let _ = writeln!(release, " {} {} {name}", digest(text), text.len());
        }
        fs::write(lists.join("Release"), release).unwrap();
    }
    let package = Package {
        name: "sample".to_owned(),
        version: "1:1.0".to_owned(),
        arch: "all".to_owned(),
        sha256,
    };
    Some(Deb {
        size,
        ..Deb::from(&package)
    })
}

/// apt of this machine stands in for that of the tools tree, and a server here for the snapshot archive.
#[test]
fn a_package_is_fetched_from_a_snapshot_archive() {
    let tools = Path::new("/");
    if !works(&mut Sandbox::new(tools).command("apt-get", ["--version"])) {
        println!("skipped: bubblewrap or apt-get does not run here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(deb) = archive_with_a_package(folder.path()) else {
        return;
    };
    let (address, asked) = serve(folder.path().to_owned());
    let context = context(folder.path());
    let runner = context.runner("test").unwrap();
    let at = |time| {
        let sources = snapshot_sources(
            &context,
            &format!("{address}/archive/{{archive}}/{{time}}"),
            time,
            "trusted=yes",
        );
        Archive::open(&context, Arch::Amd64, tools, &sources, Place::Network).unwrap()
    };
    let store = folder.path().join("store");
    fs::create_dir(&store).unwrap();
    let archive = at(time());
    archive.update(&runner).unwrap();
    let debs = [deb.clone()];
    assert_eq!(archive.fetch(&runner, &debs, &store).unwrap(), deb.size);
    assert_eq!(
        digest_file(&store.join("sample_1%3a1.0_all.deb")).unwrap(),
        deb.package.sha256
    );
    assert_eq!(
        archive.fetch(&runner, &debs, &store).unwrap(),
        0,
        "it is held now"
    );
    let asked = asked.lock().unwrap().clone();
    assert!(
        asked.contains(&"/archive/debian/20261120T143200Z/pool/sample_1.0_all.deb".to_owned()),
        "{asked:?}"
    );
    // At another time the archive had nothing.
    let other = at(time() + Duration::from_hours(24));
    assert!(other.update(&runner).is_err());
}
