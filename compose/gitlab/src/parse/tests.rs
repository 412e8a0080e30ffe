use super::*;

#[test]
fn objects_of_a_list_stay_as_they_were_written() {
    let list = list(br#"[ {"id" : 1, "a":"\u00e9"} ,{}]"#).unwrap();
    let texts: Vec<&str> = list.iter().map(|object| object.get()).collect();
    assert_eq!(texts, [r#"{"id" : 1, "a":"\u00e9"}"#, "{}"]);
    assert_eq!(object(b" {\"a\":1} ").unwrap().get(), "{\"a\":1}");
}

#[test]
fn what_is_no_list_and_no_object_is_told_from_what_is_no_json() {
    assert_eq!(list(b"{}").unwrap_err().to_string(), "an answer is not a list");
    assert_eq!(object(b"[]").unwrap_err().to_string(), "an answer is not an object");
    for body in [&b""[..], b"[{}", b"[{},]", b"<html>", b"\xff\xfe", b"[\"\xff\"]", b"[] []"] {
        assert!(list(body).is_err() && object(body).is_err(), "{body:?}");
    }
    let error = list(br#"[{"token":"s3cret"]"#).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(matches!(error, FetchError::Malformed(_)) && !source.contains("s3cret"), "{source}");
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
    assert_eq!(list(&deep).unwrap().len(), 1);
}
