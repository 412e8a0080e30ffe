//! Rows: a typed event to the rows of all tables.

use std::hint::black_box;

use benches::{Sender, examples, of_kind};
use chrono::DateTime;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use processor::decode::decode;
use processor::rows::rows_for;
use schemas::{EventKind, TopicPrefix};

const KINDS: [EventKind; 6] = [
    EventKind::Push,
    EventKind::MergeRequest,
    EventKind::Issue,
    EventKind::Note,
    EventKind::Pipeline,
    EventKind::Job,
];

#[expect(clippy::expect_used, reason = "a bench without its examples has nothing to measure")]
fn rows(criterion: &mut Criterion) {
    let examples = examples().expect("examples");
    let sender = Sender::new().expect("a sender");
    let mut group = criterion.benchmark_group("rows");
    for kind in KINDS {
        let values: Vec<Vec<u8>> = of_kind(&examples, kind)
            .into_iter()
            .map(|example| {
                let record =
                    sender.record(&TopicPrefix::default(), &example.name, example.body, DateTime::UNIX_EPOCH);
                record.expect("a record").value
            })
            .collect();
        let events = || -> Vec<_> { values.iter().filter_map(|value| decode(value).ok()).collect() };
        group.throughput(Throughput::Elements(events().len() as u64));
        group.bench_function(BenchmarkId::from_parameter(kind), |bencher| {
            bencher.iter_batched(
                events,
                |events| {
                    for event in events {
                        black_box(rows_for(event));
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
