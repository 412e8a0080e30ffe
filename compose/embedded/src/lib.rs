//! A Kafka broker and ClickHouse inside the machine: what `gitpulse up` and the tests run on.

pub mod broker;
pub mod child;
pub mod clickhouse;
pub mod kafka;
pub mod nisshi;
pub mod probe;
pub mod provide;
pub mod supervisor;
