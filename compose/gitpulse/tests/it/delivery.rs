//! Sends deliveries over HTTP. In: a body. Out: the answer.

use std::path::{Path, PathBuf};

use crate::deployment::TOKEN;

/// The answer to a delivery, or none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    None,
}

/// A client that opens a connection for each delivery, as GitLab does.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .timeout(std::time::Duration::from_secs(20))
        .build()
        .unwrap()
}

/// Sends one body under one delivery id.
pub(crate) async fn send(client: &reqwest::Client, url: &str, id: &str, body: Vec<u8>) -> Answer {
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("x-gitlab-token", TOKEN)
        .header("idempotency-key", id)
        .body(body);
    match request.send().await {
        Ok(response) => Answer::Status(response.status().as_u16()),
        Err(_) => Answer::None,
    }
}

/// The project's own example payloads, by their path below the folder of examples.
pub(crate) fn examples() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    payloads(&root, ".webhook.json")
}

/// All files below `root` with this ending, by their path below it.
pub(crate) fn payloads(root: &Path, ending: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.to_string_lossy().ends_with(ending) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.push((name, std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}
