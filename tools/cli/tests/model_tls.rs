//! Encrypted downloads: a server with a certificate of an authority that only the test trusts.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sigmavault_catalogue::Hasher;
use tempfile::TempDir;

const CONTENT: &[u8] = b"weights";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// A server that gives every connection this answer.
fn serve(answer: String) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(fixture("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap(),
        )
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            // A client that does not trust the certificate ends here.
            if stream.read(&mut request).is_ok() && stream.write_all(answer.as_bytes()).is_ok() {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

fn pull(url: &str, authorities: Option<&Path>) -> (TempDir, Output) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("usr/lib/sigmavault");
    fs::create_dir_all(&folder).unwrap();
    let entry = format!(
        "[[model]]\nid = \"m\"\nname = \"M\"\npublisher = \"P\"\narchitecture = \"qwen3\"\nlicence = \"MIT\"\n\
         licence-url = \"https://example.org\"\ncontext = 1\nmemory-bytes = 1\n[[model.file]]\nname = \"f.gguf\"\n\
         bytes = {}\nsha256 = \"{}\"\nurl = \"{url}\"\n",
        CONTENT.len(),
        Hasher::of(CONTENT)
    );
    fs::write(folder.join("models.toml"), entry).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmavault"));
    command
        .args(["model", "pull", "m", "--accept-licence", "MIT", "--root"])
        .arg(root.path())
        .stdin(Stdio::null())
        .env_remove("SSL_CERT_DIR");
    for proxy in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    match authorities {
        Some(file) => command.env("SSL_CERT_FILE", file),
        None => command.env("SSL_CERT_FILE", root.path().join("nothing")),
    };
    let output = command.output().unwrap();
    (root, output)
}

fn answer() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        CONTENT.len(),
        String::from_utf8_lossy(CONTENT)
    )
}

#[test]
fn a_trusted_server_is_read() {
    let port = serve(answer());
    let (root, output) = pull(
        &format!("https://localhost:{port}/f.gguf"),
        Some(&fixture("ca.pem")),
    );
    assert!(output.status.success(), "{output:?}");
    let path = root.path().join("var/lib/sigmavault/models/m/f.gguf");
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[test]
fn a_server_that_is_not_trusted_is_refused_at_once() {
    let port = serve(answer());
    // The server's own certificate is no authority for itself, and the name 127.0.0.1 is not in it.
    for (url, authorities) in [
        (format!("https://localhost:{port}/f.gguf"), fixture("server.pem")),
        (format!("https://127.0.0.1:{port}/f.gguf"), fixture("ca.pem")),
    ] {
        let (_root, output) = pull(&url, Some(&authorities));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            message.starts_with(&format!("sigmavault: cannot get {url}: "))
                && message.contains("certificate"),
            "{message}"
        );
        assert!(!message.contains("trying again"), "{message}");
    }
    let (_root, output) = pull(&format!("https://localhost:{port}/f.gguf"), None);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.ends_with("this system has no CA certificates; install ca-certificates\n"),
        "{message}"
    );
}

#[test]
fn encryption_is_not_left_for_a_redirect() {
    let port = serve(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/f.gguf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .to_owned(),
    );
    let url = format!("https://localhost:{port}/f.gguf");
    let (_root, output) = pull(&url, Some(&fixture("ca.pem")));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.starts_with(&format!("sigmavault: cannot get {url}: ")) && message.contains("https"),
        "{message}"
    );
    assert!(!message.contains("trying again"), "{message}");
}
