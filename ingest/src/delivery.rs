//! A delivery as received. In: HTTP headers and bytes. Out: [`RawDelivery`], not yet verified.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use ipnet::IpNet;
use warp::http::HeaderMap;

/// A request that claims to come from GitLab.
#[derive(Debug, Clone)]
pub struct RawDelivery {
    /// What its headers say.
    pub headers: DeliveryHeaders,
    /// The body, byte for byte: the signature covers exactly these bytes.
    pub body: Bytes,
    /// When its last byte arrived.
    pub received_at: DateTime<Utc>,
}

/// The headers that GitLab sends and GitPulse uses
/// (<https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers>).
#[derive(Clone, Default)]
pub struct DeliveryHeaders {
    /// `X-Gitlab-Token`: the secret token in clear text.
    pub token: Option<Vec<u8>>,
    /// `webhook-signature`: GitLab 19.0 and later, if there is a signing token.
    pub signature: Option<String>,
    /// `webhook-id`: the same for a retry or a resend.
    pub webhook_id: Option<String>,
    /// `webhook-timestamp`: seconds since 1970.
    pub webhook_timestamp: Option<String>,
    /// `Idempotency-Key`: GitLab 17.4 and later, equal to `webhook-id`.
    pub idempotency_key: Option<String>,
    /// `X-Gitlab-Instance`: base URL of the instance.
    pub instance: Option<String>,
    /// `traceparent`, if an upstream proxy sets it.
    pub traceparent: Option<String>,
}

/// Shows names only: some values are secrets.
impl std::fmt::Debug for DeliveryHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeliveryHeaders")
            .field("token", &self.token.is_some())
            .field("signature", &self.signature.is_some())
            .field("webhook_id", &self.webhook_id)
            .finish_non_exhaustive()
    }
}

impl DeliveryHeaders {
    /// Reads the headers of a request. A header that occurs twice or is not text counts as absent: it is unknown which value the sender meant.
    pub fn read(headers: &HeaderMap) -> DeliveryHeaders {
        let single = |name: &str| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => Some(value),
                (Some(_) | None, _) => None,
            }
        };
        let text = |name: &str| single(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        DeliveryHeaders {
            token: single("x-gitlab-token").map(|value| value.as_bytes().to_vec()),
            // Present but unreadable is still present: the token must not be tried instead.
            signature: headers
                .contains_key("webhook-signature")
                .then(|| text("webhook-signature").unwrap_or_default()),
            webhook_id: text("webhook-id"),
            webhook_timestamp: text("webhook-timestamp"),
            idempotency_key: text("idempotency-key"),
            instance: text("x-gitlab-instance"),
            traceparent: text("traceparent"),
        }
    }
}

/// The address of the sender: the peer of the connection or, behind a trusted proxy, the last address in `X-Forwarded-For` that is not a trusted
/// proxy. The sender may have written the addresses further left.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.ip().to_canonical();
    if !is_trusted(&client) {
        return client;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.into_iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            return client;
        };
        client = address.to_canonical();
        if !is_trusted(&client) {
            return client;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()];
        let client = client_address(SocketAddr::new(peer.parse().unwrap(), 1), &headers, &trusted);
        assert_eq!(client, expected.parse::<IpAddr>().unwrap());
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
        check("203.0.113.9", &["34.74.90.65"], "203.0.113.9");
        check("10.0.0.1", &["34.74.90.65"], "34.74.90.65");
        check("10.0.0.1", &["34.74.90.65, 203.0.113.9, 10.0.0.2"], "203.0.113.9");
        check("10.0.0.1", &["34.74.90.65", "203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["34.74.90.65, nonsense"], "10.0.0.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("::ffff:127.0.0.1", &["203.0.113.9"], "203.0.113.9");
    }

    #[test]
    fn a_header_given_twice_is_no_header() {
        let mut headers = HeaderMap::new();
        headers.append("x-gitlab-token", "a".parse().unwrap());
        headers.append("x-gitlab-token", "b".parse().unwrap());
        headers.append("webhook-signature", "v1,a".parse().unwrap());
        headers.append("webhook-signature", "v1,b".parse().unwrap());
        let read = DeliveryHeaders::read(&headers);
        assert_eq!(read.token, None);
        assert_eq!(read.signature.as_deref(), Some(""));
    }
}
