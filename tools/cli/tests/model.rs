//! `sigmavault model` against a server made for the test.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sigmavault_catalogue::Hasher;
use sigmavault_gguf::{TensorKind, Writer};
use tempfile::TempDir;

/// A model of one file, with random weights.
fn gguf(blocks: u64) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "qwen3")
        .set("general.name", "Test \x1b[2J")
        .set("general.license", "mit")
        .set("qwen3.context_length", 4096_u32)
        .set("qwen3.block_count", 2_u32)
        .set("qwen3.embedding_length", 64_u32)
        .set("tokenizer.ggml.model", "gpt2")
        .set("tokenizer.ggml.pre", "qwen2")
        .set("tokenizer.ggml.tokens", vec!["a".to_owned(), "b".to_owned()]);
    writer.tensor_from("token_embd.weight", &[64, blocks], TensorKind::Q2_0G64, |out| {
        let mut bytes = Vec::new();
        while bytes.len() < usize::try_from(blocks * 18).unwrap() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend(state.to_le_bytes());
        }
        out.write_all(&bytes[..usize::try_from(blocks * 18).unwrap()])
    });
    let mut bytes = Vec::new();
    writer.write(&mut bytes).unwrap();
    bytes
}

/// A server with Range, that counts the bytes it sends and can be slow.
struct Server {
    url: String,
    sent: Arc<AtomicU64>,
}

impl Server {
    fn start(content: Vec<u8>, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::new(AtomicU64::new(0));
        let (counted, content) = (Arc::clone(&sent), Arc::new(content));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (content, counted) = (Arc::clone(&content), Arc::clone(&counted));
                thread::spawn(move || serve(&stream, &content, &counted, pause));
            }
        });
        Self { url, sent }
    }
}

fn serve(mut stream: &TcpStream, content: &[u8], sent: &AtomicU64, pause: Duration) {
    let mut reader = BufReader::new(stream);
    let mut from = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.split('-').next().unwrap().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let (status, length) = (if from > 0 { "206 Partial" } else { "200 OK" }, content.len());
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Range: bytes {from}-{}/{length}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        length - 1,
        length - from
    );
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    for piece in content[from..].chunks(16 << 10) {
        if stream.write_all(piece).is_err() {
            return;
        }
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        thread::sleep(pause);
    }
}

struct Machine {
    root: TempDir,
}

impl Machine {
    /// A machine whose catalogue has one model, `m`, at this address.
    fn new(url: &str, content: &[u8]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/lib/sigmavault");
        fs::create_dir_all(&folder).unwrap();
        let entry = format!(
            "[[model]]\nid = \"m\"\nname = \"Test\"\npublisher = \"Nobody\"\naliases = [\"bitnet-7b\"]\n\
             architecture = \"qwen3\"\nlicence = \"MIT\"\nlicence-url = \"https://example.org/MIT\"\ncontext = 4096\n\
             memory-bytes = 1000000000\n[[model.file]]\nname = \"f.gguf\"\nbytes = {}\nsha256 = \"{}\"\nurl = \"{url}/f.gguf\"\n",
            content.len(),
            Hasher::of(content)
        );
        fs::write(folder.join("models.toml"), entry).unwrap();
        Self { root }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmavault"));
        command
            .arg("model")
            .args(arguments)
            .arg("--root")
            .arg(self.root.path())
            .stdin(Stdio::null())
            .env_remove("http_proxy")
            .env_remove("HTTP_PROXY")
            .env_remove("all_proxy")
            .env_remove("ALL_PROXY");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("var/lib/sigmavault/models")
    }

    fn file(&self) -> PathBuf {
        self.folder().join("m/f.gguf")
    }
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn parsed(output: &Output) -> Value {
    serde_json::from_str(&out(output)).unwrap()
}

#[test]
fn without_a_model_every_command_says_so_in_one_line() {
    let machine = Machine::new("http://127.0.0.1:9", b"abc");
    let list = out(&machine.run(&["list"]));
    assert_eq!(
        list,
        format!(
            "Here        no model is on this machine; get one with: sigmavault model pull\n\
             Offered     m  Test  3 B  953.7 MiB of memory  MIT  bitnet-7b\n\
             Folder      {}\n",
            machine.folder().display()
        )
    );
    let none = "sigmavault: no model is on this machine; get one with: sigmavault model pull\n";
    assert_eq!(refusal(&machine.run(&["verify"])), none);
    assert_eq!(refusal(&machine.run(&["remove", "m"])), none);
    assert_eq!(
        refusal(&machine.run(&["inspect", "m"])),
        "sigmavault: the model m is not on this machine; get it with: sigmavault model pull m\n"
    );
    let message = refusal(&machine.run(&["inspect", "gpt"]));
    assert_eq!(
        message,
        "sigmavault: \"gpt\" is not a file, and there is no model \"gpt\"; there are: m\n"
    );
    let message = refusal(&machine.run(&["pull"]));
    assert!(
        message.starts_with("sigmavault: this machine's model tier is unknown (cannot read "),
        "{message}"
    );
    assert_eq!(machine.run(&["pull", "--nonsense"]).status.code(), Some(2));
}

#[test]
fn the_life_of_a_model() {
    let content = gguf(1000);
    let server = Server::start(content.clone(), Duration::ZERO);
    let machine = Machine::new(&server.url, &content);
    // The licence first.
    assert_eq!(
        refusal(&machine.run(&["pull", "bitnet-7b"])),
        "sigmavault: nothing was fetched: the licence MIT of m was not accepted; read it at https://example.org/MIT, then: \
         sigmavault model pull m --accept-licence MIT\n"
    );
    assert_eq!(
        refusal(&machine.run(&["pull", "m", "--accept-licence", "Apache-2.0"])),
        "sigmavault: nothing was fetched: m has the licence MIT, not Apache-2.0; read it at https://example.org/MIT\n"
    );
    assert_eq!(server.sent.load(Ordering::Relaxed), 0);

    let pulled = parsed(&machine.run(&["pull", "bitnet-7b", "--accept-licence", "MIT", "--json"]));
    let path = machine.file();
    assert_eq!(
        pulled,
        json!([{"id": "m", "name": "Test", "path": path, "bytes": content.len(), "licence": "MIT", "already": false}])
    );
    assert!(fs::read(&path).unwrap() == content);
    // Accepted once is accepted.
    assert_eq!(
        out(&machine.run(&["pull", "m"])),
        format!("m (18.1 KiB) is here: {}\n", path.display())
    );
    let list = parsed(&machine.run(&["list", "--json"]));
    assert_eq!(list["models"][0]["state"], "here");
    assert_eq!(list["models"][0]["path"], json!(path));

    inspected(&machine);

    assert_eq!(
        out(&machine.run(&["verify"])),
        "Model       m\n            f.gguf: good\n"
    );
    let mut damaged = content.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, &damaged).unwrap();
    let output = machine.run(&["verify", "m", "--json"]);
    assert!(refusal(&output).contains("repair them with: sigmavault model pull --repair MODEL"));
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        json!([{"id": "m", "good": false, "files": [{"file": "f.gguf", "state": "damaged", "chunks": [0]}]}])
    );
    out(&machine.run(&["pull", "m", "--repair"]));
    assert!(fs::read(&path).unwrap() == content);

    removed(&machine);
}

fn inspected(machine: &Machine) {
    let found = parsed(&machine.run(&["inspect", "m", "--tensors", "--json"]));
    assert_eq!(found["architecture"], "qwen3");
    assert_eq!(found["quantisation"], "Q2_0 (groups of 64)");
    assert_eq!(
        (&found["parameters"], &found["runs"]),
        (&json!(64000), &json!(false))
    );
    assert_eq!(found["tensors"][0]["shape"], json!([64, 1000]));
    let text = out(&machine.run(&["inspect", machine.file().to_str().unwrap()]));
    assert_eq!(
        text,
        format!(
            "Name        Test \\u{{1b}}[2J\n\
             Model       qwen3\n\
             Licence     mit\n\
             File        {}, 18.1 KiB, GGUF version 3\n\
             Parameters  64000 in 1 tensors\n\
             Layers      2, width 64\n\
             Context     4096 tokens\n\
             Vocabulary  2 tokens, gpt2, without a chat template\n\
             Packed as   Q2_0 (groups of 64)  1 tensors  17.6 KiB\n\
             Runs        no: the model's metadata has no qwen3.attention.head_count\n",
            machine.file().display()
        )
    );
}

fn removed(machine: &Machine) {
    assert_eq!(
        refusal(&machine.run(&["remove", "m"])),
        "sigmavault: nothing was removed: no confirmation; try: sigmavault model remove m --yes\n"
    );
    let served = service(machine.root.path(), true);
    let message = refusal(&machine.run(&["remove", "m", "--yes"]));
    assert!(
        message.starts_with("sigmavault: nothing was removed: sigmavault-ryzan has m loaded; "),
        "{message}"
    );
    assert_eq!(served.join().unwrap(), "GET /v1/models HTTP/1.1");
    // What was said to it lies apart from it.
    let said = machine.root.path().join("var/cache/sigmavault-ryzan");
    for model in ["m", "other"] {
        fs::create_dir_all(said.join(model).join("prefixes-1")).unwrap();
    }
    let served = service(machine.root.path(), false);
    let gone = parsed(&machine.run(&["remove", "bitnet-7b", "--yes", "--json"]));
    served.join().unwrap();
    assert_eq!(gone["id"], "m");
    assert!(!machine.folder().join("m").exists());
    assert!(!said.join("m").exists() && said.join("other").exists());
}

/// A service that has the model loaded, or not, and answers once.
fn service(root: &Path, loaded: bool) -> thread::JoinHandle<String> {
    let path = root.join("run/sigmavault/ryzan.sock");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let body =
        json!({"object": "list", "data": [{"id": "bitnet-7b", "resolved_model": "m", "loaded": loaded}]});
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..length])
            .lines()
            .next()
            .unwrap()
            .to_owned()
    })
}

#[test]
fn what_cannot_run_says_why() {
    let machine = Machine::new("http://127.0.0.1:9", b"abc");
    let path = machine.root.path().join("x.gguf");
    let mut writer = Writer::new();
    writer.set("general.architecture", "gpt2");
    writer.tensor("a", &[256, 1], TensorKind::Iq1S, &[0; 50]);
    writer.write(&mut fs::File::create(&path).unwrap()).unwrap();
    let text = out(&machine.run(&["inspect", path.to_str().unwrap()]));
    assert!(
        text.ends_with(
            "Runs        no: the engine does not run the architecture \"gpt2\"\n            \
             no: 1 of the tensors, \"a\" first, are of the kind IQ1_S, which the engine does not have\n            \
             no: the file has no vocabulary (tokenizer.ggml.tokens)\n"
        ),
        "{text}"
    );
    fs::write(&path, "<html>").unwrap();
    let message = refusal(&machine.run(&["inspect", path.to_str().unwrap()]));
    assert!(
        message.contains(" is not a whole GGUF file: it begins with "),
        "{message}"
    );
}

/// What the engine says, not only the header: a whole model runs, and one whose settings the engine would ignore does not.
#[test]
fn what_the_engine_runs_is_what_inspect_says() {
    let machine = Machine::new("http://127.0.0.1:9", b"abc");
    let path = machine.root.path().join("x.gguf");
    sigmavault_small_model::write(&path);
    let whole = fs::read(&path).unwrap();
    let text = out(&machine.run(&["inspect", path.to_str().unwrap()]));
    assert!(text.ends_with("Runs        yes\n"), "{text}");
    // A key of the same length that the engine does not know.
    let key = b"qwen3.rope.freq_base";
    let at = whole.windows(key.len()).position(|part| part == key).unwrap();
    let mut changed = whole;
    changed[at..][..key.len()].copy_from_slice(b"qwen3.rope.freq_swaa");
    fs::write(&path, changed).unwrap();
    let text = out(&machine.run(&["inspect", path.to_str().unwrap()]));
    assert!(
        text.ends_with(
            "Runs        no: the model's metadata has qwen3.rope.freq_swaa = 10000, which the engine does not apply to models of \
             architecture \"qwen3\"; without it the answers would be wrong\n"
        ),
        "{text}"
    );
}

/// Waits until the server has sent this much more, or the program has ended.
fn wait_for(server: &Server, child: &mut std::process::Child, bytes: u64) {
    let start = server.sent.load(Ordering::Relaxed);
    while server.sent.load(Ordering::Relaxed) < start + bytes && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn fifty_kills_end_with_the_right_file() {
    // 45 MB: six pieces of 8 MiB.
    let content = gguf(2_500_000);
    let server = Server::start(content.clone(), Duration::from_micros(100));
    let machine = Machine::new(&server.url, &content);
    let pull = ["pull", "m", "--accept-licence", "MIT"];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for kill in 0..50 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut child = machine.command(&pull).stderr(Stdio::null()).spawn().unwrap();
        // Once until a piece is surely there, however slowly the program reads what was sent.
        let bytes = if kill == 25 {
            12 << 20
        } else {
            (random >> 33) % 1_200_000
        };
        wait_for(&server, &mut child, bytes);
        assert!(child.try_wait().unwrap().is_none(), "it ended before kill {kill}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!machine.file().exists());
    }
    let before = server.sent.load(Ordering::Relaxed);
    out(&machine.run(&pull));
    assert!(fs::read(machine.file()).unwrap() == content);
    // The kills left something to go on from.
    let last = server.sent.load(Ordering::Relaxed) - before;
    assert!(
        last < content.len() as u64,
        "{last} of {} bytes were sent",
        content.len()
    );
}

#[test]
fn ctrl_c_leaves_a_file_to_go_on_with() {
    let content = gguf(400_000);
    let server = Server::start(content.clone(), Duration::from_millis(2));
    let machine = Machine::new(&server.url, &content);
    let pull = ["pull", "m", "--accept-licence", "MIT"];
    let mut child = machine.command(&pull).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&server, &mut child, 3 << 20);
    let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = refusal(&output);
    assert!(message.starts_with("sigmavault: stopped at "), "{message}");
    assert!(
        message.ends_with("bytes of f.gguf; the same command resumes the download\n"),
        "{message}"
    );
    assert_eq!(
        parsed(&machine.run(&["list", "--json"]))["models"][0]["state"],
        "begun"
    );
    let before = server.sent.load(Ordering::Relaxed);
    out(&machine.run(&pull));
    assert!(fs::read(machine.file()).unwrap() == content);
    assert!(server.sent.load(Ordering::Relaxed) - before < content.len() as u64 - (1 << 20));
}
