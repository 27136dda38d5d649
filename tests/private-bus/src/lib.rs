//! For tests: a message bus of one's own, and an authority on it in polkit's place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test ends when it has no bus"
)]
// What the macro calls must take what polkit is sent.
#![allow(clippy::needless_pass_by_value, clippy::used_underscore_binding)]

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use zbus::{Connection, OwnedVariant, connection};

/// A bus that anybody may be on and own names of. It ends with this value.
#[derive(Debug)]
pub struct Bus {
    child: Child,
    /// Its address.
    pub address: String,
    _folder: tempfile::TempDir,
}

impl Bus {
    /// Starts one.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>custom</type><listen>unix:dir={}</listen>\
             <policy context=\"default\"><allow user=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
            folder.path().display()
        );
        std::fs::write(&config, text).unwrap();
        // Programs of other users reach it too.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut child = Command::new("dbus-daemon")
            .arg("--config-file")
            .arg(&config)
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs the program dbus-daemon");
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Self {
            child,
            address: address.trim().to_owned(),
            _folder: folder,
        }
    }

    /// A connection to it.
    pub async fn connect(&self) -> Connection {
        connection::Builder::address(self.address.as_str())
            .build()
            .await
            .unwrap()
    }

    /// An authority on it, which answers yes or no.
    pub async fn authority(&self, yes: bool) -> Authority {
        let (asked, questions) = channel();
        let answer = Arc::new(AtomicBool::new(yes));
        let object = Object {
            answer: Arc::clone(&answer),
            asked,
        };
        let connection = connection::Builder::address(self.address.as_str())
            .serve_at("/org/freedesktop/PolicyKit1/Authority", object)
            .name("org.freedesktop.PolicyKit1")
            .build()
            .await
            .unwrap();
        Authority {
            answer,
            questions,
            _connection: connection,
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the authority was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// By what the caller is told: `system-bus-name`.
    pub subject: String,
    /// The action.
    pub action: String,
    /// Its details.
    pub details: HashMap<String, String>,
}

/// An authority in polkit's place, as long as this value lives.
#[derive(Debug)]
pub struct Authority {
    answer: Arc<AtomicBool>,
    questions: Receiver<Question>,
    _connection: Connection,
}

impl Authority {
    /// What it answers from now on.
    pub fn answers(&self, yes: bool) {
        self.answer.store(yes, Ordering::SeqCst);
    }

    /// The questions that were not told yet.
    pub fn questions(&self) -> Vec<Question> {
        self.questions.try_iter().collect()
    }
}

struct Object {
    answer: Arc<AtomicBool>,
    asked: Sender<Question>,
}

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Object {
    fn check_authorization(
        &self,
        subject: (String, HashMap<String, OwnedVariant>),
        action: &str,
        details: HashMap<String, String>,
        _flags: u32,
        _cancellation: &str,
    ) -> (bool, bool, HashMap<String, String>) {
        let question = Question {
            subject: subject.0,
            action: action.to_owned(),
            details,
        };
        // A test that has heard enough may have dropped its end.
        let _ = self.asked.send(question);
        (self.answer.load(Ordering::SeqCst), false, HashMap::new())
    }
}
