//! `gitpulse dead-letters`. In: the table `dead_letters`. Out: a list, one letter whole, or its record on the topic it came from once more.
//! Never deletes: a letter that could be decoded after all shows as recovered.

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand};
use clickhouse::Row;
use comfy_table::{Table, presets};
use indicatif::ProgressBar;
use processor::decode::DecodeError;
use rdkafka::message::{Header, OwnedHeaders};
use runtime::Publisher;
use runtime::clickhouse::ClickHouse;
use runtime::publisher::PublisherConfig;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cli::StoreArgs;
use crate::roles;

/// What to do with dead letters.
#[derive(Debug, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// Lists dead letters, the newest first
    List(ListArgs),
    /// Shows one: why it could not be decoded, and its record
    Show(ShowArgs),
    /// Puts records back on the topics they came from, to be decoded again
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    filter: Filter,
    /// How many at the most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    stores: StoreArgs,
    /// Id, as `list` shows it
    id: Uuid,
    /// Writes nothing but the record, byte for byte
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    publisher: PublisherConfig,
    /// Ids, as `list` shows them
    #[arg(value_name = "ID", required_unless_present_any = ["all", "reason"], conflicts_with = "reason")]
    ids: Vec<Uuid>,
    /// All that are still open: `events` has nothing of them. What is in `events` only is replayed by its reason or id
    #[arg(long, conflicts_with_all = ["ids", "reason"])]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Args)]
struct Filter {
    /// Only those that failed for this reason
    #[arg(long, value_name = "REASON", value_parser = DecodeError::REASONS)]
    reason: Option<String>,
}

/// What became of a letter: `events` has its event, had it from the start but not in its own table, or nobody could read it yet.
const STATE: &str = "multiIf(event_id IS NULL OR event_id NOT IN \
                     (SELECT id FROM events WHERE id IN (SELECT assumeNotNull(event_id) FROM dead_letters WHERE event_id IS NOT NULL)), 'open', \
                     reason IN ('payload', 'missing_field', 'too_long'), 'in events only', 'recovered')";

#[derive(Row, Deserialize)]
struct Listed {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    failed_at: String,
    topic: String,
    reason: String,
    error: String,
    bytes: u64,
    state: String,
}

#[derive(Row, Serialize, Deserialize)]
struct Letter {
    topic: String,
    partition: i32,
    offset: i64,
    reason: String,
    error: String,
    failed_at: String,
    #[serde(with = "serde_bytes")]
    record_key: Vec<u8>,
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
}

/// Runs the subcommand.
pub(crate) async fn run(args: DeadLettersArgs) -> anyhow::Result<()> {
    match args.command {
        DeadLettersCommand::List(args) => list(args).await,
        DeadLettersCommand::Show(args) => show(args).await,
        DeadLettersCommand::Replay(args) => replay(args).await,
    }
}

#[expect(clippy::print_stdout, reason = "the command's output")]
async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = ClickHouse::new(&args.stores.clickhouse).client;
    let query = format!(
        "SELECT id, formatDateTime(failed_at, '%Y-%m-%d %H:%i:%S') AS failed_at, topic, reason, error, length(record) AS bytes, {STATE} AS state \
         FROM dead_letters WHERE ? = '' OR reason = ? ORDER BY dead_letters.failed_at DESC, id LIMIT ?"
    );
    let reason = args.filter.reason.unwrap_or_default();
    let letters: Vec<Listed> = client
        .query(&query)
        .bind(&reason)
        .bind(&reason)
        .bind(args.limit)
        .fetch_all()
        .await
        .context("the table dead_letters")?;
    if letters.is_empty() {
        println!("no dead letters: everything that arrived could be decoded");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "id",
        "failed at (UTC)",
        "topic",
        "reason",
        "bytes",
        "state",
        "error",
    ]);
    for letter in &letters {
        let error: String = letter.error.chars().take(100).collect();
        let bytes = letter.bytes.to_string();
        table.add_row([
            &letter.id.to_string(),
            &letter.failed_at,
            &letter.topic,
            &letter.reason,
            &bytes,
            &letter.state,
            &error,
        ]);
    }
    println!("{table}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's output")]
async fn show(args: ShowArgs) -> anyhow::Result<()> {
    let client = ClickHouse::new(&args.stores.clickhouse).client;
    let letter = fetch(&client, args.id).await?;
    if args.raw {
        std::io::stdout().write_all(&letter.record)?;
        return Ok(());
    }
    println!("id         {}", args.id);
    println!("failed at  {} UTC", letter.failed_at);
    println!("record     {} partition {} offset {}", letter.topic, letter.partition, letter.offset);
    println!("key        {}", String::from_utf8_lossy(&letter.record_key));
    println!("reason     {}", letter.reason);
    println!("error      {}\n", letter.error);
    println!("{}", String::from_utf8_lossy(&letter.record));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's output")]
async fn replay(args: ReplayArgs) -> anyhow::Result<()> {
    let client = ClickHouse::new(&args.stores.clickhouse).client;
    let ids =
        if args.ids.is_empty() { select(&client, args.filter.reason.as_deref()).await? } else { args.ids };
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, &roles::registry()?)?;
    let progress = ProgressBar::new(ids.len() as u64);
    for id in &ids {
        let letter = fetch(&client, *id).await?;
        let content_type = Header { key: "content-type", value: Some("application/cloudevents+json") };
        let headers = OwnedHeaders::new().insert(content_type);
        publisher
            .publish_raw(&letter.topic, &letter.record_key, &letter.record, headers)
            .await
            .with_context(|| {
                format!("dead letter {id}; those before it are replayed, and may be replayed again")
            })?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    println!(
        "replayed {}; `gitpulse dead-letters list` shows which of them could be decoded this time",
        ids.len()
    );
    Ok(())
}

/// The ids of letters that are still open.
async fn select(client: &clickhouse::Client, reason: Option<&str>) -> anyhow::Result<Vec<Uuid>> {
    let query = format!(
        "SELECT toString(id) FROM dead_letters WHERE if(? = '', {STATE} = 'open', {STATE} != 'recovered' AND reason = ?) ORDER BY failed_at, id"
    );
    let reason = reason.unwrap_or_default();
    let ids: Vec<String> =
        client.query(&query).bind(reason).bind(reason).fetch_all().await.context("the table dead_letters")?;
    ids.iter().map(|id| id.parse().context("an id of dead_letters")).collect()
}

async fn fetch(client: &clickhouse::Client, id: Uuid) -> anyhow::Result<Letter> {
    let query = "SELECT topic, partition, offset, reason, error, formatDateTime(failed_at, '%Y-%m-%d %H:%i:%S') AS failed_at, \
                 record_key, record FROM dead_letters WHERE id = toUUID(?)";
    let letter: Option<Letter> =
        client.query(query).bind(id.to_string()).fetch_optional().await.context("the table dead_letters")?;
    letter.with_context(|| format!("there is no dead letter {id}; `gitpulse dead-letters list` shows all"))
}
