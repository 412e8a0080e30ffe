use runtime::Secret;

use super::*;

fn answered(body: &str) -> Result<String, FetchError> {
    let tokens = Tokens::new(vec![Secret::new("glpat-s3cret")]).unwrap();
    data("the token", body.as_bytes(), &tokens).map(|data| data.get().to_owned())
}

#[track_caller]
fn check(error: &str, expected: GraphQlFault) {
    let found = answered(&format!(r#"{{"errors":[{error}],"data":{{"project":null}}}}"#)).unwrap_err();
    let FetchError::GraphQl { fault, .. } = found else { panic!("{found}") };
    assert_eq!(fault, expected, "{error}");
}

#[test]
fn data_is_given_as_it_is() {
    assert_eq!(answered(r#"{"data": {"project": { "id" : 1 }}}"#).unwrap(), r#"{"project": { "id" : 1 }}"#);
    assert_eq!(answered(r#"{"data":{"a":1},"errors":null}"#).unwrap(), r#"{"a":1}"#);
    assert_eq!(answered(r#"{"data":{"a":1},"errors":[]}"#).unwrap(), r#"{"a":1}"#);
}

#[test]
fn without_data_or_json_there_is_an_error() {
    for body in ["{}", r#"{"data":null}"#, "[]", "7"] {
        assert!(matches!(answered(body), Err(FetchError::Shape { .. })), "{body}");
    }
    assert!(matches!(answered("{"), Err(FetchError::Malformed(_))));
}

#[test]
fn what_this_version_does_not_know_is_told_apart() {
    check(
        r#"{"message":"Field 'finishedAt' doesn't exist on type 'Pipeline'","extensions":{"code":"undefinedField","typeName":"Pipeline","fieldName":"finishedAt"}}"#,
        GraphQlFault::Unknown,
    );
    check(r#"{"message":"Field 'x' doesn't exist on type 'Pipeline'"}"#, GraphQlFault::Unknown);
    check(
        r#"{"message":"Field 'pipelines' doesn't accept argument 'updatedAfter'","extensions":{"code":"argumentNotAccepted"}}"#,
        GraphQlFault::Unknown,
    );
}

#[test]
fn what_is_too_much_at_once_is_told_apart() {
    check(
        r#"{"message":"Query has complexity of 318, which exceeds max complexity of 250"}"#,
        GraphQlFault::TooComplex,
    );
    check(
        r#"{"message":"Request timed out. Please try a less complex query or a smaller set of records."}"#,
        GraphQlFault::TooComplex,
    );
    check(r#"{"message":"Timeout on Pipeline.jobs"}"#, GraphQlFault::TooComplex);
}

#[test]
fn other_errors_are_kept_in_words() {
    check(r#"{"message":"Variable $id was provided invalid value"}"#, GraphQlFault::Other);
    check(r#"{"extensions":7}"#, GraphQlFault::Other);
    let text = answered(r#"{"errors":[{"message":"you sent glpat-s3cret"}]}"#).unwrap_err().to_string();
    assert_eq!(text, "GitLab refuses the GraphQL query: you sent ***");
    let needs = "Access denied: This operation requires a fine-grained personal access token with the following project permissions: [read_job]";
    let error = answered(&format!(r#"{{"errors":[{{"message":"{needs}"}}]}}"#)).unwrap_err();
    assert!(matches!(error, FetchError::FineGrained { .. }));
}
