use super::*;
use schemas::drift::What;

/// The value of each series of `gitpulse_processor_unknown_total`, by its labels kind, path and what.
fn series(registry: &Registry) -> HashMap<String, f64> {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "gitpulse_processor_unknown_total");
    let series = family.into_iter().flat_map(|family| family.get_metric());
    series
        .map(|series| {
            let labels: Vec<&str> = series.get_label().iter().map(|label| label.value()).collect();
            (labels.join(" "), series.get_counter().get_value())
        })
        .collect()
}

fn field(path: &str) -> Unknown {
    Unknown { what: What::Field, path: path.to_owned() }
}

#[test]
fn what_is_unknown_is_counted_by_kind_path_and_what_and_is_new_once() {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    assert!(metrics.unknown(EventKind::Issue, field("mood")));
    assert!(!metrics.unknown(EventKind::Issue, field("mood")));
    assert!(!metrics.clone().unknown(EventKind::Issue, field("mood")));
    assert!(metrics.unknown(EventKind::Note, field("mood")));
    assert!(metrics.unknown(EventKind::Issue, Unknown { what: What::Value, path: "mood".to_owned() }));
    let counted = [("issue mood field", 3.0), ("note mood field", 1.0), ("issue mood value", 1.0)];
    assert_eq!(series(&registry), counted.map(|(labels, count)| (labels.to_owned(), count)).into());
}

#[test]
fn what_is_unknown_makes_no_series_without_end() {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    for number in 0..10 * MAX_UNKNOWN {
        let is_new = metrics.unknown(EventKind::Issue, field(&format!("f{number}")));
        assert_eq!(is_new, number < MAX_UNKNOWN);
    }
    // Series from before the limit are still updated.
    assert!(!metrics.unknown(EventKind::Issue, field("f7")));
    let series = series(&registry);
    assert_eq!(series.len(), MAX_UNKNOWN + 1);
    assert_eq!(series["issue f7 field"], 2.0);
    assert_eq!(series["issue other field"], (9 * MAX_UNKNOWN) as f64);
}
