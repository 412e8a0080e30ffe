//! What librdkafka says of itself. In: its errors and its log. Out: lines of ours, a level lower: whatever it calls an error it recovers from by itself,
//! while the spool or Kafka keeps the events, unless it says that the error is fatal; somebody has to act on that alone. Never a line per try.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Where its log lines go.
const TARGET: &str = "librdkafka";
/// How often the same error of one client is said at most: while no broker is there, each try ends with it, twice a second.
const REPEATED_EVERY: Duration = Duration::from_secs(60);

/// What one client says; clones share what was said.
#[derive(Debug, Clone, Default)]
pub struct ClientLog {
    said_at: Arc<Mutex<BTreeMap<i32, Instant>>>,
}

impl ClientLog {
    /// Logs what a client reports: that all brokers are away, say.
    pub fn report(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        match code {
            RDKafkaErrorCode::Fatal => tracing::error!(%error, reason, "the Kafka client failed for good"),
            // Its log says it as well.
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

    /// Whether it was not said a moment ago.
    fn is_new(&self, code: i32, now: Instant) -> bool {
        // Nothing that holds the lock can leave it half changed.
        let mut said_at = self.said_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = said_at.get(&code).is_none_or(|at| now.duration_since(*at) >= REPEATED_EVERY);
        if is_new {
            said_at.insert(code, now);
        }
        is_new
    }
}

/// The context of clients of which nothing else is wanted.
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
