//! An embedded Kafka broker and ClickHouse, on which `gitpulse up` and the tests run.

pub mod broker;
pub mod child;
pub mod clickhouse;
pub mod kafka;
pub mod nisshi;
pub mod probe;
pub mod provide;
pub mod supervisor;
