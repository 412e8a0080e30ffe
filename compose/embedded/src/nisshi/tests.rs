use super::*;

#[test]
fn the_broker_stays_in_its_folder_and_on_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Nisshi {
        program: "/opt/nisshi".into(),
        folder: folder.path().join("a folder with spaces"),
        listens: Listens { address: ([127, 0, 0, 1], 9092).into(), setting: "GITPULSE_KAFKA_BROKERS" },
        retention_sweep_every: Duration::from_secs(90),
    };
    let child = broker.child().unwrap();
    assert_eq!(child.folder, broker.folder);
    assert!(broker.folder.join(".env").is_file());
    let arguments: Vec<_> = child.arguments.iter().filter_map(|argument| argument.to_str()).collect();
    assert!(arguments.contains(&"tcp://127.0.0.1:9092"), "{arguments:?}");
    assert!(arguments.contains(&"sqlite://log.db?maintenance_interval=90s"), "{arguments:?}");
    assert!(matches!(child.environment, Environment::Only(_)));
}
