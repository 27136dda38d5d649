//! The service over real HTTP, on a machine made of files.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sigmavault_api::config::Config;
use sigmavault_api::sampler::Sample;
use sigmavault_api::server::Server;
use sigmavault_api::sources::Answer;
use sigmavault_api::sources::clock::Clock;
use sigmavault_api::sources::space::{Space, SpaceSource, Statistics};
use sigmavault_api::sources::systemd::Services;
use sigmavault_api::state::AppState;
use sigmavault_facts::Files;
use sigmavault_types::system::{FailedUnit, ServiceManager};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

#[derive(Debug, Default)]
struct FixedClock {
    seconds: AtomicU64,
}

impl Clock for FixedClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }
}

/// Answers with a state, or never.
#[derive(Debug)]
enum FakeServices {
    Answers(ServiceManager),
    Hangs,
}

impl Services for FakeServices {
    fn state(&self) -> Answer<'_, ServiceManager> {
        Box::pin(async move {
            match self {
                Self::Answers(state) => state.clone(),
                Self::Hangs => std::future::pending().await,
            }
        })
    }
}

#[derive(Debug)]
struct FixedSpace;

impl Statistics for FixedSpace {
    fn space(&self, _: &str) -> io::Result<Space> {
        Ok(Space {
            size_bytes: 1000,
            available_bytes: 400,
        })
    }
}

fn running() -> FakeServices {
    FakeServices::Answers(ServiceManager {
        state: Some("running".into()),
        failed_units: Vec::new(),
        error: None,
    })
}

struct Service {
    root: TempDir,
    state: AppState,
    clock: Arc<FixedClock>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    done: Option<tokio::task::JoinHandle<()>>,
    runtime: Runtime,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Service {
    fn start(services: FakeServices) -> Self {
        Self::with_config(services, Config::default())
    }

    fn with_config(services: FakeServices, config: Config) -> Self {
        let root = common::machine();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..config
        };
        let clock = Arc::new(FixedClock::default());
        let state = AppState::new(
            config,
            Files::new(root.path()),
            clock.clone(),
            Arc::new(services),
            SpaceSource::new(FixedSpace),
        );
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Server::bind(state.clone())).unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let done = runtime.spawn(server.run(async move {
            let _ = stopped.await;
        }));
        while !state.is_listening() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Self {
            root,
            state,
            clock,
            address,
            stop: Some(stop),
            done: Some(done),
            runtime,
        }
    }

    fn request(&self, request: ureq::http::request::Builder, path: &str) -> Reply {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let request = request
            .uri(format!("http://{}{path}", self.address))
            .body(())
            .unwrap();
        let mut response = agent.run(request).unwrap();
        Reply {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }

    fn get(&self, path: &str) -> Reply {
        self.request(ureq::http::Request::get("/"), path)
    }

    /// Sends bytes as they are and returns the whole answer.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn live_always_answers() {
    let service = Service::start(FakeServices::Hangs);
    let reply = service.get("/health/live");
    assert_eq!((reply.status, reply.json()), (200, json!({"status": "ok"})));
}

#[test]
fn ready_needs_the_hardware_report() {
    let service = Service::start(running());
    assert_eq!(service.get("/health/ready").status, 200);
    let report = service.root.path().join("run/sigmavault/hardware.json");
    std::fs::remove_file(&report).unwrap();
    let reply = service.get("/health/ready");
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let problem = reply.json();
    assert_eq!(problem["type"], "urn:sigmavault:problem:not-ready");
    assert_eq!(problem["code"], "not-ready");
    assert_eq!(problem["status"], 503);
    assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"));
    assert_eq!(
        problem["detail"],
        format!(
            "cannot read {}: No such file or directory (os error 2); see: systemctl status sigmavault-detect.service",
            report.display()
        )
    );
    let reply = service.get("/api/v1/system/hardware");
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (503, json!("hardware-unknown"))
    );
}

#[test]
fn health_status_is_the_worst_of_its_checks() {
    let service = Service::start(running());
    let status = service.get("/health/status").json();
    assert_eq!(
        status,
        json!({
            "status": "ok",
            "time": "2027-01-15T08:00:00Z",
            "checks": [
                {"name": "hardware-report", "status": "ok", "detail": "model tier bitnet-7b"},
                {"name": "services", "status": "ok", "detail": "systemd is running"},
                {"name": "root-verification", "status": "ok",
                 "detail": "every block of the root file system is checked against the root hash"},
                {"name": "space", "status": "ok", "detail": "at least 5 % left everywhere"},
            ]
        })
    );
    let failed = vec![FailedUnit {
        name: "smbd.service".into(),
        description: "Samba".into(),
    }];
    let degraded = ServiceManager {
        state: Some("degraded".into()),
        failed_units: failed,
        error: None,
    };
    let service = Service::start(FakeServices::Answers(degraded));
    assert_eq!(service.get("/health/status").json()["status"], "degraded");
}

#[test]
fn system_status_comes_from_the_machine() {
    let service = Service::start(running());
    let reply = service.get("/api/v1/system/status");
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({
            "time": "2027-01-15T08:00:00Z",
            "hostname": "nas",
            "image": {"version": "0.1.0", "profile": "pc-gnome", "root-hash": null},
            "os": {"name": "SigmaVault NAS OS", "id": "debian", "version_id": "13"},
            "kernel": {"release": "6.12.48+deb13-amd64", "machine": "x86_64"},
            "root": {
                "verified": true,
                "root_hash": common::ROOT_HASH,
                "detail": "every block of the root file system is checked against the root hash",
            },
            "uptime_seconds": 3600.0,
            "booted_at": "2027-01-15T07:00:00Z",
            "systemd": {"state": "running", "failed_units": []},
            "load": {"one": 0.5, "five": 0.25, "fifteen": 0.1},
            "memory": {
                "total_bytes": 16_384_000_000_u64, "available_bytes": 12_288_000_000_u64,
                "free_bytes": 8_192_000_000_u64, "cached_bytes": 0, "swap_total_bytes": 0, "swap_free_bytes": 0,
            },
            "model": {
                "tier": "bitnet-7b", "source": "rule", "overridden": false, "by_hardware": "bitnet-7b",
                "reason": "16 GiB of memory, from 16 to below 32 GiB", "warnings": [],
            },
        })
    );
}

#[test]
fn status_of_an_installed_machine_has_its_slots() {
    let service = Service::start(running());
    let root = service.root.path();
    common::write(root, "run/sigmavault/boot.json", r#"{"slot": "b"}"#);
    common::write(
        root,
        "var/lib/sigmavault/boot/slots.json",
        r#"[{"slot": "a", "version": "0.2.0", "preferred": true, "running": false, "tries_left": 0, "tries_done": 3,
             "bad": true, "bytes": 2},
            {"slot": "b", "version": "0.1.0", "preferred": false, "running": true, "tries_left": null,
             "tries_done": null, "bad": false, "bytes": 2}]"#,
    );
    common::write(
        root,
        "var/lib/sigmavault/boot/failures.tsv",
        "2026-11-20T08:57:00Z\ta\troot hash does not match\n",
    );
    let slots = service.get("/api/v1/system/status").json()["slots"].clone();
    assert_eq!(
        (&slots["running"], &slots["slots"][0]["bad"]),
        (&json!("b"), &json!(true))
    );
    assert_eq!(
        slots["fell_back"],
        json!({"from": "a", "time": "2026-11-20T08:57:00Z", "reason": "root hash does not match"})
    );
}

#[test]
fn metrics_have_counters_and_after_a_while_rates() {
    let service = Service::start(running());
    let first = service.get("/api/v1/system/metrics").json();
    assert_eq!(first["cpu"]["user_seconds"], 10.0);
    assert_eq!(first["cpu"]["cores"], 2);
    assert_eq!(first["network"][0]["received_bytes"], 1000);
    assert_eq!(first["disks"].as_array().unwrap().len(), 1);
    assert_eq!(first["disks"][0]["read_bytes"], 1_024_000);
    assert_eq!(first["interval_seconds"], Value::Null);
    assert_eq!(first["network"][0]["received_bytes_per_second"], Value::Null);
    assert_eq!(
        first["filesystems"],
        json!([
            {"mount_point": "/", "source": "/dev/mapper/root", "kind": "erofs", "read_only": true,
             "size_bytes": 1000, "available_bytes": 400},
            {"mount_point": "/var", "source": "/dev/sda3", "kind": "ext4", "read_only": false,
             "size_bytes": 1000, "available_bytes": 400},
        ])
    );

    service
        .state
        .sampler
        .keep(Sample::read(&service.state.files, Duration::ZERO).unwrap());
    service.clock.seconds.store(10, Ordering::SeqCst);
    let net = "a\nb\n eth0: 6000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n";
    common::write(service.root.path(), "proc/net/dev", net);
    let second = service.get("/api/v1/system/metrics").json();
    assert_eq!(second["interval_seconds"], 10.0);
    assert_eq!(second["network"][0]["received_bytes_per_second"], 500.0);
    assert_eq!(second["network"][0]["sent_bytes_per_second"], 0.0);
}

#[test]
fn facts_that_are_missing_are_problems() {
    let service = Service::start(running());
    std::fs::remove_file(service.root.path().join("proc/stat")).unwrap();
    let reply = service.get("/api/v1/system/metrics");
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (500, json!("facts-unavailable"))
    );
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let service = Service::start(running());
    let reply = service.get("/api/v1/nothing");
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (404, json!("not-found"))
    );
    let reply = service.request(ureq::http::Request::delete("/"), "/health/live");
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (405, json!("method-not-allowed"))
    );
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
}

#[test]
fn every_answer_has_an_id_and_security_headers() {
    let service = Service::start(running());
    for path in ["/health/live", "/nothing"] {
        let reply = service.get(path);
        assert_eq!(
            reply.header("content-security-policy"),
            Some("default-src 'none'; frame-ancestors 'none'")
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("x-frame-options"), Some("DENY"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-request-id").unwrap().len(), 36);
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    let reply = service.request(
        ureq::http::Request::get("/").header("X-Request-Id", "mine-1"),
        "/nothing",
    );
    assert_eq!(reply.header("x-request-id"), Some("mine-1"));
    assert_eq!(reply.json()["request_id"], "mine-1");
}

#[test]
fn foreign_hosts_are_refused() {
    let config = Config {
        allowed_hosts: vec!["nas.example".into()],
        ..Config::default()
    };
    let service = Service::with_config(running(), config);
    let with_host = |host: &str| {
        let answer = service.raw(&format!(
            "GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    for (host, status) in [
        ("127.0.0.1:3000", "200"),
        ("localhost", "200"),
        ("[::1]:3000", "200"),
        ("NAS.example:3000", "200"),
        ("evil.example", "421"),
        ("127.0.0.1.evil.example", "421"),
        ("192.168.1.5", "421"),
        ("", "421"),
    ] {
        assert_eq!(with_host(host), status, "{host:?}");
    }
    let answer = service.raw("GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
}

#[test]
fn large_bodies_are_refused() {
    let service = Service::with_config(
        running(),
        Config {
            body_limit_bytes: 1024,
            ..Config::default()
        },
    );
    let request = |length: usize| {
        service.raw(&format!(
            "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{}",
            "x".repeat(length)
        ))
    };
    assert!(request(1024).starts_with("HTTP/1.1 200 "));
    let answer = request(1025);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"body-too-large\""), "{answer}");
}

#[test]
fn a_neighbour_that_hangs_does_not_hang_the_service() {
    let service = Service::with_config(
        FakeServices::Hangs,
        Config {
            request_timeout_seconds: 1,
            ..Config::default()
        },
    );
    let reply = service.get("/api/v1/system/status");
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (504, json!("timed-out"))
    );
    assert_eq!(service.get("/health/live").status, 200);
}

#[test]
fn the_document_lists_every_path() {
    let service = Service::start(running());
    let document = service.get("/api/v1/openapi.json").json();
    let mut paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/api/v1/system/hardware",
            "/api/v1/system/metrics",
            "/api/v1/system/status",
            "/health/live",
            "/health/ready",
            "/health/status"
        ]
    );
    for path in paths {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_request_under_way_is_answered_after_stop() {
    let mut service = Service::start(running());
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    service.stop.take().unwrap().send(()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(b"Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    service.runtime.block_on(service.done.take().unwrap()).unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 200 "),
        "{answer}"
    );
    assert!(TcpStream::connect(service.address).is_err());
}
