use std::collections::BTreeSet;

use prometheus::TextEncoder;
use proptest::prelude::*;

use super::frame::{Damage, Place, Spooled};
use super::segment::{Reader, Scan};
use super::*;

mod outbox;
mod simulation;

const MIB: u64 = 1024 * 1024;
/// Only a guard against hanging.
const GUARD: Duration = Duration::from_secs(60);

fn record(number: u64, length: usize) -> TopicRecord {
    let mut value = format!("{number}:").into_bytes();
    value.resize(value.len().max(length), b'x');
    TopicRecord { topic: "gitlab.push".to_owned(), key: format!("key/{}", number % 7).into_bytes(), value }
}

fn number(record: &TopicRecord) -> u64 {
    let text = std::str::from_utf8(&record.value).unwrap();
    text.split(':').next().unwrap().parse().unwrap()
}

fn open(folder: &Path) -> (Spool, Registry) {
    let registry = Registry::new();
    (Spool::with_limits(folder, 64 * MIB, 1024, &registry).unwrap(), registry)
}

async fn append(spool: &Spool, record: TopicRecord) -> Result<(), SpoolError> {
    spool.append(Arc::new(record), Instant::now() + GUARD).await
}

/// All records in a folder's segments, in the order in which the drain would read them.
fn contents(spool: &Spool) -> Vec<TopicRecord> {
    let shared = &spool.inner.shared;
    let mut segments = Vec::new();
    for number in segment::numbers(&shared.folder).unwrap().0 {
        let good = locked(&shared.ledger).good(number);
        let mut reader = Reader::open(&shared.folder, number, 0, good).unwrap();
        while let Some(Spooled { record, .. }) = reader.next().unwrap() {
            segments.push(record);
        }
    }
    segments
}

fn metric(registry: &Registry, series: &str) -> f64 {
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("there is no {series}")).parse().unwrap()
}

/// Writes a segment of three records. Returns its bytes, and the end of each record.
fn small_segment(folder: &Path) -> (Vec<u8>, Vec<u64>) {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for number in 0..3 {
        let record = TopicRecord { topic: "t".to_owned(), key: b"k".to_vec(), value: vec![b'v'; number] };
        let place = Place { segment: 1, offset: bytes.len() as u64 };
        frame::write(&mut bytes, &record, 1_700_000_000_000, place).unwrap();
        assert_eq!(bytes.len() as u64 - place.offset, frame::length(&record));
        ends.push(bytes.len() as u64);
    }
    std::fs::write(segment::path(folder, 1), &bytes).unwrap();
    (bytes, ends)
}

#[test]
fn a_segment_torn_at_any_byte_gives_back_exactly_the_records_before() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, ends) = small_segment(folder.path());
    for length in 0..=bytes.len() {
        std::fs::write(segment::path(folder.path(), 1), &bytes[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length as u64).count();
        let good = if whole == 0 { 0 } else { ends[whole - 1] };
        let expected = Scan {
            size: length as u64,
            good,
            records: whole as u64,
            oldest_at: (whole > 0).then_some(1_700_000_000_000),
            damage: (good != length as u64).then_some(Damage::Torn),
        };
        assert_eq!(segment::scan(folder.path(), 1), expected, "torn at {length}");
    }
}

#[test]
fn a_segment_with_any_bit_flipped_gives_back_exactly_the_records_before() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, ends) = small_segment(folder.path());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(segment::path(folder.path(), 1), &flipped).unwrap();
        let whole = ends.iter().filter(|end| **end <= bit as u64 / 8).count();
        let scan = segment::scan(folder.path(), 1);
        assert_eq!(scan.records, whole as u64, "bit {bit}");
        assert_eq!(scan.good, if whole == 0 { 0 } else { ends[whole - 1] }, "bit {bit}");
        assert!(scan.damage.is_some(), "bit {bit}");
    }
}

#[test]
fn a_frame_is_a_record_only_where_it_was_written() {
    let mut bytes = Vec::new();
    let place = Place { segment: 3, offset: 0 };
    frame::write(&mut bytes, &record(1, 10), 5, place).unwrap();
    let available = bytes.len() as u64;
    let read = |place| frame::read(&mut bytes.as_slice(), place, available);
    assert_eq!(read(place).unwrap().unwrap().0, Spooled { record: record(1, 10), at: 5 });
    assert_eq!(read(Place { segment: 4, ..place }), Err(Damage::Changed));
    assert_eq!(read(Place { offset: 7, ..place }), Err(Damage::Changed));
    assert_eq!(
        frame::read(&mut [0; 4096].as_slice(), place, 4096),
        Err(Damage::Changed),
        "zeros are no record"
    );
}

#[tokio::test]
async fn what_was_appended_is_there_after_a_restart_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, registry) = open(folder.path());
    let records: Vec<TopicRecord> = (0..40).map(|number| record(number, 100)).collect();
    for record in &records {
        append(&spool, record.clone()).await.unwrap();
    }
    assert!(segment::numbers(folder.path()).unwrap().0.len() > 2, "segments roll");
    assert_eq!(metric(&registry, "gitpulse_spool_records"), 40.0);
    assert_eq!(metric(&registry, "gitpulse_spool_appended_total"), 40.0);
    assert!(metric(&registry, "gitpulse_spool_fsync_seconds_count") > 0.0);
    assert_eq!(contents(&spool), records);
    drop(spool);
    let (spool, registry) = open(folder.path());
    assert_eq!(contents(&spool), records);
    assert_eq!(spool.status().records, 40);
    let on_disk: u64 = segment::numbers(folder.path())
        .unwrap()
        .0
        .iter()
        .map(|number| std::fs::metadata(segment::path(folder.path(), *number)).unwrap().len())
        .sum();
    assert_eq!(metric(&registry, "gitpulse_spool_bytes"), on_disk as f64);
    append(&spool, record(40, 1)).await.unwrap();
    assert_eq!(number(contents(&spool).last().unwrap()), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_together_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let spool = Spool::with_limits(folder.path(), 64 * MIB, 64 * MIB, &registry).unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..2000 {
        let spool = spool.clone();
        waiting.spawn(async move { append(&spool, record(number, 500)).await });
    }
    while let Some(appended) = waiting.join_next().await {
        appended.unwrap().unwrap();
    }
    let numbers: BTreeSet<u64> = contents(&spool).iter().map(number).collect();
    assert_eq!(numbers, (0..2000).collect());
    let syncs = metric(&registry, "gitpulse_spool_fsync_seconds_count");
    assert!(syncs < 500.0, "{syncs} syncs for 2000 records");
}

#[tokio::test]
async fn a_full_spool_refuses_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let spool = Spool::open(folder.path(), 1, &registry).unwrap();
    let mut kept = 0;
    let refused = loop {
        match append(&spool, record(kept, 10_000)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, SpoolError::Full);
    assert!((100..=104).contains(&kept), "{kept}");
    assert_eq!(spool.status().refuses, Some(SpoolError::Full));
    assert_eq!(metric(&registry, "gitpulse_spool_refused_total{reason=\"full\"}"), 1.0);
    drop(spool);
    let spool = Spool::open(folder.path(), 1, &Registry::new()).unwrap();
    assert_eq!(contents(&spool).len() as u64, kept);
    assert_eq!(append(&spool, record(0, 10_000)).await, Err(SpoolError::Full), "it is still full");
}

#[tokio::test]
async fn one_process_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = open(folder.path());
    let second = Spool::open(folder.path(), 1, &Registry::new());
    assert!(matches!(second, Err(OpenError::InUse(_))));
    drop(spool);
    Spool::open(folder.path(), 1, &Registry::new()).unwrap();
}

#[tokio::test]
async fn the_folder_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = open(&folder.path().join("a/spool"));
    append(&spool, record(0, 1)).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("a/spool")), 0o700);
    assert_eq!(mode(&segment::path(&folder.path().join("a/spool"), 1)), 0o600);
}

#[tokio::test]
async fn a_segment_that_is_deleted_while_it_is_written_is_no_place_for_events() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, registry) = open(folder.path());
    append(&spool, record(0, 1)).await.unwrap();
    std::fs::remove_file(segment::path(folder.path(), 1)).unwrap();
    assert_eq!(append(&spool, record(1, 1)).await, Err(SpoolError::Unusable));
    assert_eq!(metric(&registry, "gitpulse_spool_usable"), 0.0);
    assert_eq!(append(&spool, record(2, 1)).await, Err(SpoolError::Unusable), "not before it was tried");
    until(|| spool.status().refuses.is_none()).await;
    append(&spool, record(3, 1)).await.unwrap();
    assert_eq!(metric(&registry, "gitpulse_spool_usable"), 1.0);
}

/// Waits until `condition` holds.
async fn until(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        let mut polls = tokio::time::interval(Duration::from_millis(5));
        while !condition() {
            polls.tick().await;
        }
    };
    tokio::time::timeout(GUARD, waiting).await.expect("nothing happened");
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    /// The process is killed; the file ends with this many bytes of a record that was not yet answered.
    Crash(usize),
    /// The bytes after a place in a segment are changed while no process reads them.
    Damage(proptest::sample::Index, proptest::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..600_usize).prop_map(Step::Append),
        2 => (0..200_usize).prop_map(Step::Crash),
        1 => any::<(proptest::sample::Index, proptest::sample::Index)>()
            .prop_map(|(segment, byte)| Step::Damage(segment, byte)),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_what_was_accepted_is_there_in_order_but_for_what_was_damaged(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (mut spool, _) = open(folder.path());
            // Per segment: each record and its end.
            let mut expected: Vec<(u64, TopicRecord, u64)> = Vec::new();
            for (count, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Append(length) => {
                        let record = record(count as u64, length);
                        append(&spool, record.clone()).await.unwrap();
                        let last = segment::numbers(folder.path()).unwrap().0.pop().unwrap();
                        let end = locked(&spool.inner.shared.ledger).good(last);
                        expected.push((last, record, end));
                    }
                    Step::Crash(torn) => {
                        drop(spool);
                        if let Some(last) = segment::numbers(folder.path()).unwrap().0.pop() {
                            let path = segment::path(folder.path(), last);
                            let mut bytes = std::fs::read(&path).unwrap();
                            let place = Place { segment: last, offset: bytes.len() as u64 };
                            let mut frame = Vec::new();
                            frame::write(&mut frame, &record(999, 300), 0, place).unwrap();
                            bytes.extend_from_slice(&frame[..torn.min(frame.len() - 1)]);
                            std::fs::write(&path, bytes).unwrap();
                        }
                        spool = open(folder.path()).0;
                    }
                    Step::Damage(segment, byte) => {
                        drop(spool);
                        let numbers = segment::numbers(folder.path()).unwrap().0;
                        if !numbers.is_empty() {
                            let number = *segment.get(&numbers);
                            let path = segment::path(folder.path(), number);
                            let mut bytes = std::fs::read(&path).unwrap();
                            let at = byte.index(bytes.len());
                            // Two changes at one place must not restore the original.
                            bytes[at] = bytes[at].wrapping_add(1);
                            std::fs::write(&path, bytes).unwrap();
                            expected.retain(|(of, _, end)| *of != number || *end <= at as u64);
                        }
                        spool = open(folder.path()).0;
                    }
                }
                let there = contents(&spool);
                let expected: Vec<TopicRecord> =
                    expected.iter().map(|(_, record, _)| record.clone()).collect();
                prop_assert_eq!(there, expected);
            }
            Ok(())
        })?;
    }
}
