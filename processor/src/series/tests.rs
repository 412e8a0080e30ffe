use std::collections::BTreeSet;
use std::path::Path;

use prometheus::{Registry, TextEncoder};

use super::budget::{Named, Told, named};
use super::families::{Family, Kind, Query};
use super::*;

/// The lines of docs/PROMETHEUS.md about series: name, type, labels, meaning.
fn documented() -> Vec<[String; 4]> {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PROMETHEUS.md")).unwrap();
    let lines = page.lines().skip_while(|line| !line.starts_with("| series |")).skip(2);
    let cells = |line: &str| {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        cells.try_into().unwrap()
    };
    lines.take_while(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn the_page_has_every_series_with_its_labels_and_help() {
    let families = QUERIES.iter().flat_map(|query| query.families);
    let told: Vec<[String; 4]> = families
        .map(|family| {
            let kind = match family.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
                Kind::Histogram(_) => "histogram",
            };
            let labels =
                Vec::from_iter(["project"].into_iter().chain(family.labels.iter().copied())).join(", ");
            [family.name, kind, &labels, family.help].map(str::to_owned)
        })
        .collect();
    let documented = documented();
    assert_eq!(BTreeSet::from_iter(&documented), BTreeSet::from_iter(&told));
    assert_eq!(documented.len(), told.len(), "one stands there twice");
}

#[test]
fn a_histogram_is_told_with_its_bounds_and_what_is_unknown_is_not() {
    const FAMILIES: &[Family] = &[
        Family {
            name: "gitpulse_waiting_seconds",
            help: "Help",
            kind: Kind::Histogram(&[1.0, 5.0]),
            labels: &["tier"],
            at: 0,
        },
        Family { name: "gitpulse_last", help: "Help", kind: Kind::Gauge, labels: &[], at: 4 },
    ];
    let query = Query { sql: "", families: FAMILIES, beyond: families::Beyond::LeftOut };
    let row = |id: u64, last: f64| Told {
        project: ("i".to_owned(), id),
        labels: vec!["pro\"duction\n".to_owned()],
        values: vec![1.0, 3.0, 12.5, 4.0, last],
    };
    let rows: Named =
        named(&query, vec![row(1, 7.0), row(2, f64::NAN)], &BTreeSet::new(), |(_, id)| format!("p{id}"));
    let registry = Registry::new();
    let series = Series::default();
    registry.register(Box::new(series.clone())).unwrap();
    assert_eq!(
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap(),
        "",
        "nothing is told before it is read"
    );
    series.tell(FAMILIES.iter().map(|family| read::told(family, &rows)).collect());
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let lines: BTreeSet<&str> = text.lines().collect();
    for line in [
        "# TYPE gitpulse_waiting_seconds histogram",
        r#"gitpulse_waiting_seconds_bucket{project="p1",tier="pro\"duction\n",le="5"} 3"#,
        r#"gitpulse_waiting_seconds_bucket{project="p1",tier="pro\"duction\n",le="+Inf"} 4"#,
        r#"gitpulse_waiting_seconds_sum{project="p2",tier="pro\"duction\n"} 12.5"#,
        r#"gitpulse_last{project="p1"} 7"#,
    ] {
        assert!(lines.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains(r#"gitpulse_last{project="p2"}"#), "{text}");
    drop(ClearedAtEnd(series));
    assert_eq!(TextEncoder::new().encode_to_string(&registry.gather()).unwrap(), "", "nor after its end");
}
