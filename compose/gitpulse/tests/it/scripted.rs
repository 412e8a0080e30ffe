//! A GitLab that says what a test wants, byte by byte. In: a function from a request to an answer. Out: what was asked of it. Closes every connection
//! after one answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is answered.
pub(crate) enum Answer {
    /// These bytes, and then the end.
    Bytes(Vec<u8>),
    /// Nothing, for ever.
    Stall,
    /// These bytes, and then others again and again.
    Endless(Vec<u8>, Vec<u8>),
}

/// An answer with a status, headers and a body of JSON.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n", body.len());
    Answer::Bytes(format!("{head}Content-Type: application/json\r\n\r\n{body}").into_bytes())
}

/// A running server.
pub(crate) struct Scripted {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers by the path and the query of a request, as `/api/v4/projects/1?page=2`, and by the bearer of its token.
    pub(crate) async fn start(answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let all = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, all) = (answer.clone(), all.clone());
                tokio::spawn(async move {
                    // The client may go away at any point.
                    let _ = serve(stream, &*answer, &all).await;
                });
            }
        });
        Scripted { address, asked }
    }

    /// Where it is, as `http://127.0.0.1:1234`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The heads of all requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &impl Fn(&str, &str) -> Answer,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    asked.lock().unwrap().push(head.clone());
    let place = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let bearer = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("authorization: bearer ").map(str::to_owned));
    match answer(&place, bearer.as_deref().unwrap_or_default()) {
        Answer::Bytes(bytes) => stream.write_all(&bytes).await?,
        Answer::Stall => while stream.read(&mut [0; 64]).await? > 0 {},
        Answer::Endless(bytes, more) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(&more).await?;
            }
        }
    }
    stream.shutdown().await
}
