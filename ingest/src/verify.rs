//! Proves who sent a delivery. In: headers, then the body. Out: a [`VerifiedDelivery`], which nothing else can make. Never tells the sender which
//! check failed, and never falls back from a signature to a token.
//!
//! Signatures are Standard Webhooks v1 (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): HMAC-SHA256
//! over `id.timestamp.body`. GitLab 19.0 and later sends them when a signing token is set.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::body::Sender;
use crate::delivery::{DeliveryHeaders, RawDelivery};
use crate::tenant::{Tenant, Tenants};

/// The most `v1` signatures in a header that are compared.
const MAX_SIGNATURES: usize = 8;
/// The longest delivery id; GitLab's are UUIDs.
const MAX_ID_LENGTH: usize = 256;

/// Why a delivery was not verified. The sender is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No signature and no token.
    #[error("no credentials")]
    Missing,
    /// No tenant with this name.
    #[error("unknown tenant")]
    UnknownTenant,
    /// The token matches no tenant.
    #[error("wrong token")]
    Token,
    /// The signature matches no tenant, or no possible tenant has a signing token.
    #[error("wrong signature")]
    Signature,
    /// The signature lacks an id or a timestamp, or its form is unknown.
    #[error("malformed signature")]
    Malformed,
    /// The signature is too old, or from the future.
    #[error("stale signature")]
    Stale,
}

impl VerifyError {
    /// All reasons, for metrics that start at zero.
    pub const ALL: [VerifyError; 6] = [
        VerifyError::Missing,
        VerifyError::UnknownTenant,
        VerifyError::Token,
        VerifyError::Signature,
        VerifyError::Malformed,
        VerifyError::Stale,
    ];

    /// The label value of metrics, from a fixed set.
    pub fn reason(self) -> &'static str {
        match self {
            VerifyError::Missing => "missing",
            VerifyError::UnknownTenant => "unknown_tenant",
            VerifyError::Token => "token",
            VerifyError::Signature => "signature",
            VerifyError::Malformed => "malformed",
            VerifyError::Stale => "stale",
        }
    }
}

/// A delivery whose sender is proven.
///
/// **Invariant:** only [`Admission::verify`] makes one.
#[derive(Debug)]
pub struct VerifiedDelivery {
    tenant: Arc<Tenant>,
    delivery_id: Option<String>,
    signed: bool,
    raw: RawDelivery,
}

impl VerifiedDelivery {
    /// The tenant whose secret matched.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// GitLab's id of the delivery: the signed id of a signed delivery, otherwise `Idempotency-Key` (GitLab 17.4 and later).
    pub fn delivery_id(&self) -> Option<&str> {
        self.delivery_id.as_deref()
    }

    /// Whether id, timestamp and body are proven, not only the sender. Other headers never are.
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.raw.body
    }

    /// The headers.
    pub fn headers(&self) -> &DeliveryHeaders {
        &self.raw.headers
    }

    /// When its last byte arrived.
    pub fn received_at(&self) -> DateTime<Utc> {
        self.raw.received_at
    }
}

/// What is known about the sender before the body is read.
#[derive(Debug)]
pub enum Admission {
    /// The token belongs to this tenant; the body cannot add to that.
    Token(Arc<Tenant>),
    /// There is a fresh, well-formed signature; the body will show whose it is.
    Signature {
        /// The signed id.
        id: String,
        /// The signed timestamp, as written.
        timestamp: String,
        /// The `v1` signatures.
        signatures: Vec<[u8; 32]>,
        /// The tenants that may have signed it.
        candidates: Vec<Arc<Tenant>>,
    },
}

impl Admission {
    /// Checks everything that needs no body, so that we read no body from a sender without credentials.
    pub fn new(
        tenants: &Tenants,
        path_tenant: Option<&str>,
        headers: &DeliveryHeaders,
        now: DateTime<Utc>,
        tolerance_seconds: u64,
    ) -> Result<Admission, VerifyError> {
        let candidates = tenants.candidates(path_tenant);
        if let Some(header) = &headers.signature {
            let (id, timestamp) = signed_parts(headers).ok_or(VerifyError::Malformed)?;
            let signed_at: i64 = timestamp.parse().map_err(|_| VerifyError::Malformed)?;
            if now.timestamp().abs_diff(signed_at) > tolerance_seconds {
                return Err(VerifyError::Stale);
            }
            let signatures = version_1(header);
            let somebody_signs = candidates.iter().any(|tenant| !tenant.signing_keys.is_empty());
            return match (candidates, signatures.is_empty()) {
                ([], _) => Err(VerifyError::UnknownTenant),
                (_, true) => Err(VerifyError::Malformed),
                (_, false) if !somebody_signs => Err(VerifyError::Signature),
                (candidates, false) => {
                    Ok(Admission::Signature { id, timestamp, signatures, candidates: candidates.to_vec() })
                }
            };
        }
        let Some(token) = &headers.token else {
            return Err(VerifyError::Missing);
        };
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut owner = None;
        for tenant in candidates {
            for known in &tenant.tokens {
                // All secrets are compared, even after a match, so that timing does not reveal which one matched.
                if bool::from(known.matches(&digest)) {
                    owner = Some(tenant.clone());
                }
            }
        }
        match (owner, candidates) {
            (Some(tenant), _) => Ok(Admission::Token(tenant)),
            (None, []) => Err(VerifyError::UnknownTenant),
            (None, _) => Err(VerifyError::Token),
        }
    }

    /// Whether the sender is already known; `address` is the sender's.
    pub fn sender(&self, address: IpAddr) -> Sender {
        match self {
            Admission::Token(_) => Sender::Proven,
            Admission::Signature { .. } => Sender::Unproven(address),
        }
    }

    /// Proves who sent the delivery, from its complete body.
    pub fn verify(self, raw: RawDelivery) -> Result<VerifiedDelivery, VerifyError> {
        match self {
            Admission::Token(tenant) => {
                let headers = &raw.headers;
                let id = headers.idempotency_key.as_ref().or(headers.webhook_id.as_ref());
                let delivery_id = id.filter(|id| is_id(id)).cloned();
                Ok(VerifiedDelivery { tenant, delivery_id, signed: false, raw })
            }
            Admission::Signature { id, timestamp, signatures, candidates } => {
                let mut owner = None;
                for tenant in &candidates {
                    for key in &tenant.signing_keys {
                        let expected = key.sign(&id, &timestamp, &raw.body);
                        for signature in &signatures {
                            if bool::from(expected.ct_eq(signature)) {
                                owner = Some(tenant.clone());
                            }
                        }
                    }
                }
                let tenant = owner.ok_or(VerifyError::Signature)?;
                Ok(VerifiedDelivery { tenant, delivery_id: Some(id), signed: true, raw })
            }
        }
    }
}

/// The id and timestamp that a signature covers.
fn signed_parts(headers: &DeliveryHeaders) -> Option<(String, String)> {
    let id = headers.webhook_id.clone().filter(|id| is_id(id))?;
    let timestamp = headers.webhook_timestamp.clone()?;
    Some((id, timestamp))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_LENGTH
}

/// The `v1` signatures in a space-separated list; other versions are ignored.
fn version_1(header: &str) -> Vec<[u8; 32]> {
    header
        .split(' ')
        .filter_map(|item| item.strip_prefix("v1,"))
        .filter_map(|encoded| BASE64.decode(encoded).ok()?.try_into().ok())
        .take(MAX_SIGNATURES)
        .collect()
}

#[cfg(test)]
mod tests;
