use super::Outfile;

fn check(sql: &str, end: usize, format: Option<&str>, expected: (&str, &str)) {
    let outfile = Outfile::new(sql.as_bytes(), end, format).unwrap();
    let text = String::from_utf8(outfile.sql).unwrap();
    let (before, rest) = text.split_once("\nINTO OUTFILE '").unwrap();
    let (_, after) = rest.split_once("' TRUNCATE ").unwrap();
    assert_eq!((before, after), expected, "{sql}");
}

#[test]
fn the_clause_stands_where_the_query_ends() {
    check("SELECT 1 -- one", 8, Some("JSON"), ("SELECT 1", "FORMAT JSON\n -- one"));
    check("SELECT 1 FORMAT JSON SETTINGS a = 1", 9, None, ("SELECT 1 ", "FORMAT JSON SETTINGS a = 1"));
}
