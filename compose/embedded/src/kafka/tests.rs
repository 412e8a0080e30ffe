use super::*;

fn cluster(nodes: u16) -> Kafka {
    let nodes = (1..=nodes).map(|id| KafkaPorts { broker: 19000 + id, controller: 19100 + id });
    Kafka { installation: "/kafka".into(), folder: "/data".into(), nodes: nodes.collect() }
}

#[track_caller]
fn check(nodes: u16, id: usize, expected: &[&str]) {
    let properties = cluster(nodes).server_properties(id, Path::new("/data/node"));
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
            "log.dirs=/data/node/log",
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
fn free_ports_differ() {
    let ports = KafkaPorts::free().unwrap();
    assert_ne!(ports.broker, ports.controller);
}
