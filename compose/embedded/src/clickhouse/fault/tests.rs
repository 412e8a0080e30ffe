use hyper::StatusCode;

use super::super::interface::EngineError;
use super::{Fault, Refusal, status};

fn check(code: u32, expected: StatusCode) {
    assert_eq!(status(code), expected, "code {code}");
}

#[test]
fn codes_map_to_the_statuses_of_clickhouse() {
    check(60, StatusCode::NOT_FOUND);
    check(81, StatusCode::NOT_FOUND);
    check(115, StatusCode::NOT_FOUND);
    check(62, StatusCode::BAD_REQUEST);
    check(36, StatusCode::BAD_REQUEST);
    check(27, StatusCode::BAD_REQUEST);
    check(53, StatusCode::BAD_REQUEST);
    check(497, StatusCode::FORBIDDEN);
    check(516, StatusCode::FORBIDDEN);
    check(194, StatusCode::UNAUTHORIZED);
    check(159, StatusCode::REQUEST_TIMEOUT);
    check(229, StatusCode::PAYLOAD_TOO_LARGE);
    check(48, StatusCode::NOT_IMPLEMENTED);
    check(779, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    check(439, StatusCode::SERVICE_UNAVAILABLE);
    check(164, StatusCode::INTERNAL_SERVER_ERROR);
    check(241, StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn the_engines_text_keeps_its_code_and_gets_a_version() {
    let text = "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE)";
    let fault = Fault::from(EngineError { text: text.to_owned() });
    assert_eq!(fault.code, 60);
    assert_eq!(fault.body("26.7.2.1"), format!("{text} (version 26.7.2.1 (embedded build))\n"));
}

#[test]
fn a_version_in_the_engines_text_is_not_repeated() {
    let text = "Code: 33. DB::Exception: Cannot read all data. (CANNOT_READ_ALL_DATA) (version 26.7.2.1)";
    let fault = Fault::from(EngineError { text: text.to_owned() });
    assert_eq!(fault.body("26.7.2.1"), format!("{text}\n"));
}

#[test]
fn a_text_without_a_code_gets_one() {
    let fault = Fault::from(EngineError { text: "send_insert does not support this".to_owned() });
    assert_eq!(fault.code, 1002);
    assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn refusals_read_like_exceptions() {
    let fault = Fault::refuse(Refusal::ReadOnly, "no");
    assert_eq!(fault.to_string(), "Code: 164. DB::Exception: no. (READONLY)");
}
