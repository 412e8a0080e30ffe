//! Verify: the cost of authenticating the sender, from the headers to the HMAC over the body.

use std::hint::black_box;

use benches::{Sender, examples, of_kind};
use chrono::DateTime;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use schemas::EventKind;

const KINDS: [EventKind; 4] = [EventKind::Push, EventKind::MergeRequest, EventKind::Pipeline, EventKind::Job];

#[expect(clippy::expect_used, reason = "a bench without its examples has nothing to measure")]
fn verify(criterion: &mut Criterion) {
    let examples = examples().expect("examples");
    let sender = Sender::new().expect("a sender");
    let mut group = criterion.benchmark_group("verify");
    for kind in KINDS {
        let deliveries: Vec<_> = of_kind(&examples, kind)
            .into_iter()
            .map(|example| sender.delivery(&example.name, example.body, DateTime::UNIX_EPOCH))
            .collect();
        let bytes: usize = deliveries.iter().map(|delivery| delivery.body.len()).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(kind), &deliveries, |bencher, deliveries| {
            bencher.iter_batched(
                || deliveries.clone(),
                |deliveries| {
                    for delivery in deliveries {
                        let admission = sender.admit(&delivery).expect("admitted");
                        black_box(admission.verify(delivery).expect("verified"));
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
