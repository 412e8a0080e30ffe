//! From GitLab's reports to the output, with the real metric views. In: a story, as reported by webhooks. Out: its explanation.

use serde_json::Value;

use super::{GITLAB, ran, tell};
use crate::deployment::Deployment;
use crate::metrics::story::{Landing, MergeRequest, PROJECT, Story};

const PRODUCTION: (&str, &str) = ("production", "production");

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_webhooks_told_of_is_explained() {
    let deployment = Deployment::new("report_told");
    let mut story = Story::default();
    for (iid, name, at) in [(1, "A", "03-02 10:00"), (2, "B", "03-02 11:00")] {
        story.merged(&MergeRequest::new(iid, "03-02 08:00"), at, &Landing::Merge(name));
    }
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    story.deployed(502, PRODUCTION, "B", "03-02 12:30", "success");
    story.deployed(503, PRODUCTION, "A", "03-02 12:42", "success");
    tell(&deployment, &story.webhooks).await;
    processor::places::compute(&deployment.client, GITLAB, &[(PROJECT, 1)]).await.unwrap();

    let explained = |id: &str| {
        let (code, output, log) =
            ran(&deployment, &["explain", "change-failure", "--deployment", id, "--json"]);
        assert_eq!(code, Some(0), "{log}");
        serde_json::from_str::<Value>(&output).unwrap()
    };
    let failed = explained("502");
    assert_eq!(failed["of"], "Change failure of deployment 502 to production");
    assert_eq!(failed["verdict"], "failed by rollback, mended after 12 min");
    let steps = failed["steps"].as_array().unwrap();
    let said: Vec<&str> = steps.iter().map(|step| step["what"].as_str().unwrap()).collect();
    assert_eq!(
        said,
        [
            "deployment 502 to production, success: this one",
            "deployment 503 to production, success: the next success, which went back"
        ]
    );
    let event: String =
        deployment.value("SELECT toString(last_event_id) FROM deployments WHERE id = 502").await;
    assert_eq!(steps[0]["event_id"], event.as_str());
    assert_eq!(explained("501")["verdict"], "it did not fail (success), by no definition");

    let (code, output, log) =
        ran(&deployment, &["explain", "lead-time", "--merge-request", "shop/checkout!2"]);
    assert_eq!(code, Some(0), "{log}");
    for expected in [
        "Lead time of shop/checkout!2 to the tier production: 1 h 30 min from its merge",
        "deployment 501 to production, success: the first success on record, the baseline",
        "deployment 502 to production, success: the first success at its place or beyond, which brought it",
    ] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
    // The rest was not reported; and no view rejects its query.
    for (about, expected) in [
        ("merge-requests", 0),
        ("contributors", 0),
        ("pipelines", 1),
        ("jobs", 1),
        ("issues", 1),
        ("releases", 1),
    ] {
        let (code, output, log) =
            ran(&deployment, &["report", about, "--since", "2026-03-01", "--until", "2026-03-31"]);
        assert_eq!(code, Some(expected), "{about}: {output} {log}");
    }
}
