//! Deliveries signed like those of GitLab 19. In: a body, an id, a time. Out: headers, a delivery, a record for Kafka.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use ingest::config::TenantConfig;
use ingest::credential::SigningKey;
use ingest::delivery::{DeliveryHeaders, RawDelivery};
use ingest::envelope::wrap;
use ingest::tenant::Tenants;
use ingest::verify::{Admission, VerifyError};
use runtime::Secret;
use schemas::{TopicPrefix, TopicRecord};

/// The signing token of all benches; it protects nothing.
pub const SIGNING_TOKEN: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// Maximum age of a signature in seconds, as in production.
const TOLERANCE_SECONDS: u64 = 300;

/// Signs as GitLab does, and makes what ingest would make of it.
#[derive(Debug)]
pub struct Sender {
    tenants: Tenants,
    key: SigningKey,
}

impl Sender {
    /// A sender that one tenant, named `default`, accepts.
    pub fn new() -> anyhow::Result<Sender> {
        let token = Secret::new(SIGNING_TOKEN);
        let tenant = TenantConfig {
            name: "default".to_owned(),
            instance: Some("https://gitlab.example.com".to_owned()),
            signing_tokens: vec![token.clone()],
            ..TenantConfig::default()
        };
        Ok(Sender { tenants: Tenants::new(&[tenant])?, key: SigningKey::new(&token)? })
    }

    /// The `webhook-signature` of a body.
    pub fn signature(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        format!("v1,{}", BASE64.encode(self.key.sign(id, timestamp, body)))
    }

    /// A signed delivery.
    pub fn delivery(&self, id: &str, body: Bytes, at: DateTime<Utc>) -> RawDelivery {
        let timestamp = at.timestamp().to_string();
        let headers = DeliveryHeaders {
            signature: Some(self.signature(id, &timestamp, &body)),
            webhook_id: Some(id.to_owned()),
            idempotency_key: Some(id.to_owned()),
            webhook_timestamp: Some(timestamp),
            instance: Some("https://gitlab.example.com".to_owned()),
            ..DeliveryHeaders::default()
        };
        RawDelivery { headers, body, received_at: at }
    }

    /// The check that ingest makes before it reads the body.
    pub fn admit(&self, delivery: &RawDelivery) -> Result<Admission, VerifyError> {
        Admission::new(&self.tenants, None, &delivery.headers, delivery.received_at, TOLERANCE_SECONDS)
    }

    /// The record that ingest would publish.
    pub fn record(
        &self,
        prefix: &TopicPrefix,
        id: &str,
        body: Bytes,
        at: DateTime<Utc>,
    ) -> anyhow::Result<TopicRecord> {
        let delivery = self.delivery(id, body, at);
        let verified = self
            .admit(&delivery)
            .and_then(|admission| admission.verify(delivery))
            .context("our own signature is refused")?;
        Ok(wrap(&verified).envelope.to_record(prefix)?)
    }
}
