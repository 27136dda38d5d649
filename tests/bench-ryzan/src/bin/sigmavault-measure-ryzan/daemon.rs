//! The service, started on its own machine: a folder with a catalogue of two models with random weights.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use sigmavault_bench_ryzan::weights::{self, Encoding, Shape};
use sigmavault_host::run::{Invocation, Local};
use sigmavault_service::ask::Client;

use crate::http;

/// The unit that starts the service on a real machine.
const UNIT: &str = include_str!("../../../../../units/ryzan/sigmavault-ryzan.service");

/// Idle seconds after which the service releases the memory of weights, so that rest is measured before and after.
pub const REST_SECONDS: u64 = 20;

/// A model of the catalogue.
#[derive(Debug)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Size of its file.
    pub bytes: u64,
}

/// The folder that represents the machine.
#[derive(Debug)]
pub struct Machine {
    folder: PathBuf,
    /// The measured model, and one to swap with.
    pub models: [Entry; 2],
}

impl Machine {
    /// Creates it in a folder; existing model files are reused.
    pub fn make(folder: &Path, shapes: [Shape; 2], threads: usize) -> anyhow::Result<Self> {
        for part in ["models", "usr/lib/sigmavault", "run/sigmavault", "etc/sigmavault"] {
            fs::create_dir_all(folder.join(part))
                .with_context(|| format!("cannot make folders in {}", folder.display()))?;
        }
        for name in ["proc", "sys"] {
            if !folder.join(name).exists() {
                symlink(Path::new("/").join(name), folder.join(name))?;
            }
        }
        let mut catalogue = String::new();
        let mut models = Vec::new();
        for (shape, alias) in shapes.into_iter().zip(["bitnet-7b", "draft-350m"]) {
            let id = format!("random-{shape}");
            let home = folder.join("models").join(&id);
            fs::create_dir_all(&home)?;
            let file = home.join("model.gguf");
            weights::chat_file(&file, shape, Encoding::Q2_0)?;
            let bytes = fs::metadata(&file)?.len();
            write!(
                catalogue,
                "[[model]]\nid = \"{id}\"\nname = \"{id}\"\npublisher = \"nobody\"\naliases = [\"{alias}\"]\nuse = \"chat\"\n\
                 architecture = \"qwen3\"\nlicence = \"MIT\"\nlicence-url = \"https://example.org\"\ncontext = 32768\n\
                 memory-bytes = {bytes}\n[[model.file]]\nname = \"model.gguf\"\nbytes = {bytes}\nsha256 = \"{}\"\n\
                 url = \"https://example.org/model.gguf\"\n",
                "0".repeat(64)
            )?;
            models.push(Entry { id, bytes });
        }
        let models: [Entry; 2] = models.try_into().map_err(|_| anyhow::anyhow!("two shapes"))?;
        fs::write(folder.join("usr/lib/sigmavault/models.toml"), catalogue)?;
        // Enough memory for one of them, but not for both.
        let largest = models.iter().map(|model| model.bytes).max().unwrap_or(0);
        let hardware = json!({
            "version": 1, "detected_at": "2026-01-01T00:00:00Z",
            "machine": {"vendor": null, "product": null, "board": null},
            "virtualisation": {"hypervisor": null, "container": null},
            "memory": {"installed_bytes": largest * 2, "seen_bytes": largest * 2, "limit_bytes": null,
                       "source": "smbios-modules", "how": "as much as one model takes", "modules": []},
            "cpu": {"vendor": "", "model": "", "arch": "x86_64", "physical_cores": threads, "logical_cores": threads, "isa": []},
            "bandwidth": null, "disks": [], "sensors": [],
            "model": {"tier": "bitnet-7b", "source": "rule", "overridden": false, "by_hardware": "bitnet-7b",
                      "reason": "a measurement", "warnings": []},
            "warnings": []
        });
        fs::write(folder.join("run/sigmavault/hardware.json"), hardware.to_string())?;
        // Pressure is read as usual but never lowers the pace.
        let settings = format!(
            "[model]\nfolder = \"{}\"\nmemory-percent = 60\n[engine]\nthreads = {threads}\n\
             rest-seconds = {REST_SECONDS}\n[yield]\nio-halve = 100.0\nio-pause = 100.0\ncpu-halve = 100.0\nmemory-pause = 100.0\n",
            folder.join("models").display()
        );
        fs::write(folder.join("etc/sigmavault/ryzan.toml"), settings)?;
        Ok(Self {
            folder: folder.to_owned(),
            models,
        })
    }
}

impl Machine {
    /// Where the service keeps the packed weights of a model.
    pub fn packed(&self, model: usize) -> PathBuf {
        self.cache(&self.models[model].id).join("model.gguf.panels")
    }

    /// Removes cached prefixes: they take hundreds of megabytes, and each measurement starts without them.
    pub fn forget_prefixes(&self) -> anyhow::Result<()> {
        for model in &self.models {
            let entries = match fs::read_dir(self.cache(&model.id)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with("prefixes-") {
                    fs::remove_dir_all(entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// The service's own folder for a model.
    fn cache(&self, id: &str) -> PathBuf {
        self.folder.join("var/cache/sigmavault-ryzan").join(id)
    }
}

/// The running service.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
    /// Client over TCP, as for everybody.
    tcp: Option<Client>,
    /// Client over the socket, with permission to load and unload.
    socket: Client,
    socket_path: PathBuf,
    /// Time from its start until its model was ready.
    pub ready_after: Duration,
}

impl Daemon {
    /// Starts the program and waits until the first model is ready.
    pub fn start(program: &Path, machine: &Machine) -> anyhow::Result<Self> {
        let socket = machine.folder.join("run/sigmavault/ryzan.sock");
        let began = Instant::now();
        // There is no service manager to notify.
        let invocation = environment(UNIT)
            .fold(Invocation::new("env"), |invocation, (name, value)| {
                invocation.env(name, value)
            })
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
            .args(["-u", "NOTIFY_SOCKET"])
            .arg(program)
            .args(["--listen", "127.0.0.1:0", "--root"])
            .arg(&machine.folder)
            .arg("--socket")
            .arg(&socket);
        let mut child = Local.spawn(&invocation)?;
        let stderr = child.stderr.take().context("the service has no standard error")?;
        let mut daemon = Self {
            child,
            log: BufReader::new(stderr),
            tcp: None,
            socket: http::unix(&socket),
            socket_path: socket,
            ready_after: Duration::ZERO,
        };
        let mut log = String::new();
        while !log.lines().any(|line| line.ends_with(" is ready")) {
            let before = log.len();
            if daemon.log.read_line(&mut log)? == 0 || log.contains("no model is loaded") {
                bail!("the service did not start:\n{log}");
            }
            if let Some((_, rest)) = log[before..].split_once("listening on http://") {
                let address = rest.split(' ').next().unwrap_or_default();
                daemon.tcp = Some(http::tcp(address.parse()?));
            }
        }
        daemon.ready_after = began.elapsed();
        Ok(daemon)
    }

    fn tcp(&self) -> anyhow::Result<&Client> {
        self.tcp.as_ref().context("the service does not listen over TCP")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its socket is.
    pub fn socket_path(&self) -> &Path {
        &self.socket_path
    }

    /// The answer to a chat request.
    pub fn chat(&self, body: &Value) -> anyhow::Result<Value> {
        http::post(self.tcp()?, "/v1/chat/completions", body)
    }

    /// An answer from a service that may have enough to do. Says how often it refused before.
    pub fn chat_until_taken(&self, body: &Value) -> anyhow::Result<usize> {
        http::post_until_taken(self.tcp()?, "/v1/chat/completions", body)
    }

    /// Time until the first text of an answer.
    pub fn first_text(&self, body: &Value) -> anyhow::Result<Duration> {
        let mut body = body.clone();
        body["stream"] = json!(true);
        http::first_text(self.tcp()?, "/v1/chat/completions", &body)
    }

    /// Its state.
    pub fn status(&self) -> anyhow::Result<Value> {
        http::get(&self.socket, "/control/status")
    }

    /// Loads a model; returns the time taken.
    pub fn load(&self, model: &str) -> anyhow::Result<Duration> {
        let began = Instant::now();
        http::post(&self.socket, "/control/load", &json!({"model": model}))?;
        Ok(began.elapsed())
    }

    /// Stops it as the service manager does, and waits for its end.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let id = Pid::from_raw(self.child.id().try_into()?);
        kill(id, Signal::SIGTERM).context("cannot stop the service")?;
        let mut rest = String::new();
        self.log.read_to_string(&mut rest)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the service ended with {status}:\n{rest}");
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // After stop() this fails, as the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Variables that a unit sets.
fn environment(unit: &str) -> impl Iterator<Item = (&str, &str)> {
    unit.lines()
        .filter_map(|line| line.strip_prefix("Environment="))
        .flat_map(str::split_whitespace)
        .filter_map(|setting| setting.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_unit_are_found() {
        let found: Vec<_> = environment("[Service]\nEnvironment=A=1 B_=x=y\nUser=u\n").collect();
        assert_eq!(found, [("A", "1"), ("B_", "x=y")]);
        assert!(environment(UNIT).any(|(name, _)| name == "MALLOC_ARENA_MAX"));
    }
}
