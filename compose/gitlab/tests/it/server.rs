//! A GitLab with scripted answers. In: a function from a request to an answer. Out: the requests. Closes every connection after one answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gitlab::{ApiConfig, Audit, Client, Patience};
use runtime::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A token that only the configured host may see.
pub(crate) const TOKEN: &str = "glpat-t0ken-of-the-test";

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// As `GET /api/v4/projects?page=2`.
    pub(crate) line: String,
    /// The request line and the headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find_map(|(of, value)| of.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// An answer.
pub(crate) enum Answer {
    /// These bytes, and then the end.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing, for ever.
    Stall(Vec<u8>),
    /// These bytes, and then the others again and again, each after a pause.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

/// An answer with a status, headers and a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n", body.len());
    Answer::Bytes(format!("{head}\r\n{body}").into_bytes())
}

/// A success with JSON.
pub(crate) fn json(body: &str) -> Answer {
    answer(200, &[("Content-Type", "application/json")], body)
}

/// A page that names the next one.
pub(crate) fn page(body: &str, next: &str) -> Answer {
    let link = format!("<{next}>; rel=\"next\", <http://x/>; rel=\"first\"");
    answer(200, &[("Content-Type", "application/json"), ("Link", &link)], body)
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
    count: watch::Receiver<usize>,
}

impl Server {
    /// Answers by the request, and by how many came before.
    pub(crate) async fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let (answer, counted, all) = (Arc::new(answer), Arc::new(counted), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, counted, all) = (answer.clone(), counted.clone(), all.clone());
                tokio::spawn(async move {
                    // The client may go away at any point.
                    let _ = serve(stream, &*answer, &counted, &all).await;
                });
            }
        });
        Server { address, asked, count }
    }

    /// A server that must never be contacted.
    pub(crate) async fn canary() -> Server {
        Server::start(|_, _| json("[]")).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|request| request.line).collect()
    }

    /// Waits until this many requests have arrived.
    pub(crate) async fn until_asked(&self, times: usize) {
        self.count.clone().wait_for(|count| *count >= times).await.unwrap();
    }

    /// A client with one token and little patience.
    pub(crate) fn client(&self) -> Client {
        client(&self.url(), TOKEN, Audit::none())
    }
}

/// A client that makes two attempts and waits a second at most.
pub(crate) fn client(url: &str, tokens: &str, audit: Audit) -> Client {
    let mut config = ApiConfig::new(Some(url.to_owned()), Some(Secret::new(tokens)));
    config.requests_per_minute = 60_000;
    let second = Duration::from_secs(1);
    let patience = Patience { attempts: 2, answer: second, idle: second, whole: second * 20 };
    Client::new(&config, audit).unwrap().with_patience(patience)
}

async fn serve(
    mut stream: TcpStream,
    answer: &impl Fn(&Request, usize) -> Answer,
    counted: &watch::Sender<usize>,
    asked: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let request = read(&mut stream).await?;
    let before = {
        let mut asked = asked.lock().unwrap();
        asked.push(request.clone());
        asked.len() - 1
    };
    counted.send_modify(|count| *count += 1);
    match answer(&request, before) {
        Answer::Bytes(bytes) => stream.write_all(&bytes).await?,
        Answer::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            // Until the client closes it.
            while stream.read(&mut [0; 64]).await? > 0 {}
        }
        Answer::Endless(bytes, more, pause) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(&more).await?;
                tokio::time::sleep(pause).await;
            }
        }
    }
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let mut request = Request { line, head, body: String::new() };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    request.body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    Ok(request)
}
