//! GitPulse as its users run it: real processes, real engines, requests in and SQL out.
//!
//! The engines are those of `up`. `engines` starts what all tests share,
//! `deployment` the roles of one test with a topic prefix and a database of its own, `delivery` sends.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod audit;
mod backfill;
mod backfill_hostile;
mod backfill_kills;
mod backfill_webhooks;
mod brokers;
mod clickhouse_access;
mod clickhouse_clients;
mod client_programs;
mod commands;
mod dead_letters;
mod delivery;
mod deployment;
mod doctor;
mod documents;
mod engines;
mod fixtures;
mod gateway;
mod history;
mod kafka_tools;
mod kills;
mod law;
mod metrics;
mod migrations;
mod nisshi;
mod poison;
mod prometheus;
mod rebuild;
mod reconcile;
mod report;
mod roles;
mod rollups;
mod scripted;
mod share;
mod shared_fixtures;
mod spool;
mod up;
mod users_file;
mod views;
