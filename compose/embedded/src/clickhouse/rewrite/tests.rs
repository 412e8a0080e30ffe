use super::{SetReadonly, kill, set_readonly};

fn check_kill(sql: &str, expected: Option<&str>) {
    let rewritten = kill(sql.as_bytes()).map(|sql| String::from_utf8(sql).unwrap());
    assert_eq!(rewritten.as_deref(), expected, "{sql}");
}

fn check_set(sql: &str, expected: Option<(u8, Option<&str>)>) {
    let expected =
        expected.map(|(level, rest)| SetReadonly { level, rest: rest.map(|rest| rest.as_bytes().to_vec()) });
    assert_eq!(set_readonly(sql.as_bytes()), Ok(expected), "{sql}");
}

#[test]
fn statements_are_found_by_the_ids_of_clients() {
    check_kill(
        "KILL QUERY WHERE query_id = 'a''b' ASYNC",
        Some("KILL QUERY WHERE has([query_id, Settings['log_comment']], 'a''b') ASYNC"),
    );
    check_kill(
        "kill query where user = 'x' and `query_id`='a'",
        Some("kill query where user = 'x' and has([query_id, Settings['log_comment']], 'a')"),
    );
    check_kill(
        "KILL QUERY WHERE query_id IN ('a') SYNC",
        Some(
            "KILL QUERY WHERE if(Settings['log_comment'] = '', query_id, Settings['log_comment']) IN ('a') SYNC",
        ),
    );
    check_kill("KILL QUERY WHERE query = 'query_id'", Some("KILL QUERY WHERE query = 'query_id'"));
    check_kill("KILL MUTATION WHERE query_id = 'a'", None);
    check_kill("SELECT query_id = 'a'", None);
}

#[test]
fn readonly_is_taken_out_of_what_is_set() {
    check_set("SET readonly = 1", Some((1, None)));
    check_set("set readonly=2;", Some((2, None)));
    check_set("SET readonly", Some((1, None)));
    check_set("SET readonly = DEFAULT", Some((0, None)));
    check_set(
        "SET max_threads = 1, readonly = '1', a = {'b': 1, 'c': 2}",
        Some((1, Some("SET max_threads = 1, a = {'b': 1, 'c': 2}"))),
    );
    check_set("SET max_threads = 1", None);
    check_set("SELECT 1 AS readonly", None);
    assert_eq!(set_readonly(b"SET readonly = 7").map_err(|fault| fault.code), Err(36));
}
