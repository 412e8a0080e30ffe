use super::{boundary, fields};

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {x:String}\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"param_x\"\r\nContent-Type: text/plain\r\n\r\na\r\nb\r\n\
                    --b--\r\n";

fn check_refused(body: &str, code: u32) {
    assert_eq!(fields(body.as_bytes(), "b").map_err(|fault| fault.code), Err(code), "{body}");
}

#[test]
fn fields_come_in_order() {
    let expected = [("query", "SELECT {x:String}"), ("param_x", "a\r\nb")];
    let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(fields(FORM.as_bytes(), "b"), Ok(expected));
    assert_eq!(fields(b"--b--\r\n", "b"), Ok(Vec::new()));
}

#[test]
fn boundaries_are_found_in_forms_only() {
    assert_eq!(boundary("multipart/form-data; boundary=x1"), Some("x1"));
    assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), Some("a b"));
    assert_eq!(boundary("application/x-www-form-urlencoded"), None);
    assert_eq!(boundary("text/plain; boundary=x"), None);
}

#[test]
fn files_and_broken_forms_are_refused() {
    check_refused(
        "--b\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t\"\r\n\r\n1\r\n--b--\r\n",
        48,
    );
    check_refused("", 36);
    check_refused("--b", 36);
    check_refused("--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", 36);
    for end in 0..FORM.len() - 4 {
        assert!(fields(&FORM.as_bytes()[..end], "b").is_err(), "after {end} bytes");
    }
}
