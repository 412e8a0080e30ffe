use reqwest::header::HeaderName;

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[track_caller]
fn check_next(links: &[&str], expected: Option<&str>) {
    let links: Vec<(&str, &str)> = links.iter().map(|link| ("link", *link)).collect();
    assert_eq!(next_link(&headers(&links)), expected);
}

#[test]
fn the_next_link_is_found_among_others() {
    let next = "https://gitlab.example.com/api/v4/projects?page=2&x=a,b;c";
    check_next(&[&format!("<{next}>; rel=\"next\"")], Some(next));
    check_next(
        &[&format!("<https://x/?page=1>; rel=\"first\", <{next}>; rel=\"next\", <y>; rel=last")],
        Some(next),
    );
    check_next(&["<https://x/?page=1>; rel=\"prev\"", &format!("<{next}>;rel=next")], Some(next));
    check_next(&[&format!("<{next}>; title=\"a\"; REL=\"last next\"")], Some(next));
}

#[test]
fn without_a_next_link_there_is_none() {
    check_next(&[], None);
    check_next(&[""], None);
    check_next(&["<https://x/?page=1>; rel=\"first\""], None);
    check_next(&["<https://x/?page=1>; rel=\"nextish\""], None);
    check_next(&["https://x/?page=1; rel=\"next\""], None);
    check_next(&["<https://x/?page=1; rel=\"next\""], None);
    check_next(&["<https://x/?rel=next>; rel=\"prev\""], None);
}

#[test]
fn limits_are_read_by_gitlabs_own_clock() {
    let told = told(
        &headers(&[
            ("RateLimit-Limit", "600"),
            ("RateLimit-Remaining", "17"),
            ("RateLimit-Reset", "1000000060"),
            ("Date", "Sun, 09 Sep 2001 01:46:50 GMT"),
        ]),
        at(5),
    );
    // The date is 1000000010.
    let expected = Told { limit: 600, remaining: 17, resets_in: Duration::from_secs(50) };
    assert_eq!(told, Some(expected));
}

#[test]
fn limits_that_cannot_be_read_are_not_there() {
    let check = |limit, remaining, reset| {
        let headers = headers(&[
            ("RateLimit-Limit", limit),
            ("RateLimit-Remaining", remaining),
            ("RateLimit-Reset", reset),
        ]);
        told(&headers, at(1_000))
    };
    assert_eq!(check("600", "x", "1010"), None);
    assert_eq!(check("-1", "1", "1010"), None);
    assert_eq!(check("600", "1", "99999999999999999999"), None);
    let past = check("600", "1", "10").unwrap();
    assert_eq!(past.resets_in, Duration::ZERO);
    assert_eq!(check("99999999999", "1", "1010").unwrap().limit, u32::MAX);
}

#[test]
fn a_retry_is_told_in_seconds_or_as_a_date() {
    let check = |text, expected: Option<u64>| {
        let retry_after = retry_after(&headers(&[("Retry-After", text)]), at(1_000_000_000));
        assert_eq!(retry_after, expected.map(Duration::from_secs), "{text}");
    };
    check("30", Some(30));
    check("0", Some(0));
    check("Sun, 09 Sep 2001 01:46:50 GMT", Some(10));
    check("Sun, 09 Sep 2001 01:46:30 GMT", Some(0));
    check("99999999999999999999", Some(u32::MAX.into()));
    check("-5", None);
    check("soon", None);
    check("", None);
}

#[test]
fn json_is_told_from_pages() {
    let check = |text, expected| assert_eq!(is_json(&headers(&[("Content-Type", text)])), expected, "{text}");
    check("application/json", true);
    check("Application/JSON; charset=utf-8", true);
    check("application/graphql-response+json", true);
    check("text/html", false);
    check("text/json", false);
    check("", false);
    assert_eq!(content_type(&headers(&[])), "of no type");
}

#[test]
fn a_total_is_known_where_gitlab_counts() {
    assert_eq!(total(&headers(&[("x-total", "45")])), Some(45));
    assert_eq!(total(&headers(&[("x-total", "")])), None);
    assert_eq!(total(&headers(&[])), None);
}
