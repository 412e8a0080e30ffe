//! Wraps a delivery for Kafka. In: only a [`VerifiedDelivery`]. Out: a redacted envelope. Never fails.

use schemas::Envelope;
use schemas::envelope::{Arrival, Proof, Webhook, Wrapped};

use crate::verify::VerifiedDelivery;

/// Wraps a delivery.
pub fn wrap(delivery: &VerifiedDelivery) -> Wrapped {
    let headers = delivery.headers();
    Envelope::webhook(&Webhook {
        body: delivery.body(),
        arrival: Arrival::Delivered,
        proof: if delivery.is_signed() { Proof::Signed } else { Proof::Sender },
        received_at: delivery.received_at(),
        tenant: &delivery.tenant().identity,
        delivery_id: delivery.delivery_id(),
        named_instance: headers.instance.as_deref(),
        traceparent: headers.traceparent.as_deref(),
    })
}

#[cfg(test)]
mod tests;
