//! The service's client, with a service made for the test at the other end of a socket.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::thread;

use sigmavault_types::storage::{Guid, JobState, Scrub};
use zbus::connection;
use zbus::object_server::SignalEmitter;

use super::*;

/// An error with a name of the service.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.sigmavault.Storage1.Error")]
enum Refused {
    #[zbus(error)]
    ZBus(zbus::Error),
    NotApproved(String),
}

/// Knows one plan and one job.
struct Fake {
    /// The key of the execution.
    key: Vec<u8>,
}

const JOB: &str = r#"{"id": "job_1", "work": "plan", "digest": "d1", "state": "running", "done": 1, "total": 2, "rate": null,
    "seconds_left": null, "began": 1, "ended": null, "error": null}"#;

#[allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the shape of an interface"
)]
#[zbus::interface(name = "org.sigmavault.Storage1")]
impl Fake {
    fn get_state(&self) -> String {
        r#"{"world": {"time": 7}}"#.to_owned()
    }

    fn get_snapshots(&self, dataset: &str, recursive: bool) -> String {
        assert_eq!((dataset, recursive), ("tank", true));
        "[]".to_owned()
    }

    fn plan(&self, request_json: &str) -> Result<String, Refused> {
        assert_eq!(
            request_json,
            r#"{"operation":"pool-scrub","pool":"1","scrub":"start"}"#
        );
        Ok("no plan".to_owned())
    }

    fn approve(&self, digest: &str, confirm: &str) -> Result<(), Refused> {
        if (digest, confirm) == ("d1", "tank") {
            return Ok(());
        }
        Err(Refused::NotApproved("type tank to approve it".to_owned()))
    }

    fn execute(&self, digest: &str) -> Result<String, Refused> {
        assert_eq!(digest, "d1");
        Ok("job_1".to_owned())
    }

    fn execute_with_key(&mut self, digest: &str, key: zbus::OwnedFd) -> Result<String, Refused> {
        assert_eq!(digest, "d1");
        let key = OwnedFd::from(key);
        let read = File::from(key).read_to_end(&mut self.key);
        read.map_err(|error| Refused::NotApproved(error.to_string()))?;
        Ok(String::from_utf8_lossy(&self.key).into_owned())
    }

    async fn get_job(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        id: &str,
    ) -> Result<String, Refused> {
        assert_eq!(id, "job_1");
        emitter.job_changed(JOB).await?;
        emitter.job_changed(JOB).await?;
        Ok(JOB.to_owned())
    }

    #[zbus(signal)]
    async fn job_changed(emitter: &SignalEmitter<'_>, job_json: &str) -> zbus::Result<()>;
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client of the service that is made for the test.
fn client() -> Service {
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        runtime().block_on(async {
            let fake = Fake { key: Vec::new() };
            let served = connection::Builder::unix_stream(theirs)
                .server(zbus::Guid::generate())
                .p2p()
                .serve_at("/org/sigmavault/Storage1", fake)
                .build()
                .await
                .unwrap();
            served.closed().await;
        });
    });
    let connect = async { connection::Builder::unix_stream(ours).p2p().build().await };
    Service::over(runtime(), connect).unwrap()
}

#[test]
fn calls_reach_the_service_and_its_errors_are_texts_for_people() {
    let mut service = client();
    assert_eq!(service.state().unwrap().world.time, 7);
    assert_eq!(service.snapshots("tank", true).unwrap(), []);
    let request = Request::PoolScrub {
        pool: Guid(1),
        scrub: Scrub::Start,
    };
    assert_eq!(
        service.plan(&request).unwrap_err().to_string(),
        "the storage service's answer is not understood (expected ident at line 1 column 2); after an update, restart it: \
         systemctl restart sigmavault-storage.service"
    );
    service.approve("d1", "tank").unwrap();
    assert_eq!(
        service.approve("d1", "").unwrap_err().to_string(),
        "type tank to approve it"
    );
    assert_eq!(service.execute("d1", None).unwrap(), "job_1");
    let key = Secret(b"correct horse".to_vec());
    assert_eq!(service.execute("d1", Some(&key)).unwrap(), "correct horse");
}

#[test]
fn signals_end_waiting_and_several_are_one() {
    let mut service = client();
    // From the first call on it listens.
    assert!(!service.wait(Duration::from_millis(1)).unwrap());
    let job = service.job("job_1").unwrap();
    assert_eq!((job.state, job.done, job.total), (JobState::Running, 1, 2));
    assert!(service.wait(Duration::from_mins(1)).unwrap());
    assert!(!service.wait(Duration::from_millis(1)).unwrap());
}

#[test]
fn a_service_that_is_gone_is_said() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    let connect = async { connection::Builder::unix_stream(ours).p2p().build().await };
    let error = Service::over(runtime(), connect).err().unwrap().to_string();
    assert!(error.starts_with("the system bus cannot be reached ("), "{error}");
    assert!(
        error.ends_with("); see: systemctl status dbus.service"),
        "{error}"
    );
}

#[test]
fn errors_say_what_to_do() {
    let text = "there is no pool tank".to_owned();
    for (name, expected) in [
        ("org.sigmavault.Storage1.Error.Refused", "there is no pool tank"),
        (
            "org.sigmavault.Storage1.Error.NotAuthorized",
            "this user may not do that (there is no pool tank); try: sudo sigmavault ...",
        ),
        (
            "org.freedesktop.systemd1.NoSuchUnit",
            "the storage service does not run (there is no pool tank); see: systemctl status sigmavault-storage.service",
        ),
        (
            "org.example.Error",
            "the storage service's answer is not understood (org.example.Error: there is no pool tank); after an update, \
                 restart it: systemctl restart sigmavault-storage.service",
        ),
    ] {
        assert_eq!(by_name(name, text.clone()).to_string(), expected);
    }
    let error = fdo::Error::ServiceUnknown("no such name".to_owned());
    assert_eq!(
        described(zbus::Error::FDO(Box::new(error))).to_string(),
        "the storage service does not run (no such name); see: systemctl status sigmavault-storage.service"
    );
    assert_eq!(
        by_name("org.sigmavault.Storage1.Error.Busy", String::new()).to_string(),
        "the storage service refuses that (Busy)"
    );
}

#[test]
fn a_key_is_read_to_its_end() {
    let pipe = pipe_of(&Secret(b"correct horse".to_vec())).unwrap();
    let mut key = Vec::new();
    File::from(pipe).read_to_end(&mut key).unwrap();
    assert_eq!(key, b"correct horse");
}
