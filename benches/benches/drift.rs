//! Drift: a payload to what is unknown in it, which is nothing, and whether it is nested too deeply.

use std::hint::black_box;

use benches::{examples, of_kind};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use schemas::drift::drift;
use schemas::{EventKind, Origin};

const KINDS: [EventKind; 6] = [
    EventKind::Push,
    EventKind::MergeRequest,
    EventKind::Issue,
    EventKind::Note,
    EventKind::Pipeline,
    EventKind::Job,
];

#[expect(clippy::expect_used, reason = "a bench without its examples has nothing to measure")]
fn drift_of_payloads(criterion: &mut Criterion) {
    let examples = examples().expect("examples");
    let mut group = criterion.benchmark_group("drift");
    for kind in KINDS {
        let payloads: Vec<String> = of_kind(&examples, kind)
            .into_iter()
            .map(|example| String::from_utf8(example.body.to_vec()).expect("a text"))
            .collect();
        group.throughput(Throughput::Bytes(payloads.iter().map(String::len).sum::<usize>() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(kind), &payloads, |bencher, payloads| {
            bencher.iter(|| {
                for payload in payloads {
                    black_box(drift(kind, Origin::Webhook, black_box(payload)).expect("a payload"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, drift_of_payloads);
criterion_main!(benches);
