use std::time::Duration;

use super::*;

const MIB: u64 = 1024 * 1024;

fn well() -> Inspection {
    Inspection {
        waiting: Some(Waiting::default()),
        set_aside: Vec::new(),
        is_private: true,
        is_writable: true,
        bytes: 0,
        free: 10 * 1024 * MIB,
    }
}

#[track_caller]
fn check(inspection: &Inspection, expected: &[&str]) {
    let told = findings(Path::new("/spool"), 2048 * MIB, inspection);
    let told: Vec<String> = told
        .into_iter()
        .map(|finding| match finding {
            Finding::Good(text) => format!("ok {text}"),
            Finding::Note(text) => format!("note {text}"),
            Finding::Bad(text, remedy) => format!("FAULT {text} | {remedy}"),
        })
        .collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        let (verdict, words) = expected.split_once(' ').unwrap();
        assert!(told.starts_with(verdict) && told.contains(words), "{told:?} is not {expected:?}");
    }
}

#[test]
fn an_empty_spool_is_well_and_one_in_use_is_left_to_ingest() {
    let room = "ok it may take 2.00 GiB more, the disk has 10.00 GiB";
    check(&well(), &["ok nothing waits in /spool", room]);
    check(&Inspection { waiting: None, ..well() }, &["ok ingest uses /spool; /readyz and /metrics", room]);
}

#[test]
fn what_was_left_behind_is_a_fault_until_ingest_runs() {
    let waiting = Waiting {
        records: 3,
        oldest: Duration::from_secs(7200),
        damaged: vec!["/spool/7.segment".into()],
        unreadable: vec!["/spool/8.segment".into()],
    };
    check(
        &Inspection { waiting: Some(waiting), ..well() },
        &[
            "FAULT 3 event(s) wait in /spool, the oldest for 2 hours, and no ingest uses it | start `gitpulse ingest`",
            "FAULT 1 segment(s), 7.segment among them, with damaged bytes",
            "FAULT 1 segment(s), 8.segment among them, in /spool that cannot be read",
            "ok it may take",
        ],
    );
}

#[test]
fn a_folder_in_a_bad_state_and_a_small_disk_have_remedies() {
    let inspection = Inspection {
        set_aside: vec!["/spool/1.damaged".into(), "/spool/2.damaged".into()],
        is_private: false,
        is_writable: false,
        bytes: 1024 * MIB,
        free: 1000 * MIB,
        ..well()
    };
    check(
        &inspection,
        &[
            "ok nothing waits",
            "FAULT /spool cannot be written | give it to the user of ingest",
            "FAULT others may enter /spool, which holds payloads | `chmod 700 /spool`",
            "FAULT 2 file(s), 1.damaged among them,",
            "FAULT it may take 1.00 GiB more, but the disk has only 1000.00 MiB | make room, lower GITPULSE_SPOOL_MAX_MIB",
        ],
    );
}
