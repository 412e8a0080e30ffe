//! Decode: the value of a record to a typed event.

use std::hint::black_box;

use benches::{Sender, examples, of_kind};
use chrono::DateTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
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
fn decode(criterion: &mut Criterion) {
    let examples = examples().expect("examples");
    let sender = Sender::new().expect("a sender");
    let mut group = criterion.benchmark_group("decode");
    for kind in KINDS {
        let values: Vec<Vec<u8>> = of_kind(&examples, kind)
            .into_iter()
            .map(|example| {
                let record =
                    sender.record(&TopicPrefix::default(), &example.name, example.body, DateTime::UNIX_EPOCH);
                record.expect("a record").value
            })
            .collect();
        group.throughput(Throughput::Bytes(values.iter().map(Vec::len).sum::<usize>() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(kind), &values, |bencher, values| {
            bencher.iter(|| {
                for value in values {
                    black_box(processor::decode::decode(black_box(value)).expect("an event"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
