//! `gitpulse migrate`. In: where Kafka and ClickHouse are. Out: topics and tables, and a line about each that was created.

use runtime::clickhouse::ClickHouse;
use runtime::kafka::Kafka;
use runtime::migrate;

use crate::cli::StoreArgs;

/// Creates what is missing.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(args: StoreArgs) -> anyhow::Result<()> {
    let topics = migrate::topics(&Kafka::new(&args.kafka)?, &args.kafka).await?;
    let tables = migrate::tables(&ClickHouse::new(&args.clickhouse)).await?;
    for topic in &topics {
        println!("created topic {topic}");
    }
    for migration in &tables {
        println!("applied migration {migration}");
    }
    if topics.is_empty() && tables.is_empty() {
        println!("nothing to do: all topics and tables are there");
    }
    Ok(())
}
