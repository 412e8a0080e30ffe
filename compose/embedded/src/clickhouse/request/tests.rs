use std::time::Duration;

use super::{Access, Delivery, Origin, Request};
use crate::clickhouse::body::Framing;
use crate::clickhouse::encoding::Encoding;
use crate::clickhouse::fault::Fault;

fn parse(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Request, Fault> {
    let mut builder = hyper::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let mut request = Request::parse(&builder.body(()).unwrap().into_parts().0)?;
    request.settle()?;
    Ok(request)
}

fn check_refused(uri: &str, headers: &[(&str, &str)], code: u32) {
    assert_eq!(parse("POST", uri, headers).map_err(|fault| fault.code), Err(code), "{uri} {headers:?}");
}

#[test]
fn url_parameters_are_told_apart() {
    let uri = "/?query=SELECT+%7Bx:String%7D&database=d&default_format=JSON&param_x=a%20b&max_threads=3\
               &wait_end_of_query=1&decompress=1&compress=1&query_id=q&send_progress_in_http_headers=1&async_insert=1";
    let request = parse("POST", uri, &[]).unwrap();
    assert_eq!(request.access, Access::Write);
    assert_eq!(request.query, "SELECT {x:String}");
    assert_eq!(request.database.as_deref(), Some("d"));
    assert_eq!(request.default_format.as_deref(), Some("JSON"));
    assert_eq!(request.parameters, [("x".to_owned(), "a b".to_owned())]);
    assert_eq!(request.settings, [("max_threads".to_owned(), "3".to_owned())]);
    assert_eq!(request.query_id, "q");
    assert_eq!(request.delivery, Delivery::AtTheEnd);
    assert_eq!((request.body_framing, request.answer.framing), (Framing::Blocks, Framing::Blocks));
}

#[test]
fn headers_speak_where_the_url_is_silent() {
    let headers =
        [("X-ClickHouse-Database", "d"), ("X-ClickHouse-Format", "CSV"), ("Content-Encoding", "gzip")];
    let request = parse("GET", "/?query=SELECT+1", &headers).unwrap();
    assert_eq!(request.access, Access::Read);
    assert_eq!(request.database.as_deref(), Some("d"));
    assert_eq!(request.default_format.as_deref(), Some("CSV"));
    assert_eq!(request.encoding, Encoding::Gzip);
    let request = parse("GET", "/?database=other", &headers).unwrap();
    assert_eq!(request.database.as_deref(), Some("other"));
}

#[test]
fn answers_are_encoded_unless_the_client_says_no() {
    let accepts = [("Accept-Encoding", "gzip")];
    let encoding = |uri| parse("POST", uri, &accepts).unwrap().answer.encoding;
    assert_eq!(encoding("/"), Encoding::Gzip);
    assert_eq!(encoding("/?enable_http_compression=1"), Encoding::Gzip);
    assert_eq!(encoding("/?enable_http_compression=0"), Encoding::Identity);
    assert_eq!(
        parse("POST", "/?enable_http_compression=1", &[]).unwrap().answer.encoding,
        Encoding::Identity
    );
}

#[test]
fn only_the_default_user_without_password_comes_in() {
    assert!(parse("POST", "/?user=default&password=", &[]).is_ok());
    assert!(parse("POST", "/", &[("X-ClickHouse-User", "default"), ("X-ClickHouse-Key", "")]).is_ok());
    assert!(parse("POST", "/", &[("Authorization", "Basic ZGVmYXVsdDo=")]).is_ok());
    check_refused("/?user=bob", &[], 516);
    check_refused("/?password=x", &[], 516);
    check_refused("/", &[("X-ClickHouse-Key", "x")], 516);
    check_refused("/", &[("Authorization", "Basic Ym9iOng=")], 516);
    check_refused("/", &[("Authorization", "Basic ???")], 516);
    check_refused("/", &[("Authorization", "Bearer token")], 516);
}

#[test]
fn sessions_carry_their_terms() {
    let session =
        parse("POST", "/?session_id=s&session_timeout=7&session_check=1", &[]).unwrap().session.unwrap();
    assert_eq!(
        (session.id.as_str(), session.timeout, session.origin),
        ("s", Duration::from_secs(7), Origin::Existing)
    );
    let session = parse("POST", "/?session_id=s&session_timeout=99999", &[]).unwrap().session.unwrap();
    assert_eq!(session.timeout, Duration::from_secs(3600));
    assert_eq!(parse("POST", "/?session_id=", &[]).unwrap().session, None);
    check_refused("/?session_id=s&session_timeout=soon", &[], 36);
}

#[test]
fn a_read_only_session_request_only_reads() {
    let request = parse("POST", "/?session_id=s&readonly=2", &[]).unwrap();
    assert_eq!((request.access, request.settings.len()), (Access::Read, 0));
    let request = parse("POST", "/?readonly=2", &[]).unwrap();
    assert_eq!((request.access, request.setting("readonly")), (Access::Write, Some("2")));
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    check_refused("/?role=admin", &[], 48);
    check_refused("/?a%27b=1", &[], 115);
    check_refused("/", &[("Content-Encoding", "xz")], 779);
}
