//! `gitpulse doctor`. In: settings. Out: one finding per line, each fault with its remedy; the exit code says whether all is well. Never sends the
//! GitLab token anywhere but to the configured host.

mod finding;
mod gitlab_api;
mod spool;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clickhouse::error::Error;
use gitlab::{ApiConfig, Call};
use ingest::config::TenantConfig;
use ingest::tenant::Tenants;
use prometheus::Registry;
use runtime::clickhouse::{ClickHouse, ClickHouseError, Code, code};
use runtime::kafka::{Kafka, Unsuited};
use runtime::publisher::PublisherConfig;
use runtime::spool::SpoolConfig;
use runtime::{Publisher, Secret};
use schemas::instance::normal_instance;
use schemas::migration::MIGRATIONS;
use schemas::view;
use tokio::sync::mpsc;

use crate::arguments::StoreArgs;
use crate::audit::{self, AuditLog, Caller, Ended, Role};
use crate::tenants::{WebhookConfig, instance_hint};
use finding::{Finding, TIMEOUT, Tally};

/// Timeout for Kafka, whose client retries an unreachable broker for ever.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(5);
/// Minimum length of hooks' secrets; shorter ones can be guessed.
const SECRET_CHARACTERS: usize = 20;
/// The tenant of the requests to GitLab.
const TENANT: &str = "default";

/// Settings that are checked.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    webhooks: WebhookConfig,
    #[command(flatten)]
    gitlab: ApiConfig,
    #[command(flatten)]
    spool: SpoolConfig,
    #[command(flatten)]
    publisher: PublisherConfig,
    #[command(flatten)]
    stores: StoreArgs,
}

/// Checks everything and reports.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(args: DoctorArgs, tenants: Vec<TenantConfig>) -> anyhow::Result<ExitCode> {
    let mut tally = Tally::default();
    let tenants = args.webhooks.tenants(&args.gitlab.instance, tenants);
    tally.report(vec![tenants_finding(&tenants)]);
    tally.report(
        instance_hint(&tenants).map(|hint| Finding::Note(format!("webhooks: {hint}"))).into_iter().collect(),
    );
    tally.report(short_secrets(&tenants));
    tally.report(spool::check(&args.spool).await);
    let kafka = kafka(&args.stores).await;
    let has_topics = kafka.has_topics;
    tally.report(kafka.findings);
    tally.report(clickhouse(&args.stores).await);
    let (audit, calls) = audit::channel();
    tally.report(gitlab_api::check(&args.gitlab, &audit).await);
    if audit.calls() > 0 {
        let written = match has_topics {
            true => write_down(&args, (audit, calls)).await,
            false => None,
        };
        tally.report(vec![audited(written)]);
    }
    let Tally { checks, bad } = tally;
    println!(
        "\n{}",
        if bad == 0 { "all is well".to_owned() } else { format!("{bad} of {checks} checks failed") }
    );
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tenants_finding(tenants: &[TenantConfig]) -> Finding {
    if tenants.is_empty() {
        return Finding::Note(
            "webhooks: no secret is configured; `up` makes one, `ingest` needs GITLAB_WEBHOOK_TOKEN or GITLAB_WEBHOOK_SIGNING_TOKEN"
                .to_owned(),
        );
    }
    match Tenants::new(tenants) {
        Ok(_) => Finding::Good(format!("webhooks: {} tenant(s) with secrets", tenants.len())),
        Err(error) => {
            let text = format!("webhooks: {:#}", anyhow::Error::from(error));
            Finding::Bad(text, "correct the tenant in gitpulse.toml or the environment".to_owned())
        }
    }
}

/// One finding per tenant with a secret that can be guessed: anybody may try as often as the network allows.
fn short_secrets(tenants: &[TenantConfig]) -> Vec<Finding> {
    let is_short = |secret: &&Secret| secret.expose().chars().count() < SECRET_CHARACTERS;
    let short = |tenant: &&TenantConfig| {
        tenant.tokens.iter().chain(&tenant.signing_tokens).any(|secret| is_short(&secret))
    };
    let note = |tenant: &TenantConfig| {
        Finding::Note(format!(
            "webhooks: tenant {} has a secret of fewer than {SECRET_CHARACTERS} characters, which can be guessed: `openssl rand -hex 32` makes one",
            tenant.name
        ))
    };
    tenants.iter().filter(short).map(note).collect()
}

/// The findings about Kafka.
struct KafkaFindings {
    findings: Vec<Finding>,
    /// Whether it answers, and has all topics.
    has_topics: bool,
}

impl KafkaFindings {
    /// Kafka does not answer, or not as it should.
    fn bad(finding: Finding) -> KafkaFindings {
        KafkaFindings { findings: vec![finding], has_topics: false }
    }
}

/// Writes the requests to GitLab to the audit log; `None` if that is impossible.
async fn write_down(args: &DoctorArgs, calls: (gitlab::Audit, mpsc::Receiver<Call>)) -> Option<Ended> {
    let instance = args.gitlab.instance.url().and_then(normal_instance)?;
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, &Registry::new()).ok()?;
    let prefix = args.stores.kafka.topic_prefix.clone();
    let caller = Caller::new(Role::Doctor, &instance, TENANT);
    Some(AuditLog::start(calls, caller, publisher, prefix, None).finish().await)
}

/// The finding about the audit log. A missing entry is not a fault.
fn audited(written: Option<Ended>) -> Finding {
    match written {
        Some(Ended { written, lost: 0 }) => {
            Finding::Good(format!("GitLab: these {written} requests are in the audit log"))
        }
        Some(_) | None => Finding::Note(
            "GitLab: these requests are not in the audit log, because Kafka does not take them".to_owned(),
        ),
    }
}

async fn kafka(stores: &StoreArgs) -> KafkaFindings {
    let brokers = &stores.kafka.brokers;
    let kafka = match Kafka::new(&stores.kafka) {
        Ok(kafka) => kafka,
        Err(error) => {
            let remedy = "correct GITPULSE_KAFKA_PROPERTIES; TLS and SASL need a build with --features tls";
            return KafkaFindings::bad(Finding::Bad(
                format!("Kafka: the client refuses its settings: {error}"),
                remedy.to_owned(),
            ));
        }
    };
    let missing = match kafka.missing_topics(KAFKA_TIMEOUT).await {
        Ok(missing) => missing,
        Err(error) => {
            let remedy = "start it (`gitpulse up` brings its own), or correct GITPULSE_KAFKA_BROKERS and GITPULSE_KAFKA_PROPERTIES";
            return KafkaFindings::bad(Finding::Bad(
                format!("Kafka: {brokers} does not answer: {error}"),
                remedy.to_owned(),
            ));
        }
    };
    let mut findings = vec![Finding::Good(format!("Kafka: {brokers} answers"))];
    findings.push(match missing.as_slice() {
        [] => Finding::Good(format!("Kafka: all {} topics exist", stores.kafka.topic_prefix.all().len())),
        [first, ..] => Finding::Bad(
            format!("Kafka: {} topics are missing, {first} among them", missing.len()),
            "run `gitpulse migrate`".to_owned(),
        ),
    });
    if !missing.is_empty() {
        return KafkaFindings { findings, has_topics: false };
    }
    findings.extend(match kafka.unsuited_topics(KAFKA_TIMEOUT).await {
        Ok(Some(unsuited)) if unsuited.is_empty() => {
            vec![Finding::Good(
                "Kafka: size limit, cleanup policy, timestamp type and replication settings of topics suit"
                    .to_owned(),
            )]
        }
        Ok(Some(unsuited)) => unsuited
            .chunk_by(|one, next| (one.setting, &one.needed) == (next.setting, &next.needed))
            .map(|unsuited| unsuited_topics(brokers, unsuited))
            .collect(),
        Ok(None) => vec![Finding::Note(
            "Kafka: it does not show the settings of all topics; doctor needs the right to describe them"
                .to_owned(),
        )],
        Err(error) => vec![Finding::Note(format!("Kafka: it does not show the settings of topics: {error}"))],
    });
    KafkaFindings { findings, has_topics: true }
}

/// Topics for which one setting is wrong.
fn unsuited_topics(brokers: &str, unsuited: &[Unsuited]) -> Finding {
    let Unsuited { topic, setting, value, needed } = &unsuited[0];
    let names: Vec<&str> = unsuited.iter().map(|unsuited| unsuited.topic.as_str()).collect();
    Finding::Bad(
        format!(
            "Kafka: {} topics need {setting}={needed} to keep what GitPulse promises ({topic} has {value}): {}",
            names.len(),
            names.join(", ")
        ),
        format!(
            "for each: kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {topic} --add-config {setting}={needed}"
        ),
    )
}

async fn clickhouse(stores: &StoreArgs) -> Vec<Finding> {
    let clickhouse = ClickHouse::new(&stores.clickhouse);
    let url = &stores.clickhouse.url;
    match clickhouse.ping(TIMEOUT).await {
        Ok(()) => (),
        Err(ClickHouseError::Client(error)) if code(&error).is_some() => return vec![refused(url, &error)],
        Err(error) => {
            let remedy = "start it (`gitpulse up` brings its own), or correct GITPULSE_CLICKHOUSE_URL";
            return vec![Finding::Bad(
                format!("ClickHouse: {url} does not answer: {:#}", anyhow::Error::from(error)),
                remedy.to_owned(),
            )];
        }
    }
    let mut findings = vec![Finding::Good(format!("ClickHouse: {url} answers"))];
    // Number 0 stands for the views.
    let query = clickhouse
        .client
        .query("SELECT countIf(version > 0), anyIf(checksum, version = 0) FROM migrations FINAL");
    let applied = tokio::time::timeout(TIMEOUT, query.fetch_one::<(u64, String)>()).await;
    let all = MIGRATIONS.len() as u64;
    findings.push(match applied {
        Ok(Ok((applied, views))) if applied == all && views == view::all_checksum() => {
            Finding::Good(format!("ClickHouse: all {all} migrations are applied"))
        }
        Ok(Ok((applied, _))) if applied == all => Finding::Bad(
            "ClickHouse: the views are those of another version".to_owned(),
            "run `gitpulse migrate`".to_owned(),
        ),
        Ok(Ok((applied, _))) if applied > all => Finding::Note(format!(
            "ClickHouse: {applied} migrations are applied, this program knows {all}: a newer one migrated it"
        )),
        Ok(Ok((applied, _))) => Finding::Bad(
            format!("ClickHouse: {applied} of {all} migrations are applied"),
            "run `gitpulse migrate`".to_owned(),
        ),
        Ok(Err(error @ Error::BadResponse(_))) if !is_missing(&error) => refused(url, &error),
        Err(_) => Finding::Bad(
            format!("ClickHouse: {url} does not list its migrations within {TIMEOUT:?}"),
            "check what it is busy with (system.processes)".to_owned(),
        ),
        Ok(Err(_)) => Finding::Bad(
            format!("ClickHouse: database {} has no tables of GitPulse", stores.clickhouse.database),
            "run `gitpulse migrate`".to_owned(),
        ),
    });
    findings
}

/// ClickHouse answers, but refuses.
fn refused(url: &str, error: &Error) -> Finding {
    let answer = match error {
        Error::BadResponse(answer) => answer.trim().to_owned(),
        other => other.to_string(),
    };
    Finding::Bad(
        format!("ClickHouse: {url} refuses: {answer}"),
        "correct GITPULSE_CLICKHOUSE_USER and GITPULSE_CLICKHOUSE_PASSWORD, and check the rights of the user"
            .to_owned(),
    )
}

/// Whether ClickHouse answered that the table or database does not exist.
fn is_missing(error: &Error) -> bool {
    matches!(code(error), Some(Code::UNKNOWN_TABLE | Code::UNKNOWN_DATABASE))
}
