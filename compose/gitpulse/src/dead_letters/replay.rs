//! `gitpulse dead-letters replay`. In: which letters. Out: their records, published again on their original topics. Holds one page of records in
//! memory at a time; replaying a record twice changes nothing, because the tables do not count it.

use std::time::Duration;

use anyhow::Context;
use clap::{ArgGroup, Args};
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use comfy_table::{Table, presets};
use futures_util::future::join_all;
use runtime::Publisher;
use runtime::clickhouse::ClickHouse;
use runtime::publisher::PublisherConfig;
use schemas::TopicRecord;
use serde::Deserialize;
use uuid::Uuid;

use super::filter::{Filter, KIND, STATE, matches};
use crate::arguments::StoreArgs;
use crate::progress::Progress;
use crate::roles;

/// How many letters are read and published concurrently.
const PAGE_LETTERS: usize = 256;
/// Bytes of records after which a page is full.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;
/// Longer than librdkafka keeps a record, so that the result of each is known.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(12);

/// Which letters to replay.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).multiple(true).args(["ids", "all", "reason", "kind", "since", "until"])))]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    publisher: PublisherConfig,
    /// Ids of dead letters, as `list` shows them
    #[arg(value_name = "ID", conflicts_with_all = ["all", "Filter"])]
    ids: Vec<Uuid>,
    /// All that are open, which means that `events` has no event of them; those "in events only" need a filter or their id
    #[arg(long, conflicts_with = "Filter")]
    all: bool,
    /// Shows how many would be replayed, by reason and kind, and replays none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    filter: Filter,
}

/// A letter to replay.
#[derive(Row, Deserialize)]
struct Selected {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    bytes: u64,
}

/// The record as it was read.
#[derive(Row, Deserialize)]
struct Letter {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    topic: String,
    #[serde(with = "serde_bytes")]
    record_key: Vec<u8>,
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
}

#[derive(Row, Deserialize)]
struct Share {
    reason: String,
    kind: String,
    letters: u64,
}

/// Replays the letters that are selected at the start, page by page, and prints how many.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(super) async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let client = ClickHouse::new(&args.stores.clickhouse).client;
    let selected = select(&client, &args).await?;
    if selected.is_empty() {
        println!("nothing to replay: no such dead letter is left to recover");
        return Ok(());
    }
    if args.dry_run {
        println!("{}\nwould replay {}; nothing was changed", shares(&client, &args).await?, selected.len());
        return Ok(());
    }
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, &roles::registry()?)?;
    let progress = Progress::new("replaying", selected.len() as u64);
    let mut replayed = 0;
    for page in pages(&selected) {
        let published = publish(&client, &publisher, page, &mut replayed).await;
        published.with_context(|| {
            format!(
                "replayed {replayed} of {}; fix the cause and repeat the command: replaying a record twice changes nothing",
                selected.len()
            )
        })?;
        progress.set(replayed);
    }
    drop(progress);
    println!(
        "replayed {replayed}; `gitpulse dead-letters list` shows which of them could be decoded this time"
    );
    Ok(())
}

/// The selected letters, in the order of the table, so that those of one page are stored together.
async fn select(client: &Client, args: &ReplayArgs) -> anyhow::Result<Vec<Selected>> {
    let condition = condition(args);
    let query = format!("SELECT id, length(record) AS bytes FROM dead_letters WHERE {condition} ORDER BY id");
    let selected: Vec<Selected> =
        bind(client.query(&query), args).fetch_all().await.context("the table dead_letters")?;
    let missing = args.ids.iter().find(|id| selected.iter().all(|selected| selected.id != **id));
    match missing {
        None => Ok(selected),
        Some(id) => anyhow::bail!(
            "there is no dead letter {id}; `gitpulse dead-letters list` shows all. Nothing was replayed"
        ),
    }
}

/// The number of selected letters by reason and kind.
async fn shares(client: &Client, args: &ReplayArgs) -> anyhow::Result<Table> {
    let condition = condition(args);
    let query = format!(
        "SELECT reason, {KIND} AS kind, count() AS letters FROM dead_letters WHERE {condition} GROUP BY reason, kind ORDER BY reason, kind"
    );
    let shares: Vec<Share> =
        bind(client.query(&query), args).fetch_all().await.context("the table dead_letters")?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["reason", "kind", "letters"]);
    for Share { reason, kind, letters } in shares {
        table.add_row([reason, kind, letters.to_string()]);
    }
    Ok(table)
}

fn condition(args: &ReplayArgs) -> String {
    match (args.ids.is_empty(), args.all) {
        (false, _) => "id IN ?".to_owned(),
        (true, true) => format!("{STATE} = 'open'"),
        (true, false) => format!("{STATE} != 'recovered' AND {}", matches()),
    }
}

fn bind(query: Query, args: &ReplayArgs) -> Query {
    match args.ids.is_empty() {
        true => args.filter.bind(query),
        false => query.bind(&args.ids),
    }
}

/// Divides letters into pages that fit into memory; each has at least one letter.
fn pages(selected: &[Selected]) -> impl Iterator<Item = &[Selected]> {
    let mut rest = selected;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take(PAGE_LETTERS).take_while(|selected| {
            let fits = bytes < PAGE_BYTES;
            bytes += selected.bytes;
            fits
        });
        let (page, others) = rest.split_at(fitting.count());
        rest = others;
        (!page.is_empty()).then_some(page)
    })
}

/// Publishes the records of one page concurrently, and counts those that Kafka has; returns the first error.
async fn publish(
    client: &Client,
    publisher: &Publisher,
    page: &[Selected],
    replayed: &mut u64,
) -> anyhow::Result<()> {
    let ids: Vec<Uuid> = page.iter().map(|selected| selected.id).collect();
    let query = "SELECT id, topic, record_key, record FROM dead_letters WHERE id IN ?";
    let letters: Vec<Letter> =
        client.query(query).bind(ids).fetch_all().await.context("the table dead_letters")?;
    let publishing = letters.into_iter().map(|Letter { id, topic, record_key, record }| async move {
        let record = TopicRecord { topic, key: record_key, value: record };
        let published = publisher.publish_within(&record, PUBLISH_TIMEOUT).await;
        published.with_context(|| format!("dead letter {id} on topic {}", record.topic))
    });
    let mut failed = Ok(());
    for published in join_all(publishing).await {
        match published {
            Ok(_) => *replayed += 1,
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed
}

#[cfg(test)]
mod tests;
