use super::*;

#[test]
fn a_node_listens_on_loopback_alone() {
    let ports = KafkaPorts { broker: 19092, controller: 19093 };
    let properties = server_properties(Path::new("/data"), ports);
    let listeners = properties.lines().find(|line| line.starts_with("listeners="));
    assert_eq!(listeners, Some("listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"));
    assert!(properties.contains("auto.create.topics.enable=false\n"));
    assert!(properties.contains("log.dirs=/data/log\n"));
}

#[test]
fn free_ports_differ() {
    let ports = KafkaPorts::free().unwrap();
    assert_ne!(ports.broker, ports.controller);
}
