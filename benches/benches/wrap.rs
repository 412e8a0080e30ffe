//! Wrap: a verified delivery to the record that is published: the borrowed pass over the body, redaction, the envelope, its JSON.

use std::hint::black_box;

use benches::{Sender, examples, of_kind};
use chrono::DateTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ingest::envelope;
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
fn wrap(criterion: &mut Criterion) {
    let examples = examples().expect("examples");
    let sender = Sender::new().expect("a sender");
    let prefix = TopicPrefix::default();
    let mut group = criterion.benchmark_group("wrap");
    for kind in KINDS {
        let verified: Vec<_> = of_kind(&examples, kind)
            .into_iter()
            .map(|example| {
                let delivery = sender.delivery(&example.name, example.body, DateTime::UNIX_EPOCH);
                let admission = sender.admit(&delivery).expect("admitted");
                admission.verify(delivery).expect("verified")
            })
            .collect();
        let bytes: usize = verified.iter().map(|delivery| delivery.body().len()).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(kind), &verified, |bencher, verified| {
            bencher.iter(|| {
                for delivery in verified {
                    let wrapped = envelope::wrap(black_box(delivery));
                    black_box(wrapped.envelope.to_record(&prefix).expect("a record"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, wrap);
criterion_main!(benches);
