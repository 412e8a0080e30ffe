use super::{Header, Joining, content_type, joining};

fn check(format: &str, expected: Joining) {
    assert_eq!(joining(format, []), expected, "{format}");
}

#[test]
fn formats_join_as_their_frames_allow() {
    check("TabSeparated", Joining::Plain);
    check("Native", Joining::Plain);
    check("JSONEachRow", Joining::Plain);
    check("CSVWithNames", Joining::Header(Header::Csv(1)));
    check("RowBinaryWithNamesAndTypes", Joining::Header(Header::Binary(2)));
    check("JSON", Joining::Whole);
    check("Parquet", Joining::Whole);
    check("SomeFormatOfTheFuture", Joining::Whole);
}

#[test]
fn settings_that_add_a_frame_are_seen() {
    let sql: &[u8] = b"SELECT 1 SETTINGS output_format_json_array_of_rows = 1 FORMAT JSONEachRow";
    assert_eq!(joining("JSONEachRow", [sql]), Joining::Whole);
}

#[test]
fn headers_are_measured() {
    assert_eq!(Header::Lines(2).length(b"a\tb\nUInt8\tString\n1\tx\n"), Some(17));
    assert_eq!(Header::Lines(2).length(b"a\tb\nUInt8"), None);
    assert_eq!(Header::Csv(1).length(b"\"a\nb\",\"c\"\"\n\"\n1,2\n"), Some(13));
    assert_eq!(Header::Binary(2).length(b"\x02\x01a\x01b\x05UInt8\x06String\x01"), Some(18));
    assert_eq!(Header::Binary(1).length(b"\x02\x01a\x7fb"), None);
    assert_eq!(Header::Binary(1).length(b""), None);
}

#[test]
fn media_types_follow_the_format() {
    assert_eq!(content_type("JSON"), "application/json; charset=UTF-8");
    assert_eq!(content_type("JSONEachRow"), "application/x-ndjson; charset=UTF-8");
    assert_eq!(content_type("RowBinary"), "application/octet-stream");
    assert_eq!(content_type("Pretty"), "text/plain; charset=UTF-8");
}
