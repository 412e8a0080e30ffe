//! Undecodable bodies: answered 200 if authentic, kept whole, shown, and replayed. And large bodies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::delivery::{Answer, client, send};
use crate::deployment::Deployment;

const LIMIT: usize = 25 * 1024 * 1024;

#[derive(Row, Serialize, Deserialize)]
struct Letter {
    reason: String,
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
}

/// The body in an envelope.
fn body_of(record: &[u8]) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        data: Option<&'a serde_json::value::RawValue>,
        data_base64: Option<String>,
    }
    let wire: Wire<'_> = serde_json::from_slice(record).unwrap();
    match (wire.data, wire.data_base64) {
        (Some(json), None) => json.get().as_bytes().to_vec(),
        (None, Some(text)) => BASE64.decode(text).unwrap(),
        both => panic!("{both:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authentic_poison_is_accepted_kept_whole_and_replayable() {
    let deployment = Deployment::new("poison");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let deep = format!(r#"{{"object_kind":"push","a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let poison: [(&str, Vec<u8>, &str); 9] = [
        ("invalid UTF-8", b"{\"object_kind\":\"push\",\"a\":\"\xff\xfe\"}".to_vec(), "not_json"),
        ("array", br#"[{"object_kind":"push"}]"#.to_vec(), "not_an_object"),
        ("depth 10,000", deep.into_bytes(), "too_deep"),
        ("truncated", br#"{"object_kind":"push","ref":"refs/he"#.to_vec(), "not_json"),
        ("duplicate keys", br#"{"object_kind":"push","object_kind":"note"}"#.to_vec(), "head"),
        ("byte order mark at the end", b"{}\xef\xbb\xbf".to_vec(), "not_json"),
        ("empty", Vec::new(), "not_json"),
        ("NUL", b"{\"object_kind\":\"push\",\"\0\":1}".to_vec(), "not_json"),
        ("number out of range", br#"{"object_kind":"push","project_id":1e999}"#.to_vec(), "head"),
    ];
    let client = client();
    for (name, body, _) in &poison {
        assert_eq!(
            send(&client, &ingest.webhooks(), name, body.clone()).await,
            Answer::Status(200),
            "{name}"
        );
    }
    // Healthy bodies pass all the same.
    let healthy =
        br#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main","before":"0000","after":"a1"}"#;
    assert_eq!(send(&client, &ingest.webhooks(), "healthy", healthy.to_vec()).await, Answer::Status(200));

    deployment.until_count("SELECT count() FROM dead_letters", poison.len() as u64).await;
    deployment.until_count("SELECT count() FROM pushes", 1).await;
    let letters: Vec<Letter> =
        deployment.client.query("SELECT reason, record FROM dead_letters").fetch_all().await.unwrap();
    for (name, body, reason) in &poison {
        let whole = letters.iter().find(|letter| body_of(&letter.record) == *body);
        assert_eq!(whole.unwrap_or_else(|| panic!("{name} is not there whole")).reason, *reason, "{name}");
    }

    let list = deployment.output(&["dead-letters", "list", "--reason", "too_deep"]);
    let id = list.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let raw = deployment.command(&["dead-letters", "show", &id, "--raw"]).output().unwrap();
    assert_eq!(body_of(&raw.stdout), poison[2].1);
    assert!(deployment.output(&["dead-letters", "show", &id]).contains("nested more than 128 deep"));

    // Nothing was fixed, so replaying changes nothing: the letters are the same.
    assert!(
        deployment
            .output(&["dead-letters", "replay", "--all"])
            .starts_with(&format!("replayed {}", poison.len()))
    );
    let marker =
        br#"{"object_kind":"push","project_id":42,"ref":"refs/heads/marker","before":"0000","after":"b2"}"#;
    assert_eq!(send(&client, &ingest.webhooks(), "marker", marker.to_vec()).await, Answer::Status(200));
    deployment.until_count("SELECT count() FROM pushes", 2).await;
    assert_eq!(deployment.value::<u64>("SELECT count() FROM dead_letters").await, poison.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_its_table_cannot_take_is_kept_and_shown() {
    let deployment = Deployment::new("halfway");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let body = br#"{"object_kind":"merge_request","object_attributes":{"id":15917,"iid ":1402}}"#.to_vec();
    assert_eq!(send(&client(), &ingest.webhooks(), "halfway", body).await, Answer::Status(200));
    deployment.until_count("SELECT count() FROM dead_letters WHERE reason = 'missing_field'", 1).await;
    deployment.until_count("SELECT count() FROM events WHERE kind = 'merge_request'", 1).await;
    assert!(deployment.output(&["dead-letters", "list"]).contains("in events only"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_bodies_pass_end_to_end_and_one_byte_more_does_not() {
    let deployment = Deployment::new("large");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let head = br#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main","before":"0000","after":"a1","filler":""#;
    let mut json = head.to_vec();
    json.resize(LIMIT - 2, b'x');
    json.extend_from_slice(br#""}"#);
    let binary = vec![0xff; LIMIT];
    let client = client();
    assert_eq!(send(&client, &ingest.webhooks(), "json", json.clone()).await, Answer::Status(200));
    assert_eq!(send(&client, &ingest.webhooks(), "binary", binary.clone()).await, Answer::Status(200));
    json.push(b' ');
    assert_eq!(send(&client, &ingest.webhooks(), "over", json).await, Answer::Status(413));

    deployment.until_count("SELECT count() FROM events", 1).await;
    assert_eq!(deployment.value::<u64>("SELECT count() FROM pushes").await, 1);
    assert_eq!(deployment.value::<u64>("SELECT length(payload) FROM events").await, LIMIT as u64);
    deployment.until_count("SELECT count() FROM dead_letters", 1).await;
    let record = "SELECT length(base64Decode(JSONExtractString(record, 'data_base64'))) FROM dead_letters";
    assert_eq!(deployment.value::<u64>(record).await, LIMIT as u64);
}
