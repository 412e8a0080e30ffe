//! The audit log: every call of GitLab's API that a command makes is a record of the audit topic and one row of `audit_log`, however often the record
//! is read, and none of them holds the token.

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use schemas::TopicPrefix;
use simulator::api::{self, Options, Requests};
use simulator::gitlab::{World, WorldConfig};
use tokio::net::TcpListener;

use crate::deployment::Deployment;
use crate::engines::free_address;

const TOKENS: &str = "glpat-of-the-audit, glpat-unknown";

/// A GitLab that fails or cuts short this many of a thousand answers, an installation that may read it, and the requests made.
async fn stage(name: &str, errors: u32) -> (Deployment, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let world = Arc::new(World::new(WorldConfig { url: url.clone(), ..WorldConfig::new(11, 2, 28) }));
    let mut options = Options::new(&world, "glpat-of-the-audit");
    (options.faults.seed, options.faults.errors, options.faults.torn) = (5, errors, errors);
    let requests = options.requests.clone();
    tokio::spawn(api::serve(world, options, listener, tokio_util::sync::CancellationToken::new()));
    let deployment = Deployment::new(name)
        .with("GITLAB_URL", &url)
        .with("GITLAB_TOKEN", "glpat-of-the-audit")
        .with("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", "60000");
    (deployment, requests)
}

/// What a command says.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// How many rows the log has, by status.
async fn by_status(deployment: &Deployment, role: &str) -> BTreeMap<u16, u64> {
    let query = "SELECT assumeNotNull(status), count() FROM audit_log WHERE role = ? GROUP BY 1 ORDER BY 1";
    let rows: Vec<(u16, u64)> = deployment.client.query(query).bind(role).fetch_all().await.unwrap();
    rows.into_iter().collect()
}

/// Keys and values of all records of the audit topic.
fn records(deployment: &Deployment) -> Vec<(Vec<u8>, Vec<u8>)> {
    const TIMEOUT: Duration = Duration::from_secs(30);
    let topic = topic(deployment);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &deployment.environment["GITPULSE_KAFKA_BROKERS"])
        .set("group.id", "test")
        .create()
        .unwrap();
    let (mut assigned, mut left) = (TopicPartitionList::new(), 0);
    let metadata = consumer.fetch_metadata(Some(&topic), TIMEOUT).unwrap();
    for partition in metadata.topics()[0].partitions() {
        assigned.add_partition_offset(&topic, partition.id(), Offset::Beginning).unwrap();
        left += consumer.fetch_watermarks(&topic, partition.id(), TIMEOUT).unwrap().1;
    }
    consumer.assign(&assigned).unwrap();
    let mut records = Vec::new();
    while left > 0 {
        let record = consumer.poll(TIMEOUT).expect("a record that is there").unwrap();
        records.push((record.key().unwrap().to_vec(), record.payload().unwrap().to_vec()));
        left -= 1;
    }
    records
}

fn topic(deployment: &Deployment) -> String {
    let prefix: TopicPrefix = deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"].parse().unwrap();
    prefix.audit()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_a_backfill_is_one_row_and_none_holds_the_token() {
    let (deployment, requests) = stage("audit", 100).await;
    let _processor = deployment.processor();
    let output = deployment.command(&["backfill", "--group", "factory"]).output().unwrap();
    let text = said(&output);
    assert!(output.status.code().is_some_and(|code| code < 2) && text.contains("objects by"), "{text}");

    let total = requests.total();
    deployment.until_count("SELECT count() FROM audit_log", total).await;
    let mut asked: BTreeMap<u16, u64> = BTreeMap::new();
    for ((_, status), count) in requests.all() {
        *asked.entry(status).or_default() += count;
    }
    assert_eq!(by_status(&deployment, "backfill").await, asked);
    assert!(total > 30 && asked.len() > 1 && asked[&200] < total, "{asked:?}");
    let run = "SELECT toUInt64(uniqExact(run_id) = 1 AND min(number) = 1 AND max(number) = count() AND uniqExact(number) = count() \
               AND countIf(outcome = 'server') > 0 AND countIf(outcome = 'unreadable') > 0 AND sum(bytes) > 10000 \
               AND countIf(tenant != 'default' OR instance != {url:String} OR token != 'the token' OR (method = 'POST') != (path = '/api/graphql') \
               OR method NOT IN ('GET', 'POST')) = 0 AND countIf(path = '/api/graphql') > 1 \
               AND countIf(path LIKE '/api/v4/projects/%/jobs') > 0 AND countIf(position(path, '??') > 0) = 0 \
               AND max(called_at) <= now64(3) AND min(called_at) > now() - INTERVAL 10 MINUTE) FROM audit_log";
    let run = deployment.client.query(run).param("url", &deployment.environment["GITLAB_URL"]);
    assert_eq!(run.fetch_one::<u64>().await.unwrap(), 1);

    let written = records(&deployment);
    assert_eq!(written.len() as u64, total);
    let token = "glpat-of-the-audit";
    let rows = "SELECT count() FROM audit_log WHERE position(toString(tuple(*)), 'glpat') > 0";
    assert_eq!(deployment.value::<u64>(rows).await, 0);
    assert!(!text.contains(token), "{text}");
    for (key, value) in &written {
        let (key, value) = (std::str::from_utf8(key).unwrap(), std::str::from_utf8(value).unwrap());
        assert!(
            !key.contains("glpat") && !value.contains("glpat") && !value.contains("per_page"),
            "{key}: {value}"
        );
    }

    let page = include_str!("../../../../docs/ACCESS.md").split("## The audit log").nth(1).unwrap();
    let block = page.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let queries: Vec<&str> = block.split(";\n").filter(|query| !query.trim().is_empty()).collect();
    let mut rows = Vec::new();
    for query in &queries {
        let mut cursor = deployment.client.query(query).fetch_bytes("JSONEachRow").unwrap();
        rows.push(String::from_utf8(cursor.collect().await.unwrap().to_vec()).unwrap().lines().count());
    }
    assert_eq!(rows.len(), 3);
    assert!(rows[0] == 1 && rows[1] == 0 && rows[2] > 0, "{rows:?}");

    // Each a second time, and a record that is not a call.
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &deployment.environment["GITPULSE_KAFKA_BROKERS"])
        .create()
        .unwrap();
    let broken = (b"key".to_vec(), br#"{"specversion":"1.0"}"#.to_vec());
    for (key, value) in written.iter().chain([&broken]) {
        let topic = topic(&deployment);
        let record = FutureRecord::to(&topic).key(key).payload(value);
        producer.send(record, Duration::from_secs(30)).await.unwrap();
    }
    deployment.until_count("SELECT count() FROM dead_letters WHERE reason = 'audit'", 1).await;
    let consumed = format!("SELECT sum(records) FROM consumed_ranges WHERE topic = '{}'", topic(&deployment));
    deployment.until_count(&consumed, 2 * total + 1).await;
    assert_eq!(deployment.value::<u64>("SELECT count() FROM audit_log").await, total);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_doctor_and_a_plan_ask_is_in_the_audit_log_too_but_needs_no_kafka() {
    let (deployment, requests) = stage("audit_doctor", 0).await;
    let _processor = deployment.processor();
    let deployment = deployment.with("GITLAB_TOKEN", TOKENS);
    let text = said(&deployment.command(&["doctor"]).output().unwrap());
    let of_doctor = requests.total();
    assert!(
        of_doctor >= 2 && text.contains(&format!("these {of_doctor} requests are in the audit log")),
        "{text}"
    );
    deployment.until_count("SELECT count() FROM audit_log", of_doctor).await;
    let tokens = "SELECT arrayStringConcat(arraySort(groupUniqArray(token)), ', ') FROM audit_log WHERE role = 'doctor'";
    assert_eq!(deployment.value::<String>(tokens).await, "token 1, token 2");

    let deployment = deployment.with("GITLAB_TOKEN", "glpat-of-the-audit");
    let plan = ["backfill", "--group", "factory", "--dry-run"];
    let output = deployment.command(&plan).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    deployment.until_count("SELECT count() FROM audit_log", requests.total()).await;
    assert!(requests.total() > of_doctor);

    let away = deployment.clone().with("GITPULSE_KAFKA_BROKERS", &free_address().to_string());
    let text = said(&away.command(&["doctor"]).output().unwrap());
    assert!(
        text.contains("knows the token as") && text.contains("requests are not in the audit log"),
        "{text}"
    );
    let output = away.command(&plan).output().unwrap();
    let text = said(&output);
    assert!(
        output.status.success() && text.contains("calls of GitLab's API are missing in the audit log"),
        "{text}"
    );
}
