//! What a friendly GitLab answers.

use gitlab::{ApiConfig, Audit, Client, Limit, Next};
use runtime::Secret;
use serde_json::json as value;

use crate::server::{Server, TOKEN, json, page};

#[tokio::test]
async fn a_list_is_walked_page_by_page() {
    let server = Server::start(|request, _| match request.line.as_str() {
        "GET /api/v4/projects/42/jobs?per_page=100&scope%5B%5D=failed" => {
            page(r#"[{"id": 3},{"id":2}]"#, "https://127.0.0.1/elsewhere?per_page=100&id_before=2")
        }
        "GET /api/v4/projects/42/jobs?per_page=100&id_before=2" => json(r#"[{"id":1}]"#),
        other => panic!("{other}"),
    })
    .await;
    let client = server.client();
    let query = [("per_page", "100".to_owned()), ("scope[]", "failed".to_owned())];
    let first = client.list(Limit::ProjectJobs, "projects/42/jobs", &query).await.unwrap();
    let texts: Vec<&str> = first.items.iter().map(|row| row.get()).collect();
    assert_eq!(texts, [r#"{"id": 3}"#, r#"{"id":2}"#]);
    // Saved, and used by another process.
    let kept = serde_json::to_string(&first.next.unwrap()).unwrap();
    let second = client.next(&serde_json::from_str::<Next>(&kept).unwrap()).await.unwrap();
    assert_eq!(second.items.len(), 1);
    assert!(second.next.is_none() && second.read_at >= first.read_at);
    for request in server.asked() {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        assert_eq!(request.header("accept"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_plus_in_a_time_stays_one() {
    let server = Server::start(|_, _| json("[]")).await;
    let query = [("updated_after", "2026-01-02T03:04:05+01:00".to_owned())];
    server.client().list(Limit::General, "projects/1/merge_requests", &query).await.unwrap();
    let expected = "GET /api/v4/projects/1/merge_requests?updated_after=2026-01-02T03%3A04%3A05%2B01%3A00";
    assert_eq!(server.lines(), [expected]);
}

#[tokio::test]
async fn gitlab_under_a_path_is_asked_there() {
    let server = Server::start(|_, _| json(r#"{"data":{}}"#)).await;
    let token = Some(Secret::new(TOKEN));
    let client = Client::new(&ApiConfig::new(Some(server.url() + "/gitlab/"), token), Audit::none()).unwrap();
    assert_eq!(client.base_url(), server.url() + "/gitlab");
    let group = format!("groups/{}", gitlab::segment("shop/checkout"));
    client.object(Limit::Group, &group, &[]).await.unwrap();
    client.graphql("{ a }", value!({})).await.unwrap();
    assert_eq!(server.lines(), ["GET /gitlab/api/v4/groups/shop%2Fcheckout", "POST /gitlab/api/graphql"]);
}

#[tokio::test]
async fn graphql_gives_data_as_it_is() {
    let server =
        Server::start(|_, _| json(r#"{"data": {"project": {"id" : "gid://gitlab/Project/1"}}}"#)).await;
    let variables = value!({ "path": "shop/checkout" });
    let query = "query($path: ID!) { project(fullPath: $path) { id } }";
    let data = server.client().graphql(query, variables.clone()).await.unwrap();
    assert_eq!(data.get(), r#"{"project": {"id" : "gid://gitlab/Project/1"}}"#);
    let request = &server.asked()[0];
    assert_eq!(request.header("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body, value!({ "query": query, "variables": variables }));
}

#[tokio::test]
async fn graphql_says_what_this_version_does_not_know() {
    let server = Server::start(|_, count| match count {
        0 => json(r#"{"errors":[{"message":"Field 'x' doesn't exist on type 'Query'"}]}"#),
        _ => json(
            r#"{"errors":[{"message":"Query has complexity of 300, which exceeds max complexity of 250"}]}"#,
        ),
    })
    .await;
    let client = server.client();
    assert!(client.graphql("{ x }", value!({})).await.unwrap_err().is_unknown_field());
    assert!(client.graphql("{ x }", value!({})).await.unwrap_err().is_too_complex());
    assert_eq!(server.asked().len(), 2, "neither is asked again");
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_to_do() {
    let check = |url: Option<&str>, token: Option<&str>, expected: &str| {
        let config = ApiConfig::new(url.map(str::to_owned), token.map(Secret::new));
        let error = Client::new(&config, Audit::none()).err().unwrap().to_string();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
    };
    let url = Some("https://gitlab.example.com");
    check(None, Some(TOKEN), "GITLAB_URL is not set");
    check(Some("  "), Some(TOKEN), "GITLAB_URL is not set");
    check(Some("gitlab.example.com"), Some(TOKEN), "must look like https://gitlab.example.com");
    check(Some("https://ada:s3cret@gitlab.example.com"), Some(TOKEN), "holds a user or a password");
    check(Some("https://gitlab.example.com/api/v4"), Some(TOKEN), "must end before /api");
    check(url, None, "GITLAB_TOKEN is not set");
    check(url, Some(" , "), "GITLAB_TOKEN is not set");
    check(url, Some("s3cret\ns3cret"), "a character that no token has");
    check(url, Some(&"s3cret,".repeat(33)), "more than 32 tokens");
}
