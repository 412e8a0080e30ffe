//! A Kafka-compatible broker and ClickHouse inside the machine: what `gitpulse up` and the tests run on.

pub mod clickhouse;
