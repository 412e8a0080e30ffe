//! Logs what librdkafka reports. In: its errors and its log. Out: our log lines, one level lower: librdkafka recovers by itself from whatever it
//! calls an error, while the spool or Kafka keeps the events, unless it calls the error fatal, and only that needs somebody's attention. Never a line
//! per try.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Where its log lines go.
const TARGET: &str = "librdkafka";
/// Minimum time between two lines with the same error of one client: while no broker answers, each try ends with it, twice per second.
const REPEATED_EVERY: Duration = Duration::from_secs(60);

/// The log of one client; clones share what was logged.
#[derive(Debug, Clone, Default)]
pub struct ClientLog {
    said_at: Arc<Mutex<BTreeMap<i32, Instant>>>,
}

impl ClientLog {
    /// Logs an error that a client reports, for example that all brokers are away.
    pub fn report(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        match code {
            RDKafkaErrorCode::Fatal => tracing::error!(%error, reason, "the Kafka client failed for good"),
            // librdkafka logs it as well.
            RDKafkaErrorCode::BrokerTransportFailure => (),
            code if self.is_new(code as i32, Instant::now()) => {
                tracing::warn!(%error, reason, "the Kafka client reports an error and retries");
            }
            _ => (),
        }
    }

    /// Logs a line of a client.
    pub fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: TARGET, facility, "{text}");
            }
            RDKafkaLogLevel::Error => tracing::warn!(target: TARGET, facility, "{text}"),
            RDKafkaLogLevel::Warning => tracing::info!(target: TARGET, facility, "{text}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::debug!(target: TARGET, facility, "{text}");
            }
            RDKafkaLogLevel::Debug => tracing::trace!(target: TARGET, facility, "{text}"),
        }
    }

    /// Whether it was not logged within [`REPEATED_EVERY`].
    fn is_new(&self, code: i32, now: Instant) -> bool {
        // A panic under the lock cannot leave the state half changed.
        let mut said_at = self.said_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = said_at.get(&code).is_none_or(|at| now.duration_since(*at) >= REPEATED_EVERY);
        if is_new {
            said_at.insert(code, now);
        }
        is_new
    }
}

/// The context of clients that need nothing but a log.
impl ClientContext for ClientLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        ClientLog::log(self, level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.report(&error, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_said_once_a_minute_and_another_one_at_once() {
        let (client, start) = (ClientLog::default(), Instant::now());
        assert!(client.is_new(1, start));
        assert!(!client.is_new(1, start + Duration::from_secs(59)));
        assert!(client.is_new(2, start + Duration::from_secs(59)));
        assert!(client.clone().is_new(1, start + Duration::from_secs(60)));
        assert!(!client.is_new(1, start + Duration::from_secs(61)));
        assert!(ClientLog::default().is_new(1, start + Duration::from_secs(61)), "each client for itself");
    }
}
