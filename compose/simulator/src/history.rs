//! The history of a run. In: what is sent, before it is sent, and each answer. Out: a file of JSON lines with the expected results. Never contains a
//! body or a secret.
//!
//! The first line is the run; then there is one line per request and one per answer. A request without an answer may have arrived or not, and so may
//! one that was answered 5xx.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::expected::Expected;
use crate::world::WorldConfig;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(Run),
    Sent(Sent),
    Answered(Answered),
}

/// The configuration of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Prefix of its delivery ids.
    pub id: String,
    /// The world that was sent.
    pub world: WorldConfig,
}

impl Run {
    /// The id of the delivery with this number.
    pub fn delivery_id(&self, number: u64) -> String {
        format!("{}-{number:07}", self.id)
    }

    /// The number in a delivery id of this run.
    pub fn number(&self, delivery_id: &str) -> Option<u64> {
        delivery_id.strip_prefix(&self.id)?.strip_prefix('-')?.parse().ok()
    }
}

/// One request.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sent {
    number: u64,
    /// Milliseconds since 1970.
    at: i64,
    expected: Expected,
}

/// How a request was answered.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Answered {
    number: u64,
    /// HTTP status; none if there was no answer.
    status: Option<u16>,
    /// Milliseconds from sending to the answer.
    took_ms: u64,
}

/// A history could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An invalid line.
    #[error("{}, line {line}, is no line of a history", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The beginning is missing, or is not a run.
    #[error("{} does not begin with a run", .0.display())]
    NoRun(PathBuf),
}

/// A history that is being written; clones write to the same file.
#[derive(Clone)]
pub struct Writer {
    path: Arc<Path>,
    file: Arc<Mutex<BufWriter<File>>>,
}

impl Writer {
    /// Starts a history; an existing file is replaced.
    pub fn create(path: &Path, run: &Run) -> Result<Writer, HistoryError> {
        let failed = |source| HistoryError::File { path: path.to_owned(), source };
        let file = File::create(path).map_err(failed)?;
        let writer = Writer { path: path.into(), file: Arc::new(Mutex::new(BufWriter::new(file))) };
        writer.write(&Line::Run(run.clone()))?;
        Ok(writer)
    }

    /// Records that a delivery is about to be sent. So a sender that is killed has not sent anything that is not recorded.
    pub fn sent(&self, number: u64, at: i64, expected: Expected) -> Result<(), HistoryError> {
        self.write(&Line::Sent(Sent { number, at, expected }))
    }

    /// Records the answer.
    pub fn answered(&self, number: u64, status: Option<u16>, took_ms: u64) -> Result<(), HistoryError> {
        self.write(&Line::Answered(Answered { number, status, took_ms }))
    }

    fn write(&self, line: &Line) -> Result<(), HistoryError> {
        let failed = |source: std::io::Error| HistoryError::File { path: self.path.to_path_buf(), source };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        // A line is one write, so a panic under the lock cannot leave half a line.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&text).and_then(|()| file.flush()).map_err(failed)
    }
}

/// One delivery and the results of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its expected result.
    pub expected: Expected,
    /// How many requests there were.
    pub requests: u32,
    /// How many of them have no recorded answer.
    pub open: u32,
    /// The best answer to any of them.
    pub fate: Fate,
}

/// The best answer to any request of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// 4xx to all of them: nothing may be stored.
    Refused,
    /// No answer, or 5xx: stored or not, but not twice.
    Ambiguous,
    /// 200: it is stored.
    Accepted,
}

/// A history that was read.
#[derive(Debug, Clone)]
pub struct History {
    /// The run.
    pub run: Run,
    /// Deliveries by number.
    pub told: BTreeMap<u64, Told>,
    /// How many requests were answered with which status; 0 for no answer.
    pub answers: BTreeMap<u16, u64>,
    /// Response times in milliseconds, shortest first; for requests without an answer, the time until that was known.
    pub took_ms: Vec<u64>,
    /// From the first to the last request, in milliseconds.
    pub lasted_ms: i64,
}

impl History {
    /// Reads a file. An incomplete last line is left by a killed sender, and was not sent.
    pub fn read(path: &Path) -> Result<History, HistoryError> {
        let failed = |source| HistoryError::File { path: path.to_owned(), source };
        let mut lines = BufReader::new(File::open(path).map_err(failed)?);
        let (mut text, mut line) = (Vec::new(), 0);
        let mut next = || -> Result<Option<Line>, HistoryError> {
            text.clear();
            line += 1;
            lines.read_until(b'\n', &mut text).map_err(failed)?;
            if !text.ends_with(b"\n") {
                return Ok(None);
            }
            let parsed = serde_json::from_slice(&text);
            parsed.map(Some).map_err(|source| HistoryError::Line { path: path.to_owned(), line, source })
        };
        let Some(Line::Run(run)) = next()? else { return Err(HistoryError::NoRun(path.to_owned())) };
        let mut history = History {
            run,
            told: BTreeMap::new(),
            answers: BTreeMap::new(),
            took_ms: Vec::new(),
            lasted_ms: 0,
        };
        let mut first_at = None;
        while let Some(line) = next()? {
            match line {
                Line::Run(run) => history.run = run,
                Line::Sent(sent) => {
                    let first = *first_at.get_or_insert(sent.at);
                    history.lasted_ms = history.lasted_ms.max(sent.at - first);
                    history.sent(sent);
                }
                Line::Answered(answered) => history.answered(answered),
            }
        }
        for told in history.told.values_mut().filter(|told| told.open > 0) {
            // It was sent, and its result is unknown.
            told.fate = told.fate.max(Fate::Ambiguous);
        }
        history.took_ms.sort_unstable();
        Ok(history)
    }

    fn sent(&mut self, sent: Sent) {
        let told = self.told.entry(sent.number);
        let told =
            told.or_insert(Told { expected: sent.expected, requests: 0, open: 0, fate: Fate::Refused });
        told.requests += 1;
        told.open += 1;
    }

    fn answered(&mut self, answered: Answered) {
        *self.answers.entry(answered.status.unwrap_or(0)).or_default() += 1;
        self.took_ms.push(answered.took_ms);
        let Some(told) = self.told.get_mut(&answered.number) else { return };
        let fate = match answered.status {
            Some(200) => Fate::Accepted,
            Some(400..500) => Fate::Refused,
            _ => Fate::Ambiguous,
        };
        told.open -= 1;
        told.fate = told.fate.max(fate);
    }

    /// How many requests were sent.
    pub fn requests(&self) -> u64 {
        self.told.values().map(|told| u64::from(told.requests)).sum()
    }

    /// The response time below which this share of the answers stayed, in milliseconds.
    pub fn took_at(&self, share: f64) -> u64 {
        let place = (self.took_ms.len() as f64 * share).ceil() as usize;
        self.took_ms.get(place.clamp(1, self.took_ms.len().max(1)) - 1).copied().unwrap_or_default()
    }

    /// Requests per second, from the first to the last.
    pub fn rate(&self) -> f64 {
        self.requests() as f64 * 1000.0 / (self.lasted_ms.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expected::Refusal;

    fn run() -> Run {
        let world = WorldConfig {
            seed: 1,
            instance: "https://gitlab.example.com".to_owned(),
            first_project: 1,
            projects: 1,
            body_bytes: 1,
            poison: WorldConfig::USUAL_POISON,
            began_at: 1_795_000_000_000,
        };
        Run { id: "run".to_owned(), world }
    }

    #[test]
    fn the_best_answer_decides_and_none_leaves_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let writer = Writer::create(&path, &run()).unwrap();
        // Each is a delivery: the answers to its requests, one after the other.
        let cases: [(&[Option<u16>], Fate); 7] = [
            (&[Some(200)], Fate::Accepted),
            (&[Some(401)], Fate::Refused),
            (&[Some(401), Some(401)], Fate::Refused),
            (&[Some(503)], Fate::Ambiguous),
            (&[None], Fate::Ambiguous),
            (&[None, Some(200)], Fate::Accepted),
            (&[Some(200), Some(503)], Fate::Accepted),
        ];
        for (number, (answers, _)) in cases.iter().enumerate() {
            for (at, status) in answers.iter().enumerate() {
                writer.sent(number as u64, at as i64, Expected::DeadLetter).unwrap();
                writer.answered(number as u64, *status, 10 * number as u64).unwrap();
            }
        }
        writer.sent(99, 50, Expected::Refused(Refusal::Forged)).unwrap();
        let history = History::read(&path).unwrap();
        for (number, (answers, fate)) in cases.iter().enumerate() {
            assert_eq!(history.told[&(number as u64)].fate, *fate, "{answers:?}");
        }
        assert_eq!(history.told[&99].fate, Fate::Ambiguous, "it was sent, and nobody knows");
        assert_eq!((history.requests(), history.lasted_ms), (11, 50));
        assert_eq!(history.took_ms, [0, 10, 20, 20, 30, 40, 50, 50, 60, 60]);
        assert_eq!((history.took_at(0.5), history.took_at(1.0)), (30, 60));
    }

    #[test]
    fn a_line_that_was_cut_is_nothing_and_one_that_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let writer = Writer::create(&path, &run()).unwrap();
        writer.sent(1, 1, Expected::DeadLetter).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            match History::read(&path) {
                Ok(history) => assert!(history.told.is_empty()),
                Err(error) => assert!(matches!(error, HistoryError::NoRun(_)), "{error}"),
            }
        }
        std::fs::write(&path, [&whole[..], b"{\"sent\":1}\n"].concat()).unwrap();
        assert!(History::read(&path).unwrap_err().to_string().ends_with("line 3, is no line of a history"));
    }

    #[test]
    fn delivery_ids_name_their_number() {
        let run = run();
        assert_eq!(run.number(&run.delivery_id(12)), Some(12));
        assert_eq!(run.number("another-0000012"), None);
    }
}
