use super::*;

fn cluster(nodes: u16) -> Kafka {
    let nodes = (1..=nodes).map(|id| KafkaNode {
        listens: Listens { address: ([127, 0, 0, 1], 19000 + id).into(), setting: "a test's port" },
        controller_port: 19100 + id,
    });
    Kafka { program: program(None), folder: "/data".into(), nodes: nodes.collect() }
}

fn program(archive: Option<ClassArchive>) -> KafkaProgram {
    KafkaProgram { java: "/java".into(), installation: "/kafka".into(), archive }
}

#[track_caller]
fn check(nodes: u16, id: usize, expected: &[&str]) {
    let properties = cluster(nodes).server_properties(id);
    for line in expected {
        assert!(properties.lines().any(|found| found == *line), "{line} is missing in\n{properties}");
    }
}

#[test]
fn nodes_listen_on_loopback_alone() {
    check(
        1,
        1,
        &[
            "listeners=PLAINTEXT://127.0.0.1:19001,CONTROLLER://127.0.0.1:19101",
            "auto.create.topics.enable=false",
            "log.dirs=log",
        ],
    );
    check(3, 2, &["node.id=2", "listeners=PLAINTEXT://127.0.0.1:19002,CONTROLLER://127.0.0.1:19102"]);
}

#[test]
fn three_nodes_keep_three_replicas_and_one_node_keeps_one() {
    check(1, 1, &["min.insync.replicas=1", "offsets.topic.replication.factor=1"]);
    check(2, 1, &["min.insync.replicas=1", "offsets.topic.replication.factor=2"]);
    check(3, 1, &["min.insync.replicas=2", "offsets.topic.replication.factor=3"]);
    check(5, 1, &["min.insync.replicas=2", "offsets.topic.replication.factor=3"]);
}

#[test]
fn every_node_knows_all_voters_and_clients_know_all_brokers() {
    let voters = "controller.quorum.voters=1@127.0.0.1:19101,2@127.0.0.1:19102,3@127.0.0.1:19103";
    for id in 1..=3 {
        check(3, id, &[voters]);
    }
    let brokers = cluster(3).bootstrap_servers();
    assert_eq!(brokers, "127.0.0.1:19001,127.0.0.1:19002,127.0.0.1:19003");
}

#[test]
fn an_archive_of_classes_is_read_by_every_start_and_written_by_none_but_its_own() {
    let arguments = |archive| {
        let kafka = Kafka { program: program(Some(archive)), ..cluster(1) };
        let archive = kafka.program.archive.as_ref();
        let arguments =
            kafka.arguments(archive, "warn", ["kafka.Kafka"], Path::new("/data/properties")).unwrap();
        Vec::from_iter(arguments.into_iter().map(|argument| argument.into_string().unwrap())).join(" ")
    };
    let read = arguments(ClassArchive::Read("/classes.jsa".into()));
    assert!(read.contains("-XX:SharedArchiveFile=/classes.jsa "), "{read}");
    assert!(read.ends_with("-cp /kafka/libs/* kafka.Kafka /data/properties"), "{read}");
    let written = arguments(ClassArchive::Write("/classes.jsa".into()));
    assert!(written.contains("-XX:ArchiveClassesAtExit=/classes.jsa "), "{written}");
}
