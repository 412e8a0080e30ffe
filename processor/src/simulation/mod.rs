//! Processors that die anywhere, simulated. In: seeds. Out: nothing; panics with the seed of a history that loses, doubles or passes a record.
//!
//! Decoding, rows, batches, positions and dead letters are the real ones. Kafka (`kafka.rs`) and ClickHouse (`tables.rs`) are models, `world.rs`
//! makes up what GitLab tells, `consumer.rs` is a processor, `history.rs` chooses what happens. Whatever happens is chosen by one seed; no clock
//! and no thread has a part in it.

mod consumer;
mod history;
mod kafka;
mod tables;
mod world;

use std::collections::BTreeMap;

use history::Ending;

/// How many histories one run lives through.
const HISTORIES: usize = 250;

/// Says how to repeat a history that panics.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("GITPULSE_TEST_SEED={} repeats the choices of this run", self.0);
        }
    }
}

fn live(seed: u64) -> Ending {
    let _replay = Replay(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(history::live(seed))
}

/// What must have happened in some history, or the others prove little.
const MET: [&str; 14] = [
    "a batch could not be stored",
    "between reads",
    "before dead letters are acknowledged",
    "before an insert",
    "in the midst of an insert",
    "after an insert",
    "before a commit",
    "after a commit",
    "a table took nothing",
    "the answer of a table was lost",
    "a commit was lost",
    "a commit was refused",
    "an open batch was dropped",
    "a stored batch was not committed",
];

/// Promises 1 to 3. Processors that are killed, stopped, thrown out of the group and started, inserts and commits that fail or succeed unheard:
/// every record is stored or dead-lettered, no commit passes one that is not, and the tables are those of a life without faults.
///
/// Seen to fail: a commit before its insert, or before its dead letters are acknowledged; an insert that failed and counts; `committable` of any
/// generation; `moved_to` that keeps the old batch, its positions or its generation; `Positions::add` that keeps the smaller, is one too far or
/// mixes up partitions; `skip` without its position; no deadline; rows that `append` forgets; projects merged by minimum; ids of events compared
/// byte by byte; the offset in the id of a dead letter.
#[test]
fn whatever_dies_every_record_is_stored_once_and_no_commit_passes_one_that_is_not() {
    if let Some(seed) = std::env::var_os("GITPULSE_TEST_SEED") {
        live(seed.to_str().unwrap().parse().unwrap());
        return;
    }
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..HISTORIES {
        for (what, count) in live(rand::random()).met {
            *met.entry(what).or_default() += count;
        }
    }
    for what in MET {
        assert!(met.contains_key(what), "never in {HISTORIES} histories: {what}; there was {met:?}");
    }
}

/// A seed would be worth nothing if anything but itself had a part in its history.
#[test]
fn a_seed_repeats_its_history() {
    for _ in 0..5 {
        let seed = rand::random();
        assert_eq!(live(seed), live(seed));
    }
}
