//! A small model file, and the service started with it.
//!
//! The model is a real one in every respect but size and sense: Qwen3's architecture with ternary weights drawn at
//! random, a vocabulary of single bytes, and a chat template with tools and reasoning.

#![allow(clippy::unwrap_used, dead_code)]

pub mod machine;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sigmavault_gguf::{TensorKind, Writer};
use tempfile::TempDir;

const WIDTH: u64 = 128;
const FEED_FORWARD: u64 = 192;
const HEAD: u64 = 64;
const LAYERS: u32 = 2;

/// Tokens after the 256 bytes, with their kinds in the file: 3 steers the model, 4 is text that is one token.
const SPECIALS: [(&str, i32); 7] = [
    ("<|endoftext|>", 3),
    ("<|im_start|>", 3),
    ("<|im_end|>", 3),
    ("<think>", 4),
    ("</think>", 4),
    ("<tool_call>", 4),
    ("</tool_call>", 4),
];

const TEMPLATE: &str = "{%- if tools %}<|im_start|>system\nTools:{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}<|im_end|>\n{% endif %}\
{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}\
{%- for call in message.tool_calls or [] %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}\
{%- if add_generation_prompt %}<|im_start|>assistant\n\
{%- if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}";

/// Numbers that are the same on every machine (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Ternary weights in blocks of 64: a scale as half float, then two bits each.
    fn ternary(&mut self, rows: u64, columns: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..rows * columns / 64 {
            // 0.125 as half float.
            bytes.extend(0x3000_u16.to_le_bytes());
            for _ in 0..16 {
                let codes = (0..4).fold(0, |codes, at| codes | ((self.next() % 3) << (2 * at)));
                bytes.push(u8::try_from(codes).unwrap());
            }
        }
        bytes
    }
}

/// How byte-level vocabularies write a byte: itself when it can be seen, else one of the letters from U+0100 on.
fn letter(byte: u8) -> String {
    let seen = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let letter = if seen(byte) {
        char::from(byte)
    } else {
        let before = (0..byte).filter(|byte| !seen(*byte)).count();
        char::from_u32(256 + u32::try_from(before).unwrap()).unwrap()
    };
    letter.to_string()
}

/// Writes the small model.
pub fn write_model(path: &Path) {
    let mut random = Random(7);
    let mut tokens: Vec<String> = (0..=255).map(letter).collect();
    let mut kinds = vec![1_i32; 256];
    for (text, kind) in SPECIALS {
        tokens.push(text.to_owned());
        kinds.push(kind);
    }
    let vocabulary = tokens.len() as u64;
    let mut tensors: Vec<(String, Vec<u64>, Vec<u8>)> = Vec::new();
    let mut matrix = |name: String, rows: u64, columns: u64| {
        let bytes = random.ternary(rows, columns);
        tensors.push((name, vec![columns, rows], bytes));
    };
    matrix("token_embd.weight".into(), vocabulary, WIDTH);
    for layer in 0..LAYERS {
        for (name, rows, columns) in [
            ("attn_q", 2 * HEAD, WIDTH),
            ("attn_k", HEAD, WIDTH),
            ("attn_v", HEAD, WIDTH),
            ("attn_output", WIDTH, 2 * HEAD),
            ("ffn_gate", FEED_FORWARD, WIDTH),
            ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ] {
            matrix(format!("blk.{layer}.{name}.weight"), rows, columns);
        }
    }
    let ones = |count: u64| 1_f32.to_le_bytes().repeat(usize::try_from(count).unwrap());
    let mut norms = vec![("output_norm.weight".to_owned(), ones(WIDTH))];
    for layer in 0..LAYERS {
        for (name, count) in [
            ("attn_norm", WIDTH),
            ("ffn_norm", WIDTH),
            ("attn_q_norm", HEAD),
            ("attn_k_norm", HEAD),
        ] {
            norms.push((format!("blk.{layer}.{name}.weight"), ones(count)));
        }
    }
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "qwen3")
        .set("general.name", "small")
        .set("qwen3.block_count", LAYERS)
        .set("qwen3.context_length", 32_768_u32)
        .set("qwen3.embedding_length", u32::try_from(WIDTH).unwrap())
        .set("qwen3.feed_forward_length", u32::try_from(FEED_FORWARD).unwrap())
        .set("qwen3.attention.head_count", 2_u32)
        .set("qwen3.attention.head_count_kv", 1_u32)
        .set("qwen3.attention.key_length", u32::try_from(HEAD).unwrap())
        .set("qwen3.attention.value_length", u32::try_from(HEAD).unwrap())
        .set("qwen3.attention.layer_norm_rms_epsilon", 1e-6_f32)
        .set("qwen3.rope.freq_base", 10000_f32)
        .set("tokenizer.ggml.model", "gpt2")
        .set("tokenizer.ggml.pre", "qwen2")
        .set("tokenizer.ggml.tokens", tokens)
        .set("tokenizer.ggml.token_type", kinds)
        .set("tokenizer.ggml.merges", Vec::<String>::new())
        .set("tokenizer.ggml.bos_token_id", 256_u32)
        .set("tokenizer.ggml.eos_token_id", 258_u32)
        .set("tokenizer.ggml.add_bos_token", false)
        .set("tokenizer.chat_template", TEMPLATE);
    for (name, shape, bytes) in &tensors {
        writer.tensor(name, shape, TensorKind::Q2_0G64, bytes);
    }
    for (name, bytes) in &norms {
        writer.tensor(name, &[bytes.len() as u64 / 4], TensorKind::F32, bytes);
    }
    writer.write(&mut fs::File::create(path).unwrap()).unwrap();
}

/// The running service.
pub struct Daemon {
    child: Child,
    /// Where it answers, such as `http://127.0.0.1:40001`.
    pub address: String,
    /// Its unix socket.
    pub socket: PathBuf,
    folder: TempDir,
    log: BufReader<std::process::ChildStderr>,
}

impl Daemon {
    /// Starts it; with the small model when `model`. `settings` are TOML, `bus` the address of a system bus.
    pub fn start(model: bool, settings: &str, bus: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("small.gguf");
        if model {
            write_model(&file);
        }
        Self::start_in(folder, model.then_some("small"), settings, bus)
    }

    /// Starts it in a folder that stands for the machine, and waits for the model of this name, or for the note that
    /// there is none. A file `small.gguf` in the folder is given on the command line.
    pub fn start_in(folder: TempDir, model: Option<&str>, settings: &str, bus: &str) -> Self {
        let at = |name: &str| folder.path().join(name);
        let settings = format!(
            "model = {{ folder = \"{}\" }}\n{settings}",
            at("models").display()
        );
        fs::write(at("ryzan.toml"), settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmavault-ryzan"));
        command
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(at("ryzan.toml"))
            .arg("--socket")
            .arg(at("ryzan.sock"))
            .arg("--root")
            .arg(folder.path())
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .env_remove("NOTIFY_SOCKET")
            .stderr(Stdio::piped());
        if at("small.gguf").exists() {
            command.arg("--model").arg(at("small.gguf"));
        }
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut address = String::new();
        let last = model.map_or_else(
            || "warning: without a model".to_owned(),
            |name| format!("info: {name} is ready"),
        );
        loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the service ended");
            eprint!("{line}");
            if let Some(rest) = line.strip_prefix("info: listening on ") {
                rest.split(' ').next().unwrap().clone_into(&mut address);
            }
            if line.starts_with(&last) {
                break;
            }
        }
        Self {
            child,
            address,
            socket: at("ryzan.sock"),
            folder,
            log,
        }
    }

    /// Asks over TCP: status and body.
    pub fn tcp(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> (u16, serde_json::Value) {
        let stream = std::net::TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        ask(stream, "127.0.0.1", method, path, body)
    }

    /// Asks over the unix socket: status and body.
    pub fn unix(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> (u16, serde_json::Value) {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        ask(stream, "anything", method, path, body)
    }

    /// Stops it as the service manager does; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        eprint!("{rest}");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request as it goes over the wire.
pub fn request(host: &str, method: &str, path: &str, body: Option<&serde_json::Value>) -> String {
    let body = body.map(ToString::to_string).unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Status and body of an answer; a body that is no JSON is a string.
pub fn ask(
    mut stream: impl std::io::Read + std::io::Write,
    host: &str,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> (u16, serde_json::Value) {
    stream
        .write_all(request(host, method, path, body).as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer[9..12].parse().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    (
        status,
        serde_json::from_str(&body).unwrap_or(serde_json::Value::String(body)),
    )
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            break;
        }
        text.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    text
}
