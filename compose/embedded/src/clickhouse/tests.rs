use std::path::Path;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{LoadError, Options, ServeError, serve};

async fn serve_on(address: &str) -> ServeError {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let library = folder.path().join("no-library.so");
    let data = folder.path().join("data");
    serve(Path::new(&library), &data, listener, Options::default(), CancellationToken::new())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn other_machines_are_kept_out() {
    assert!(matches!(serve_on("0.0.0.0:0").await, ServeError::NotLoopback(_)));
}

#[tokio::test]
async fn a_missing_library_is_named() {
    let error = serve_on("127.0.0.1:0").await;
    let ServeError::Engine(LoadError::Library { path, .. }) = error else { panic!("{error:?}") };
    assert!(path.ends_with("no-library.so"));
}
