//! Common tools against the broker of `up`: kcat of Debian (librdkafka 2.0), and Kafka's own. Nothing in GitPulse is adapted to them; a broker that
//! only resembles Kafka fails here.

use std::process::Command;

use embedded::broker::BrokerProgram;
use embedded::kafka::KafkaProgram;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use testing::skipped;

use crate::clickhouse_clients::run;
use crate::client_programs;
use crate::delivery::{client, send};
use crate::deployment::{Deployment, eventually};
use crate::engines::{provided, shared};

/// Kafka's own tools; `None` if the broker is not Kafka.
fn kafka() -> Option<&'static KafkaProgram> {
    match &provided().broker {
        BrokerProgram::Kafka(program) => Some(program),
        BrokerProgram::Nisshi(_) => None,
    }
}

/// The output of one of Kafka's tools; `class` is its main class.
fn tool(kafka: &KafkaProgram, class: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(&kafka.java)
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
        .arg("-cp")
        .arg(kafka.installation.join("libs/*"))
        .arg(format!("org.apache.kafka.tools.{class}"))
        .args(["--bootstrap-server", &shared().brokers])
        .args(arguments)
        .output()
        .unwrap();
    let printed =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(printed) } else { Err(printed) }
}

fn push(number: u32) -> Vec<u8> {
    format!(
        r#"{{"object_kind":"push","project_id":42,"ref":"refs/heads/b{number}","before":"a{number}","after":"b{number}"}}"#
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn kcat_lists_the_topics_and_reads_an_event() {
    if Command::new("kcat").arg("-V").output().is_err() {
        return skipped("there is no kcat on this machine (Debian: apt-get install kcat)");
    }
    if kafka().is_none() {
        return skipped("Nisshi does not answer kcat of Debian");
    }
    let deployment = Deployment::on(shared(), "kcat");
    let ingest = deployment.ingest();
    send(&client(), &ingest.webhooks(), "1", push(1)).await;
    let topic = format!("{}.push", deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"]);
    let kcat = |arguments: &[&str]| {
        let output = Command::new("kcat").args(["-b", &shared().brokers]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = kcat(&["-L"]);
    assert!(listed.contains(&format!("topic \"{topic}\" with 2 partitions")), "{listed}");
    let read = kcat(&["-C", "-t", &topic, "-e", "-q"]);
    assert!(read.contains(r#""type":"gitlab.push""#) && read.contains("refs/heads/b1"), "{read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_own_tools_see_the_processor_and_read_what_it_reads() {
    let Some(kafka) = kafka() else {
        return skipped("the broker of this machine is not Apache Kafka");
    };
    let deployment = Deployment::on(shared(), "tools");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    for number in 0..5 {
        send(&client(), &ingest.webhooks(), &number.to_string(), push(number)).await;
    }
    deployment.until_count("SELECT count() FROM events", 5).await;

    let prefix = &deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"];
    let groups = tool(kafka, "consumer.group.ConsumerGroupCommand", &["--list"]).unwrap();
    let group = groups.lines().find(|group| group.contains(prefix.as_str())).expect(&groups);
    let describe = ["--describe", "--group", group, "--members"];
    let members = tool(kafka, "consumer.group.ConsumerGroupCommand", &describe).unwrap();
    // 24 topics of two partitions: of events, dead letters, and the audit log.
    assert!(members.lines().any(|line| line.contains(group) && line.contains(" 48")), "{members}");

    // The protocol of KIP-848, by which the broker itself assigns partitions.
    let topic = format!("{prefix}.push");
    let reads = ["--topic", &topic, "--from-beginning", "--max-messages", "5", "--timeout-ms", "60000"];
    let new_protocol =
        ["--command-property", "group.protocol=consumer", "--group", &format!("{prefix}.other")];
    let read = tool(kafka, "consumer.ConsoleConsumer", &[&reads[..], &new_protocol].concat()).unwrap();
    assert_eq!(read.matches(r#""type":"gitlab.push""#).count(), 5, "{read}");
}

/// A signature by the library of Standard Webhooks is accepted, and third-party clients read the record as the CloudEvent that it is.
#[tokio::test(flavor = "multi_thread")]
async fn standard_webhooks_and_cloudevents_are_what_their_libraries_mean_by_them() {
    let Some(mut python) = client_programs::python("webhooks.py") else {
        return skipped("there is no python3 with venv on this machine");
    };
    if kafka().is_none() {
        return skipped("the broker of this machine is not Apache Kafka");
    }
    let signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let deployment = Deployment::on(shared(), "libraries").with("GITLAB_WEBHOOK_SIGNING_TOKEN", signing);
    let ingest = deployment.ingest();
    let topic = format!("{}.push", deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"]);
    python.args([&ingest.webhooks(), signing, &shared().brokers, &topic]);
    run(python);
}

/// The processor finds partitions that were added while it runs, and reads them from their beginning.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_can_be_added_under_way() {
    let Some(kafka) = kafka() else {
        return skipped("the broker of this machine is not Apache Kafka");
    };
    // Otherwise clients refresh their metadata every five minutes.
    let properties = "session.timeout.ms=6000,topic.metadata.refresh.interval.ms=500";
    let deployment = Deployment::on(shared(), "partitions").with("GITPULSE_KAFKA_PROPERTIES", properties);
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let topic = format!("{}.push", deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"]);
    tool(kafka, "TopicCommand", &["--alter", "--topic", &topic, "--partitions", "8"]).unwrap();
    let (client, mut sent) = (client(), 0);
    eventually("events of new partitions are stored", async || {
        for _ in 0..20 {
            send(&client, &ingest.webhooks(), &format!("id-{sent}"), push(sent)).await;
            sent += 1;
        }
        let partitions = "SELECT uniqExact(partition) FROM consumed_ranges WHERE endsWith(topic, '.push')";
        match deployment.value::<u64>(partitions).await {
            partitions if partitions > 2 => Ok(()),
            partitions => Err(format!("of {partitions} partitions")),
        }
    })
    .await;
    deployment.until_count("SELECT count() FROM pushes", sent.into()).await;
    assert_eq!(deployment.value::<u64>("SELECT count() FROM pushes").await, u64::from(sent));
}

/// The broker answers correctly when a consumer asks for what is not there any more, or not yet.
#[tokio::test(flavor = "multi_thread")]
async fn an_offset_out_of_range_is_said() {
    let Some(_) = kafka() else {
        return skipped("Nisshi answers nothing to an offset out of range");
    };
    let deployment = Deployment::on(shared(), "range");
    let topic = format!("{}.push", deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"]);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &shared().brokers)
        .set("group.id", "range")
        .set("auto.offset.reset", "error")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(&topic, 0, Offset::Offset(1_000)).unwrap();
    consumer.assign(&assignment).unwrap();
    let answer = consumer.poll(std::time::Duration::from_secs(60)).expect("an answer");
    let error = answer.expect_err("no record is there").to_string();
    assert!(error.contains("range") || error.contains("AutoOffsetReset"), "{error}");
}
