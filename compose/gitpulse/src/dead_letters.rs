//! `gitpulse dead-letters`. In: the table `dead_letters`. Out: a list, one complete letter, or its record, published again on its original topic.
//! Never deletes: a letter that could be decoded later shows as recovered.

mod filter;
mod replay;

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand};
use clickhouse::Row;
use comfy_table::{Table, presets};
use runtime::clickhouse::ClickHouse;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::filter::{Filter, STATE, matches};
use self::replay::ReplayArgs;
use crate::arguments::StoreArgs;

/// What to do with dead letters.
#[derive(Debug, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// Lists dead letters, newest first
    List(ListArgs),
    /// Shows one dead letter: its record, and why it could not be decoded
    Show(ShowArgs),
    /// Publishes records again to the topics they came from, to be decoded again
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    filter: Filter,
    /// Dead letters to list at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    stores: StoreArgs,
    /// Id of the dead letter, as `list` shows it
    id: Uuid,
    /// Prints only the record, byte for byte
    #[arg(long)]
    raw: bool,
}

#[derive(Row, Deserialize)]
struct Listed {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    failed: String,
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
        DeadLettersCommand::Replay(args) => replay::run(args).await,
    }
}

#[expect(clippy::print_stdout, reason = "the command's output")]
async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = ClickHouse::new(&args.stores.clickhouse).client;
    let query = format!(
        "SELECT id, formatDateTime(failed_at, '%Y-%m-%d %H:%i:%S') AS failed, topic, reason, error, length(record) AS bytes, {STATE} AS state \
         FROM dead_letters WHERE {} ORDER BY failed_at DESC, id LIMIT {{limit:UInt32}}",
        matches()
    );
    let query = args.filter.bind(client.query(&query)).param("limit", args.limit);
    let letters: Vec<Listed> = query.fetch_all().await.context("the table dead_letters")?;
    if letters.is_empty() {
        println!(
            "{}",
            if args.filter.is_empty() {
                "no dead letters: everything that arrived could be decoded"
            } else {
                "no dead letters match these filters"
            }
        );
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
            &letter.failed,
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

async fn fetch(client: &clickhouse::Client, id: Uuid) -> anyhow::Result<Letter> {
    let query = "SELECT topic, partition, offset, reason, error, formatDateTime(failed_at, '%Y-%m-%d %H:%i:%S') AS failed_at, \
                 record_key, record FROM dead_letters WHERE id = toUUID(?)";
    let letter: Option<Letter> =
        client.query(query).bind(id.to_string()).fetch_optional().await.context("the table dead_letters")?;
    letter.with_context(|| format!("there is no dead letter {id}; `gitpulse dead-letters list` shows all"))
}
