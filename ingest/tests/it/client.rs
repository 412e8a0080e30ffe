//! An HTTP client that can misbehave. In: bytes. Out: responses, as written. Never follows, retries or repairs anything, and does not count a
//! redirect as success: GitLab counts 3xx as delivered.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Against hanging; no test should wait this long.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// One connection to the server.
pub(crate) struct Connection {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    unread: Vec<u8>,
}

/// A response of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value, if the response has it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The head without the header that changes every second.
    pub(crate) fn head_without_date(&self) -> String {
        let lines = self.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Checks that this is an error in the standard form.
    #[track_caller]
    pub(crate) fn check_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert!(!body["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!((body.as_object().unwrap().len(), body["error"].as_object().unwrap().len()), (1, 2));
    }

    /// The id of the event; panics if it was not accepted.
    #[track_caller]
    pub(crate) fn accepted_id(&self) -> uuid::Uuid {
        assert_eq!(self.status, 200, "{self:?}");
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["status"], "accepted");
        assert_eq!(body.as_object().unwrap().len(), 2);
        body["id"].as_str().unwrap().parse().unwrap()
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Connection {
        let stream = within(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (reader, writer) = stream.into_split();
        Connection { reader, writer, unread: Vec::new() }
    }

    /// Sends bytes. If the server stops reading, the response shows it.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.writer.write_all(bytes.as_ref())).await;
    }

    /// Reads the next response.
    pub(crate) async fn answer(&mut self) -> Answer {
        within(read_answer(&mut self.reader, &mut self.unread))
            .await
            .expect("the connection ended without an answer")
    }

    /// Sends `bytes` repeatedly until there is a response.
    pub(crate) async fn answer_while_sending(&mut self, bytes: &[u8]) -> Answer {
        let sending = async {
            while self.writer.write_all(bytes).await.is_ok() {}
            std::future::pending::<()>().await
        };
        let answer = async {
            tokio::select! {
                answer = read_answer(&mut self.reader, &mut self.unread) => answer,
                () = sending => None,
            }
        };
        within(answer).await.expect("the connection ended without an answer")
    }

    /// Sends single bytes, `pause` apart, until the server closes the connection or responds; returns the responses.
    pub(crate) async fn answers_while_trickling(&mut self, bytes: &[u8], pause: Duration) -> Vec<Answer> {
        let trickling = async {
            let mut pace = tokio::time::interval(pause);
            for byte in bytes {
                pace.tick().await;
                if self.writer.write_all(&[*byte]).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await
        };
        let answers = async {
            tokio::select! {
                answers = read_answers(&mut self.reader, &mut self.unread) => answers,
                () = trickling => Vec::new(),
            }
        };
        within(answers).await
    }

    /// Reads all responses until the server closes the connection.
    pub(crate) async fn answers(&mut self) -> Vec<Answer> {
        within(read_answers(&mut self.reader, &mut self.unread)).await
    }

    /// Sends `bytes` repeatedly without reading, until the server stops reading.
    pub(crate) async fn send_until_refused(&mut self, bytes: &[u8]) {
        within(async { while self.writer.write_all(bytes).await.is_ok() {} }).await;
    }

    /// Closes the sending side, but keeps reading.
    pub(crate) async fn finish_sending(&mut self) {
        let _ = self.writer.shutdown().await;
    }
}

/// Waits with a time limit.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, future).await.expect("nothing happened")
}

/// A POST with its length.
pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len().to_string();
    let mut request = head(path, &[headers, &[("Content-Length", &length)]].concat());
    request.extend_from_slice(body);
    request
}

/// The head of a POST, with these headers and a host.
pub(crate) fn head(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: gitpulse.example\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}

async fn read_answers(reader: &mut OwnedReadHalf, unread: &mut Vec<u8>) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some(answer) = read_answer(reader, unread).await {
        answers.push(answer);
    }
    answers
}

/// The next response, or `None` if the connection ends; a reset counts as an end.
async fn read_answer(reader: &mut OwnedReadHalf, unread: &mut Vec<u8>) -> Option<Answer> {
    let end = loop {
        match unread.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => read_more(reader, unread).await?,
        }
    };
    let head = String::from_utf8(unread.drain(..end).collect()).unwrap();
    let status =
        head.strip_prefix("HTTP/1.1 ").or(head.strip_prefix("HTTP/1.0 ")).unwrap()[..3].parse().unwrap();
    assert!(!(300..400).contains(&status), "a redirect: {head}");
    let mut answer = Answer { status, head, body: String::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    while unread.len() < length {
        read_more(reader, unread).await?;
    }
    answer.body = String::from_utf8(unread.drain(..length).collect()).unwrap();
    Some(answer)
}

async fn read_more(reader: &mut OwnedReadHalf, unread: &mut Vec<u8>) -> Option<()> {
    match reader.read_buf(unread).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
