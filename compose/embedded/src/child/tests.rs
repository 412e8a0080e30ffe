use std::{fs, io::Write, net::Ipv4Addr};

use super::*;

fn spec() -> ChildSpec {
    ChildSpec {
        name: "sleeper",
        program: "/bin/sleep".into(),
        arguments: vec!["1000".into()],
        folder: "/tmp".into(),
        environment: Environment::Inherited,
        log_file: "/tmp/sleeper.log".into(),
        listens: Listens { address: (Ipv4Addr::LOCALHOST, 0).into(), setting: "SLEEPER" },
        ready_within: Duration::from_secs(10),
        gives_up: GivesUp::AfterShortRuns,
    }
}

#[test]
fn a_child_can_be_started_through_another_program() {
    let through = spec().through(Path::new("/bin/gitpulse"), &["engine", "--"]);
    assert_eq!(through.program, Path::new("/bin/gitpulse"));
    assert_eq!(through.arguments, ["engine", "--", "/bin/sleep", "1000"]);
}

#[test]
fn a_child_without_a_supervisor_refuses() {
    // The test program's parent is not a supervisor, so this changes nothing for the tests.
    let error = die_with_parent().unwrap_err();
    assert!(error.to_string().contains("supervisor"), "{error}");
}

#[test]
fn a_log_is_cut_to_its_last_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/child.log");
    let mut file = log::open(&path, 100).unwrap();
    for line in 10..30 {
        writeln!(file, "line {line}").unwrap();
    }
    drop(file);

    let mut file = log::open(&path, 1000).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 160);
    writeln!(file, "kept").unwrap();

    let mut file = log::open(&path, 100).unwrap();
    writeln!(file, "next").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.len() <= 105 && text.starts_with("line "), "{text}");
    assert!(text.ends_with("line 29\nkept\nnext\n"), "{text}");
}

#[test]
fn the_last_line_is_the_last_that_says_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("child.log");
    assert_eq!(last_line(&path), None);
    fs::write(&path, "one\nError: no space\n\n").unwrap();
    assert_eq!(last_line(&path).as_deref(), Some("Error: no space"));
}
