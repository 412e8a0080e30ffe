//! Explanations. In: things whose numbers are known. Out: the rows behind the numbers, and no others.

use serde_json::Value;

use super::{measured, ran};

#[tokio::test(flavor = "multi_thread")]
async fn explanations_show_rows_and_events_behind_a_number() {
    let deployment = measured().await;
    let explained = |arguments: &[&str]| {
        let (code, output, log) = ran(deployment, &[&["explain"], arguments].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {log}");
        output
    };
    let event: String = deployment
        .value("SELECT toString(last_event_id) FROM merge_requests WHERE project_id = 42 AND iid = 7")
        .await;
    let lead = explained(&["lead-time", "--merge-request", "shop/checkout!7"]);
    for expected in [
        "Lead time of shop/checkout!7 to the tier production: 1 d from its merge, 3 d from its first commit; known by landing",
        event.as_str(),
        "deployment 501 to production, success: the first success on record, the baseline",
        "deployment 515 to production, success: the first success at its place or beyond, which brought it",
        "Rule (docs/METRICS.md, Deployments and lead time): a merge request belongs to the first success",
    ] {
        assert!(lead.contains(expected), "{expected}: {lead}");
    }
    // Neither later deployments, nor those before the last success before the merge.
    for other in ["deployment 516 ", "deployment 502 ", "deployment 520 "] {
        assert!(!lead.contains(other), "{other}: {lead}");
    }
    let failed = explained(&["lead-time", "--merge-request", "42!6"]);
    assert!(failed.contains("deployment 512 to production, failed: brought nothing"), "{failed}");
    let none = explained(&["lead-time", "--merge-request", "42!10"]);
    assert!(none.contains("none: branch_not_deployed") && none.contains("What would change it: "), "{none}");
    let cycle = explained(&["cycle-time", "--merge-request", "42!7"]);
    assert!(cycle.contains(": 2 d: coding 1 d, pickup 7 h, review 30 min, merging 16 h 30 min"), "{cycle}");
    let failure = explained(&["change-failure", "--deployment", "515"]);
    for expected in [
        "failed by incident, mended after 2 h; failed by rollback, mended after 12 min",
        "incident #31 was opened",
        "deployment 516 to production, success: the next success, which went back",
    ] {
        assert!(failure.contains(expected), "{expected}: {failure}");
    }
    let blamed = explained(&["change-failure", "--incident", "shop/checkout#32"]);
    assert!(blamed.contains("blamed on no deployment, not restored yet"), "{blamed}");
    assert!(blamed.contains("incident #32 was opened"), "{blamed}");
    let pipeline: u64 = deployment.value("SELECT min(pipeline_id) FROM flaky_jobs").await;
    let flaky = explained(&["flaky", "--pipeline", &pipeline.to_string()]);
    assert!(
        flaky.contains("test 1/2, 2 min for nothing") && flaky.contains("test 1/2, attempt 2: success"),
        "{flaky}"
    );
    let json: Value =
        serde_json::from_str(&explained(&["lead-time", "--merge-request", "42!7", "--json"])).unwrap();
    assert!(
        json["steps"].as_array().unwrap().iter().any(|step| step["event_id"] == event.as_str()),
        "{json:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_record_is_no_explanation() {
    let deployment = measured().await;
    let check = |arguments: &[&str], expected_code: i32, expected: &str| {
        let (code, output, log) = ran(deployment, &[&["explain"], arguments].concat());
        assert!(
            code == Some(expected_code) && log.contains(expected),
            "{arguments:?}: {code:?} {output} {log}"
        );
    };
    check(&["lead-time", "--merge-request", "42!999"], 1, "there is no merge request 42!999 on record");
    check(
        &["lead-time", "--merge-request", "42!12"],
        1,
        "42!12 is opened: there is a lead time once it is merged",
    );
    check(
        &["lead-time", "--merge-request", "42!7", "--tier", "testing"],
        1,
        "never deployed to testing; it did to: production, staging",
    );
    check(&["lead-time", "--merge-request", "shop/checkout"], 2, "write a merge request as shop/checkout!7");
    check(&["lead-time", "--merge-request", "shop/chekout!7"], 2, "the nearest: shop/checkout");
    check(&["cycle-time", "--merge-request", "42!999"], 1, "there is no merge request");
    check(&["change-failure", "--deployment", "999"], 1, "there is no deployment 999 on record");
    check(&["change-failure", "--incident", "42#7"], 1, "there is no incident 42#7 on record");
    check(&["change-failure"], 2, "--deployment");
    check(&["flaky", "--pipeline", "1"], 1, "no run of pipeline 1 is on record");
}
