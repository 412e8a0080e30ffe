use super::*;

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Sample {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    at: Field<DateTime<Utc>>,
    #[serde(default)]
    flag: Field<bool>,
    #[serde(default, deserialize_with = "list")]
    names: Field<Vec<Field<String>>>,
    #[serde(default)]
    inner: Embedded<Inner>,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Inner {
    #[serde(default)]
    id: Field<u64>,
}

fn sample(json: &str) -> Sample {
    serde_json::from_str(json).unwrap()
}

#[test]
fn absent_null_unreadable_and_value_are_told_apart() {
    assert_eq!(sample("{}").id, Field::Absent);
    assert_eq!(sample(r#"{"id": null}"#).id, Field::Null);
    assert_eq!(sample(r#"{"id": [7, {"a": 1}]}"#).id, Field::Unreadable);
    assert_eq!(sample(r#"{"id": -1}"#).id, Field::Unreadable);
    assert_eq!(sample(r#"{"id": 7}"#).id, Field::Value(7));
}

#[test]
fn types_that_drift_are_read_all_the_same() {
    assert_eq!(sample(r#"{"id": "15000000000"}"#).id, Field::Value(15_000_000_000));
    assert_eq!(sample(r#"{"id": 7.0}"#).id, Field::Value(7));
    assert_eq!(sample(r#"{"flag": "1"}"#).flag, Field::Value(true));
    assert_eq!(sample(r#"{"at": ""}"#).at, Field::Null);
    assert_eq!(sample(r#"{"at": "soon"}"#).at, Field::Unreadable);
    assert_eq!(sample(r#"{"inner": [1]}"#).inner.field(|inner| &inner.id), Field::Unreadable);
    assert_eq!(sample(r#"{"inner": null}"#).inner.field(|inner| &inner.id), Field::Null);
    assert_eq!(sample("{}").inner.field(|inner| &inner.id), Field::Absent);
    assert_eq!(sample(r#"{"inner": {"id": 1, "more": {}}}"#).inner.field(|inner| &inner.id), Field::Value(1));
}

#[test]
fn an_empty_list_is_a_value() {
    assert_eq!(sample("{}").names, Field::Absent);
    assert_eq!(sample(r#"{"names": null}"#).names, Field::Null);
    assert_eq!(sample(r#"{"names": []}"#).names, Field::Value(vec![]));
    assert_eq!(
        sample(r#"{"names": ["a", null]}"#).names,
        Field::Value(vec![Field::Value("a".into()), Field::Null])
    );
    assert_eq!(sample(r#"{"names": {"a": 1}}"#).names, Field::Unreadable);
}
