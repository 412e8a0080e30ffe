//! Tenants of one GitLab: a bound tenant may only report what it is bound to, and no other tenant may.

use crate::client::post;
use crate::server::{
    BOUND, BOUND_TOKEN, FENCED_TOKEN, GLOBEX_KEY, PUSH, SHARED, TestServer, signature, timestamp,
};

/// A push to a project of an instance.
fn push(instance: &str, project_id: u64) -> String {
    format!(
        r#"{{"object_kind":"push","project_id":{project_id},"ref":"refs/heads/main","project":{{"id":{project_id},"name":"app","web_url":"{instance}/shop/app"}}}}"#
    )
}

#[tokio::test]
async fn a_bound_tenant_tells_of_its_projects_alone() {
    let server = TestServer::start(&[]).await;
    server.deliver(SHARED, BOUND_TOKEN, PUSH).await.accepted_id();
    for other in [
        PUSH.replace("42", "43"),
        // The project described in the body is checked too.
        PUSH.replace("}", r#","project":{"id":43,"name":"theirs"}}"#)
            .replace(r#""project_id":42"#, r#""project_id":43"#),
        r#"{"event_name":"user_create","user_id":7,"username":"ada"}"#.to_owned(),
        r#"{"event_name":"user_add_to_group","group_id":7,"user_id":7}"#.to_owned(),
    ] {
        server.deliver(SHARED, BOUND_TOKEN, &other).await.check_error(403, "forbidden");
    }
    // A merge request belongs to the project of its target branch, whatever else the body names.
    let merge_request = r#"{"object_kind":"merge_request","project":{"id":42},"object_attributes":{"id":1,"iid":1,"target_project_id":43}}"#;
    server.deliver(SHARED, BOUND_TOKEN, merge_request).await.check_error(403, "forbidden");
    assert_eq!((server.outcome("accepted"), server.outcome("forbidden")), (1, 5));
    assert_eq!(server.kafka.records().len(), 1);
}

#[tokio::test]
async fn nobody_tells_of_what_another_tenant_is_bound_to() {
    let server = TestServer::start(&[]).await;
    // The instance of a signed delivery comes from its body, that of another from the header.
    let signed = |body: &str| {
        let timestamp = timestamp(0);
        let signature = signature(GLOBEX_KEY, "id", &timestamp, body);
        let headers = [
            ("webhook-id", "id"),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        post(SHARED, &headers, body)
    };
    server.exchange(signed(&push(BOUND, 42))).await.check_error(403, "forbidden");
    let passing = push(BOUND, 43).replace(r#""project":{"id":43"#, r#""project":{"id":42"#);
    assert!(passing.contains("42") && passing.contains("43"));
    server.exchange(signed(&passing)).await.check_error(403, "forbidden");
    server.check_nothing_published();
    server.exchange(signed(&push(BOUND, 44))).await.accepted_id();
    server.exchange(signed(&push("https://gitlab.globex.example", 42))).await.accepted_id();
    // From outside its network a tenant looks the same, bound or not.
    let fenced = [("X-Gitlab-Token", FENCED_TOKEN), ("X-Gitlab-Instance", BOUND)];
    server.exchange(post(SHARED, &fenced, PUSH)).await.check_error(403, "forbidden");
}
