//! `gitpulse migrate`. In: where Kafka and ClickHouse are. Out: topics and tables, with --roles also roles, and one line for each that was created.

use clap::Args;
use runtime::clickhouse::ClickHouse;
use runtime::kafka::Kafka;
use runtime::migrate::{self, Applied};
use schemas::access::RoleNames;

use crate::arguments::{AuditArgs, StoreArgs};

/// What to create.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    audit: AuditArgs,
    /// Also creates ClickHouse's roles and row policies for readers of the tables, or updates them to this version's
    #[arg(long)]
    roles: bool,
    /// With --roles: also creates the role of this tenant, which reads what the tenant reported; can be repeated
    #[arg(long, value_name = "NAME", requires = "roles")]
    tenant: Vec<String>,
}

/// Creates what is missing.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    let MigrateArgs { stores, audit: AuditArgs { audit_retention_days: days }, roles, tenant: tenants } =
        args;
    let clickhouse = ClickHouse::new(&stores.clickhouse);
    let topics = migrate::topics(&Kafka::new(&stores.kafka)?, &stores.kafka).await?;
    let applied = migrate::tables(&clickhouse).await?;
    let is_changed = migrate::audit_retention(&clickhouse, days).await?;
    for topic in &topics {
        println!("created topic {topic}");
    }
    for migration in &applied.migrations {
        println!("applied migration {migration}");
    }
    if applied.views > 0 {
        println!("applied {} views", applied.views);
    }
    if is_changed {
        println!("the audit log keeps calls of GitLab's API for {days} days");
    }
    if topics.is_empty() && !is_changed && applied == Applied::default() && !roles {
        println!("nothing to do: all topics and tables are there");
    }
    if roles {
        migrate::roles(&clickhouse, &tenants).await?;
        let names = RoleNames::of(&clickhouse.target);
        println!("applied role {}: reads the tables without confidential rows", names.analyst);
        println!("applied role {}: besides another role, confidential rows too", names.confidential);
        for tenant in &tenants {
            println!("applied role {}: reads what tenant {tenant} told of", names.of_tenant(tenant));
        }
    }
    Ok(())
}
