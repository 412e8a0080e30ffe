//! Publishes objects to Kafka. In: objects of a page. Out: nothing, once all in-sync replicas have all of them. Waits for Kafka as long as it takes:
//! GitLab keeps its history, so none of it goes to the spool.

use std::time::Duration;

use futures_util::future::try_join_all;
use runtime::Publisher;
use runtime::publisher::PublishError;
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use schemas::envelope::ApiItem;
use schemas::tenant::Tenant;
use schemas::topic::TopicPrefix;
use schemas::{Envelope, TopicRecord};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

/// Timeout of one attempt, after which it is repeated.
const ATTEMPT: Duration = Duration::from_secs(30);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Objects could not be published.
#[derive(Debug, thiserror::Error)]
pub enum BackfillPublishError {
    /// The record could not be serialized.
    #[error("an object cannot be turned into a record")]
    Record(#[source] serde_json::Error),
    /// Kafka refuses this record at each attempt.
    #[error("Kafka refuses an object")]
    Refused(#[source] PublishError),
    /// The command was stopped.
    #[error("stopped")]
    Stopped,
}

/// An object of the API, and its kind.
#[derive(Debug)]
pub struct Item {
    /// Its kind.
    pub resource: Resource,
    /// Where it was listed.
    pub context: Context,
    /// The object.
    pub object: Box<RawValue>,
}

/// Where objects are published to, and the identity of their events.
#[derive(Clone)]
pub struct Destination {
    /// Kafka.
    pub publisher: Publisher,
    /// Prefix of the topics.
    pub prefix: TopicPrefix,
    /// The tenant of the events.
    pub tenant: Tenant,
    /// The instance that is read, in its normal form.
    pub instance: String,
}

impl Destination {
    /// Publishes objects, and waits until Kafka has all of them.
    pub async fn publish(
        &self,
        items: &[Item],
        read_at: chrono::DateTime<chrono::Utc>,
        shutdown: &CancellationToken,
    ) -> Result<(), BackfillPublishError> {
        let records = items.iter().map(|Item { resource, context, object }| {
            let item = ApiItem {
                resource: *resource,
                object,
                context: *context,
                tenant: &self.tenant,
                asked_instance: &self.instance,
                read_at,
                traceparent: None,
            };
            Envelope::api(&item).envelope.to_record(&self.prefix).map_err(BackfillPublishError::Record)
        });
        self.publish_records(&records.collect::<Result<Vec<_>, _>>()?, shutdown).await
    }

    /// Publishes records, and waits until Kafka has all of them.
    pub async fn publish_records(
        &self,
        records: &[TopicRecord],
        shutdown: &CancellationToken,
    ) -> Result<(), BackfillPublishError> {
        try_join_all(records.iter().map(|record| self.until_acknowledged(record, shutdown))).await?;
        Ok(())
    }

    async fn until_acknowledged(
        &self,
        record: &TopicRecord,
        shutdown: &CancellationToken,
    ) -> Result<(), BackfillPublishError> {
        loop {
            match self.publisher.publish_within(record, ATTEMPT).await {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_transient() => return Err(BackfillPublishError::Refused(error)),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "Kafka does not accept history; publishing is retried"
                ),
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return Err(BackfillPublishError::Stopped);
            }
        }
    }
}
