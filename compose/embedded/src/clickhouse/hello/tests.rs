use super::{Server, answer};

const SERVER: Server<'_> = Server { name: "n", version: "26.7", timezone: "UTC" };
/// The query of clickhouse-go 2.51.
const QUERY: &[u8] = b"SELECT displayName(), version(), revision(), timezone()";

#[test]
fn the_answer_is_framed_as_the_version_wants_it() {
    let plain = b"\x04\x01\x0ddisplayName()\x06String\x01n\x09version()\x06String\x0426.7\
                  \x0arevision()\x06UInt32\0\0\0\0\x0atimezone()\x06String\x03UTC";
    assert_eq!(answer(QUERY, 0, SERVER).unwrap(), plain);
    let info = b"\x01\0\x02\xff\xff\xff\xff\0";
    assert_eq!(answer(QUERY, 54453, SERVER).unwrap(), [&info[..], &plain[..]].concat());
    let framed = b"\x04\x01\x0ddisplayName()\x06String\0\x01n\x09version()\x06String\0\x0426.7\
                   \x0arevision()\x06UInt32\0\0\0\0\0\x0atimezone()\x06String\0\x03UTC";
    assert_eq!(answer(QUERY, 54460, SERVER).unwrap(), [&info[..], &framed[..]].concat());
}

#[test]
fn no_other_query_is_answered() {
    for sql in [
        "SELECT version()",
        "SELECT revision() + 1",
        "SELECT revision(), 1",
        "SELECT revision() FROM t",
        "SELECT",
        "",
    ] {
        assert_eq!(answer(sql.as_bytes(), 54460, SERVER), None, "{sql}");
    }
    assert!(answer(b"select revision();", 54460, SERVER).is_some());
}
