//! From a record to the batch. In: a record of any topic. Out: its rows in the open batch, or its dead letter on the way to Kafka. Never waits.

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use schemas::EventKind;
use schemas::drift::Unknown;
use tokio::time::Instant;

use super::{Pipeline, wall_clock};
use crate::audit;
use crate::batch::{Batch, Record};
use crate::dead_letter::{self, DeadLetter};
use crate::decode::{DecodeError, decode};
use crate::rows::rows_for;

impl Pipeline {
    /// Adds a record to the batch: its rows, or its dead letter.
    pub(super) fn take(&self, message: &BorrowedMessage<'_>, batch: &mut Batch) {
        if let Some(stale) = batch.moved_to(self.generation()) {
            self.drop_stale(&stale);
        }
        self.metrics.consumed.inc();
        let value = message.payload().unwrap_or_default();
        let record = Record {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            bytes: value.len(),
            at: message.timestamp().to_millis(),
        };
        let now = Instant::now();
        if record.topic == &*self.dead_letter_topic {
            return batch.push(dead_letter::row(message, wall_clock()), record, now);
        }
        if record.topic == self.audit_topic {
            return match audit::rows(value) {
                Ok(rows) => batch.push(rows, record, now),
                Err(error) => {
                    self.dead_letter(message, &error, batch);
                    batch.skip(record, now);
                }
            };
        }
        match decode(value) {
            Ok(mut event) => {
                let (kind, received_at) = (event.kind, event.received_at);
                if let Err(error) = &mut event.body {
                    self.dead_letter(message, error, batch);
                }
                for unknown in std::mem::take(&mut event.unknown) {
                    self.notice(kind, unknown);
                }
                let rows = rows_for(event);
                self.metrics.decoded(kind, rows.unreadable);
                batch.received.push(received_at);
                batch.push(rows, record, now);
            }
            Err(error) => {
                self.dead_letter(message, &error, batch);
                batch.skip(record, now);
            }
        }
    }

    /// Counts something unknown to GitPulse, and logs it once.
    fn notice(&self, kind: EventKind, unknown: Unknown) {
        if self.metrics.unknown(kind, unknown.clone()) {
            tracing::info!(
                kind = kind.as_str(),
                what = unknown.what.as_str(),
                path = unknown.path,
                "GitLab sends something GitPulse does not know yet"
            );
        }
    }

    /// Starts writing a dead letter; the batch waits for it before it commits.
    fn dead_letter(&self, message: &BorrowedMessage<'_>, error: &DecodeError, batch: &mut Batch) {
        tracing::warn!(
            reason = error.reason(),
            topic = message.topic(),
            partition = message.partition(),
            offset = message.offset(),
            error = error as &dyn std::error::Error,
            "a record cannot be decoded and is dead-lettered"
        );
        self.metrics.dead_lettered(error.reason());
        let letter = DeadLetter::new(message, error, wall_clock());
        let topic = self.dead_letter_topic.clone();
        batch.dead_letters.spawn(letter.publish(self.publisher.clone(), topic, self.shutdown.clone()));
    }
}
