use super::*;

#[test]
fn the_controller_keeps_its_port_unless_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(CONTROLLER_PORT_FILE);
    let first = controller_port(&file).unwrap();
    assert_eq!(controller_port(&file).unwrap(), first);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
    let other = controller_port(&file).unwrap();
    assert_ne!(other, first);
    drop(taken);
    assert_eq!(controller_port(&file).unwrap(), other, "the new one is kept");
    fs::write(&file, "no number").unwrap();
    assert!(controller_port(&file).is_ok());
}
