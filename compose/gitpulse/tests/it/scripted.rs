//! A GitLab with scripted answers, byte by byte. In: a function from a request to an answer. Out: the requests. Closes every connection after one
//! answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An answer.
pub(crate) enum Answer {
    /// These bytes, and then the end.
    Bytes(Vec<u8>),
    /// Nothing, for ever.
    Stall,
    /// These bytes, and then the others again and again.
    Endless(Vec<u8>, Vec<u8>),
}

/// An answer with a status, headers and a body of JSON.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n", body.len());
    Answer::Bytes(format!("{head}Content-Type: application/json\r\n\r\n{body}").into_bytes())
}

/// A request.
pub(crate) struct Question {
    /// The path and the query, as `/api/v4/projects/1?page=2`.
    pub(crate) place: String,
    /// The bearer token, in lower case.
    pub(crate) bearer: String,
    /// The body; empty if there is none.
    pub(crate) body: String,
}

/// A running server.
pub(crate) struct Scripted {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers all requests.
    pub(crate) async fn start(answer: impl Fn(&Question) -> Answer + Send + Sync + 'static) -> Scripted {
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

    /// Its URL, as `http://127.0.0.1:1234`.
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
    answer: &impl Fn(&Question) -> Answer,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let question = Question {
        place: head.split(' ').nth(1).unwrap_or_default().to_owned(),
        bearer: header(&head, "authorization")
            .and_then(|value| value.strip_prefix("bearer ").map(str::to_owned))
            .unwrap_or_default(),
        body: String::from_utf8_lossy(&bytes[end..]).into_owned(),
    };
    asked.lock().unwrap().push(head);
    match answer(&question) {
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

/// The value of a header, in lower case.
fn header(head: &str, name: &str) -> Option<String> {
    let start = format!("{name}: ");
    head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(&start).map(str::to_owned))
}
