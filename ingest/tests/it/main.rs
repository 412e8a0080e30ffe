//! The public listener from outside. In: bytes on a socket. Out: responses and Kafka records, as promised by the contract. Never needs a network, a
//! broker or a database: Kafka is librdkafka's mock cluster, in this process.
//!
//! Helpers: [`server`] starts the service on port 0, [`client`] speaks HTTP byte by byte, [`kafka`] reads back what was published. Tests by topic:
//! [`answers`], [`credentials`], [`networks`], [`bodies`], [`hostile`], [`smuggling`], [`connections`], [`outages`], [`outcomes`], [`secrecy`].

#[cfg(test)]
mod answers;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod client;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod flood;
mod hostile;
#[cfg(test)]
mod kafka;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod server;
#[cfg(test)]
mod smuggling;
mod tenants;
