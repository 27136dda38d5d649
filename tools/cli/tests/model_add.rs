//! `sigmavault model add`: files of ollama, parts, folders and URLs.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sigmavault_catalogue::Hasher;
use sigmavault_gguf::{TensorKind, Writer};
use sigmavault_small_model as small_model;
use tempfile::TempDir;

/// A tokenizer of the family of BERT's, as `tokenizers` saves it.
const WORD_PIECES: &str = r###"{"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100, "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "##b": 6}},
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": null, "post_processor": null, "truncation": null, "padding": null,
    "version": "1.0", "added_tokens": []}"###;

/// Bytes of keys and values of the small model for 4096 tokens, and of what the service needs besides.
const MEMORY: usize = 4096 * 2 * 128 * 2 + 150_000_000;

/// A model that runs, of this name, with a file that differs from those of other numbers.
fn gguf(name: &str, number: usize) -> Vec<u8> {
    let note = "n".repeat(number);
    small_model::file(&[
        ("general.name", name),
        ("general.license", "apache-2.0"),
        ("general.description", &note),
    ])
}

struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/lib/sigmavault");
        fs::create_dir_all(&folder).unwrap();
        let vendor = include_str!("../../../units/ryzan/models.toml");
        fs::write(folder.join("models.toml"), vendor).unwrap();
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

    fn models(&self) -> PathBuf {
        self.root.path().join("var/lib/sigmavault/models")
    }

    /// Everything in the folder of models.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.models()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A file outside the folder of models.
    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
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
fn a_file_of_ollama_is_a_model_like_others() {
    let machine = Machine::new();
    let content = gguf("Tiny Chat 1.5 \u{1b}[2J", 500);
    let blob = machine.write(&format!("blobs/sha256-{}", Hasher::of(&content)), &content);
    let added = parsed(&machine.run(&["add", &blob, "--json"]));
    let path = machine.models().join("tiny-chat-1.5-2j/model.gguf");
    assert_eq!(
        added,
        json!({"id": "tiny-chat-1.5-2j", "name": "Tiny Chat 1.5 \\u{1b}[2J", "path": path, "bytes": content.len(),
               "architecture": "qwen3", "licence": "Apache-2.0", "context": 32768,
               "memory_bytes": content.len() + MEMORY, "replaced": false, "linked": false})
    );
    assert!(fs::read(&path).unwrap() == content);
    let list = parsed(&machine.run(&["list", "--json"]));
    let listed = &list["models"][0];
    assert_eq!(
        (&listed["id"], &listed["state"], &listed["origin"]),
        (&json!("tiny-chat-1.5-2j"), &json!("here"), &Value::Null)
    );
    let verified = out(&machine.run(&["verify"]));
    assert_eq!(
        verified,
        "Model       tiny-chat-1.5-2j\n            model.gguf: good\n"
    );
    let found = parsed(&machine.run(&["inspect", "tiny-chat-1.5-2j", "--json"]));
    assert_eq!(found["file"], json!(path));
    // The name says what must be in it.
    let other = machine.write(&format!("blobs/sha256-{}", Hasher::of(b"other")), &content);
    let message = refusal(&machine.run(&["add", &other, "--id", "x"]));
    assert!(message.contains("it is damaged, or another file"), "{message}");
    assert_eq!(machine.names(), ["tiny-chat-1.5-2j"]);
    out(&machine.run(&["remove", "tiny-chat-1.5-2j", "--yes"]));
    assert!(machine.names().is_empty());
}

#[test]
fn what_is_here_is_replaced_only_when_that_is_said() {
    let machine = Machine::new();
    let file = machine.write("m.gguf", &gguf("", 10));
    let text = out(&machine.run(&["add", &file]));
    assert!(
        text.ends_with("\nqwen3, licence Apache-2.0, context of 32768 tokens, 145.1 MiB of memory\n"),
        "{text}"
    );
    machine.write("m.gguf", &gguf("", 20));
    assert_eq!(
        refusal(&machine.run(&["add", &file])),
        "sigmavault: nothing was added: m is here already; replace it with --yes, or choose another id with --id\n"
    );
    assert_eq!(
        fs::metadata(machine.models().join("m/model.gguf")).unwrap().len(),
        gguf("", 10).len() as u64
    );
    let cache = machine
        .root
        .path()
        .join("var/cache/sigmavault-ryzan/m/prefixes-1");
    fs::create_dir_all(&cache).unwrap();
    assert_eq!(
        parsed(&machine.run(&["add", &file, "--yes", "--json"]))["replaced"],
        true
    );
    assert_eq!(
        fs::metadata(machine.models().join("m/model.gguf")).unwrap().len(),
        gguf("", 20).len() as u64
    );
    assert!(!cache.exists());
    assert_eq!(machine.names(), ["m"]);
    for (id, why) in [
        (
            "bonsai-8b-t",
            "the catalogue offers \"bonsai-8b-t\"; choose another id with --id",
        ),
        ("embedding", "the catalogue offers \"embedding\""),
        ("../x", "the id \"../x\" must be of a to z"),
    ] {
        let message = refusal(&machine.run(&["add", &file, "--id", id]));
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn parts_are_put_together() {
    let machine = Machine::new();
    let [one, two] = small_model::parts(&[("general.name", "Split")]);
    let first = machine.write("parts/x-00001-of-00002.gguf", &one);
    let message = refusal(&machine.run(&["add", &first]));
    assert!(message.contains("x-00002-of-00002.gguf is missing"), "{message}");
    let second = machine.write("parts/x-00002-of-00002.gguf", &two);
    for given in [
        second.as_str(),
        Path::new(&first).parent().unwrap().to_str().unwrap(),
    ] {
        let added = parsed(&machine.run(&["add", given, "--yes", "--json"]));
        assert_eq!(added["id"], "split");
        let found = parsed(&machine.run(&["inspect", "split", "--json"]));
        assert_eq!(found["runs"], true);
    }
}

#[test]
fn what_the_engine_does_not_run_is_refused_by_its_verdict() {
    let machine = Machine::new();
    let mut layers = Writer::new();
    layers
        .set("general.architecture", "qwen3")
        .set("tokenizer.ggml.model", "gpt2")
        .set("tokenizer.ggml.pre", "qwen2")
        .set("tokenizer.ggml.tokens", vec!["a".to_owned(), "b".to_owned()])
        .set("qwen3.context_length", 4096_u32)
        .set("qwen3.block_count", 2_u32)
        .set("qwen3.embedding_length", 64_u32);
    layers.tensor("token_embd.weight", &[64, 2], TensorKind::Q2_0G64, &[5; 36]);
    let mut without = Vec::new();
    layers.write(&mut without).unwrap();
    let other = small_model::file(&[("general.architecture", "gpt5")]);
    let unread = small_model::file(&[("qwen3.rope.scaling.type", "dynamic")]);
    // By its header, by a setting that is not applied, by what is missing in it.
    for (name, content) in [("other", other), ("unread", unread), ("without", without)] {
        let file = machine.write(&format!("{name}.gguf"), &content);
        let verdict = parsed(&machine.run(&["inspect", &file, "--json"]));
        let obstacle = verdict["obstacles"][0].as_str().unwrap();
        assert_eq!(
            refusal(&machine.run(&["add", &file])),
            format!("sigmavault: nothing was added: the engine cannot run {file}:\n  {obstacle}\n")
        );
    }
    let page = machine.write("page.gguf", b"<html>\x1b]0;x\x07 not found");
    assert_eq!(
        refusal(&machine.run(&["add", &page])),
        format!(
            "sigmavault: nothing was added: {page} is no model: it begins with \"<html>\\u{{1b}}]0;x\\u{{7}} not\"; \
             a model is a GGUF file, or a folder with config.json, tokenizer.json and safetensors files\n"
        )
    );
    let torn = machine.write("torn.gguf", &gguf("Torn", 9)[..200]);
    assert!(
        refusal(&machine.run(&["add", &torn]))
            .starts_with(&format!("sigmavault: nothing was added: {torn}: "))
    );
    assert!(machine.names().is_empty());
}

#[test]
fn a_folder_of_transformers_is_taken_whole() {
    let machine = Machine::new();
    let bert = Path::new(env!("CARGO_MANIFEST_DIR")).join("../libs/llm/tests/fixtures/bert");
    for name in ["config.json", "model.safetensors"] {
        machine.write(&format!("mini-lm/{name}"), &fs::read(bert.join(name)).unwrap());
    }
    let folder = machine.root.path().join("mini-lm");
    let folder = folder.to_str().unwrap();
    let message = refusal(&machine.run(&["add", folder]));
    assert!(message.contains("needs tokenizer.json beside them"), "{message}");
    machine.write("mini-lm/tokenizer.json", b"{}");
    let message = refusal(&machine.run(&["add", folder, "--id", "mini-lm"]));
    assert!(message.contains("the engine cannot run"), "{message}");
    machine.write("mini-lm/tokenizer.json", WORD_PIECES.as_bytes());
    machine.write("mini-lm/README.md", b"---\nlicense: mit\n---\n");
    machine.write("mini-lm/pytorch_model.bin", b"not taken");
    let added = parsed(&machine.run(&["add", folder, "--id", "mini-lm", "--json"]));
    assert_eq!(
        (&added["licence"], &added["architecture"]),
        (&json!("MIT"), &json!("bert"))
    );
    assert_eq!(
        added["path"],
        json!(machine.models().join("mini-lm/model.safetensors"))
    );
    let list = parsed(&machine.run(&["list", "--json"]));
    assert_eq!(list["models"][0]["use"], "embedding");
    assert!(!machine.models().join("mini-lm/pytorch_model.bin").exists());
    assert!(out(&machine.run(&["verify"])).contains("tokenizer.json: good"));
}

#[test]
fn a_link_is_made_only_of_what_nobody_else_can_change() {
    let machine = Machine::new();
    let file = machine.write("m.gguf", &gguf("", 10));
    let rights = |mode: u32| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    for (mode, why) in [
        (0o666, "everybody may write it"),
        (0o600, "the service, which is another user, may not read it"),
    ] {
        rights(mode);
        let message = refusal(&machine.run(&["add", &file, "--link"]));
        assert!(message.contains(why), "{message}");
        assert!(machine.names().is_empty());
    }
    rights(0o644);
    assert_eq!(
        parsed(&machine.run(&["add", &file, "--link", "--json"]))["linked"],
        true
    );
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(
        inode(&machine.models().join("m/model.gguf")),
        inode(Path::new(&file))
    );
    out(&machine.run(&["verify"]));
}

/// Answers every request with this head and these bytes, cut or slow as asked.
fn serve(head: &'static str, content: Vec<u8>, pause: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let (counted, content) = (Arc::clone(&sent), Arc::new(content));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, content, counted) = (stream, Arc::clone(&content), Arc::clone(&counted));
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                }
                let _ = stream.write_all(head.as_bytes());
                for piece in content.chunks(16 << 10) {
                    if stream.write_all(piece).is_err() {
                        return;
                    }
                    counted.fetch_add(piece.len(), Ordering::Relaxed);
                    thread::sleep(pause);
                }
            });
        }
    });
    (url, sent)
}

#[test]
fn a_url_is_fetched_and_its_secrets_are_not_kept() {
    let machine = Machine::new();
    let content = gguf("From the net", 3000);
    let (url, _) = serve(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        content.clone(),
        Duration::ZERO,
    );
    let given = format!("{url}/a/My-Model.gguf?token=secret");
    assert!(refusal(&machine.run(&["add", &given])).contains("is fetched without encryption"));
    let digest = Hasher::of(&content).to_string();
    let wrong = Hasher::of(b"").to_string();
    assert!(refusal(&machine.run(&["add", &given, "--sha256", &wrong])).contains("has the SHA-256"));
    assert!(machine.names().is_empty());
    let added = parsed(&machine.run(&["add", &given, "--sha256", &digest, "--json"]));
    assert_eq!(
        (&added["id"], &added["name"]),
        (&json!("my-model"), &json!("From the net"))
    );
    let record = fs::read_to_string(machine.models().join("my-model/model.json")).unwrap();
    assert!(
        record.contains("/a/My-Model.gguf\"") && !record.contains("secret"),
        "{record}"
    );
    // Longer than announced: the rest is not read, and what is missing of the model is told.
    let (url, _) = serve(
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n",
        content,
        Duration::ZERO,
    );
    let message = refusal(&machine.run(&["add", &format!("{url}/b.gguf"), "--sha256", &digest]));
    assert!(message.contains("has the SHA-256"), "{message}");
    let (url, _) = serve(
        "HTTP/1.1 200 OK\r\n\r\n",
        b"<html>no such model".to_vec(),
        Duration::ZERO,
    );
    let message = refusal(&machine.run(&["add", &format!("{url}/c.gguf"), "--sha256", &digest]));
    assert!(
        message.contains("is no model: it begins with \"<html>no such mo\""),
        "{message}"
    );
    assert_eq!(machine.names(), ["my-model"]);
}

#[test]
fn ctrl_c_leaves_nothing() {
    let machine = Machine::new();
    let content = gguf("Slow", 8_000_000);
    let digest = Hasher::of(&content).to_string();
    let (url, sent) = serve("HTTP/1.1 200 OK\r\n\r\n", content, Duration::from_millis(5));
    let url = format!("{url}/slow.gguf");
    let mut child = machine
        .command(&["add", &url, "--sha256", &digest])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while sent.load(Ordering::Relaxed) < 1 << 20 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let (done, ended) = mpsc::channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    let output = ended.recv_timeout(Duration::from_mins(1)).unwrap().unwrap();
    assert_eq!(refusal(&output), "sigmavault: stopped; nothing was added\n");
    assert!(machine.names().is_empty(), "{:?}", machine.names());
    // Nor does one that was killed stand in the way of the next.
    fs::create_dir_all(machine.models().join(".adding")).unwrap();
    fs::write(machine.models().join(".adding/model.gguf"), "left").unwrap();
    let file = machine.write("m.gguf", &gguf("", 10));
    out(&machine.run(&["add", &file]));
    assert_eq!(machine.names(), ["m"]);
}
