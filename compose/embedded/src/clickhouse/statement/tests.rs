use super::{Statement, is_complete_insert};

/// Checks where an insert is split: the SQL before the format of the rows, the format, the rows.
fn check(sql: &str, expected: (&str, &str, &str)) {
    match Statement::read(sql.as_bytes()) {
        Ok(Statement::Insert { head, format, rows }) => {
            assert_eq!((&sql[..head], format.as_str(), &sql[rows..]), expected, "{sql}");
        }
        other => panic!("{sql}: {other:?}"),
    }
}

fn check_format(sql: &str, expected: Option<&str>) {
    match Statement::read(sql.as_bytes()) {
        Ok(Statement::Other { format, .. }) => assert_eq!(format.as_deref(), expected, "{sql}"),
        other => panic!("{sql}: {other:?}"),
    }
}

fn check_refused(sql: &str, code: u32) {
    assert_eq!(Statement::read(sql.as_bytes()).map_err(|fault| fault.code), Err(code), "{sql}");
}

#[test]
fn rows_follow_the_format_and_one_line_end() {
    check("INSERT INTO t FORMAT CSV\n1,2\n", ("INSERT INTO t ", "CSV", "1,2\n"));
    check("INSERT INTO t FORMAT CSV \r\n\n1", ("INSERT INTO t ", "CSV", "\n1"));
    check("insert into t format RowBinary \0\x01", ("insert into t ", "RowBinary", "\0\x01"));
    check("INSERT INTO t (a, b) FORMAT Native", ("INSERT INTO t (a, b) ", "Native", ""));
    check("INSERT t FORMAT CSV", ("INSERT t ", "CSV", ""));
}

#[test]
fn values_begin_after_their_word() {
    check("INSERT INTO t VALUES (1, 'a')", ("INSERT INTO t ", "Values", " (1, 'a')"));
    check("INSERT INTO t (a)VALUES\n(1)", ("INSERT INTO t (a)", "Values", "\n(1)"));
}

#[test]
fn words_of_the_grammar_may_be_names() {
    check("INSERT INTO format FORMAT CSV\n1", ("INSERT INTO format ", "CSV", "1"));
    check("INSERT INTO d.values VALUES (1)", ("INSERT INTO d.values ", "Values", " (1)"));
    check("INSERT INTO `a FORMAT b` FORMAT CSV", ("INSERT INTO `a FORMAT b` ", "CSV", ""));
    check(
        "INSERT INTO t (format, values) VALUES (1, 2)",
        ("INSERT INTO t (format, values) ", "Values", " (1, 2)"),
    );
    check(
        "INSERT INTO FUNCTION remote('h', d, t) FORMAT CSV",
        ("INSERT INTO FUNCTION remote('h', d, t) ", "CSV", ""),
    );
    check("INSERT INTO TABLE t FORMAT CSV", ("INSERT INTO TABLE t ", "CSV", ""));
}

#[test]
fn comments_quotes_and_heredocs_hide_words() {
    check(
        "-- FORMAT a\n/* VALUES */ INSERT INTO t # c\nSETTINGS a = 'FORMAT x' FORMAT CSV\n1",
        ("-- FORMAT a\n/* VALUES */ INSERT INTO t # c\nSETTINGS a = 'FORMAT x' ", "CSV", "1"),
    );
    check_format("SELECT 'a \\' FORMAT b', 'it''s FORMAT c'", None);
    check_format("SELECT $q$ FORMAT JSON $q$", None);
}

#[test]
fn an_insert_of_a_query_runs_as_it_stands() {
    check_format("INSERT INTO t SELECT 1", None);
    check_format("INSERT INTO t (a) SELECT format FROM u", None);
    check_format("INSERT INTO t (SELECT 1)", None);
    check_format("INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x", None);
}

#[test]
fn the_output_format_is_the_last_clause() {
    check_format("SELECT 1", None);
    check_format("SELECT 1 FORMAT JSON", Some("JSON"));
    check_format("select 1 format JSONEachRow;", Some("JSONEachRow"));
    check_format("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", Some("CSV"));
    check_format("SELECT format FROM t", None);
    check_format("SELECT a FROM t ORDER BY format DESC", None);
    check_format("SELECT * FROM (SELECT 1 FORMAT CSV)", None);
    check_format("SHOW TABLES FORMAT TSV -- the end", Some("TSV"));
}

/// Checks the part of a query before its output clauses.
fn check_output(sql: &str, expected: Option<&str>) {
    match Statement::read(sql.as_bytes()) {
        Ok(Statement::Other { output, .. }) => assert_eq!(output.map(|at| &sql[..at]), expected, "{sql}"),
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn clauses_about_the_output_follow_the_query() {
    check_output("SELECT 1", Some("SELECT 1"));
    check_output("SELECT (1) ; -- the end", Some("SELECT (1)"));
    check_output("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", Some("SELECT 1 "));
    check_output("SELECT 1 SETTINGS a = {'b': 1} -- no\n", Some("SELECT 1 SETTINGS a = {'b': 1}"));
    check_output("WITH x AS (SELECT 1) SELECT * FROM x", Some("WITH x AS (SELECT 1) SELECT * FROM x"));
    check_output("(SELECT 1) UNION ALL (SELECT 2)", Some("(SELECT 1) UNION ALL (SELECT 2)"));
    check_output("SHOW TABLES", None);
    check_output("INSERT INTO t SELECT 1", None);
}

#[test]
fn clauses_for_clients_are_refused() {
    check_refused("SELECT 1 INTO OUTFILE 'x'", 358);
    check_refused("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 78);
    check_refused("INSERT INTO t SELECT * FROM input('a UInt8') FORMAT CSV\n1", 48);
    check_refused("INSERT INTO t", 62);
    check_refused("INSERT INTO t FORMAT CSV; 1", 62);
    check_refused(" -- nothing", 62);
    check_refused("", 62);
}

#[test]
fn nothing_in_a_text_cut_anywhere_panics() {
    let sql = "INSERT INTO `a`.\"b\" /* c */ (x, y) SETTINGS z = $a$b$a$, w = 'q' FORMAT CSV \r\n1,2";
    for end in 0..=sql.len() {
        let _ = Statement::read(&sql.as_bytes()[..end]);
    }
}

#[test]
fn an_insert_in_the_url_needs_nothing_of_the_body() {
    assert!(is_complete_insert(b"INSERT INTO t FORMAT CSV\n"));
    assert!(is_complete_insert(b"INSERT INTO t VALUES\n"));
    assert!(!is_complete_insert(b"INSERT INTO t FORM"));
    assert!(!is_complete_insert(b"SELECT 1\n"));
}
