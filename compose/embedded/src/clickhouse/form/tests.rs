use super::{Form, boundary, read};

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {x:String}\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"param_x\"\r\nContent-Type: text/plain\r\n\r\na\r\nb\r\n\
                    --b--\r\n";

fn check_refused(body: &str, code: u32) {
    assert_eq!(read(body.as_bytes(), "b").map_err(|fault| fault.code), Err(code), "{body}");
}

#[test]
fn fields_come_in_order() {
    let expected = [("query", "SELECT {x:String}"), ("param_x", "a\r\nb")];
    let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(read(FORM.as_bytes(), "b").unwrap().fields, expected);
    assert_eq!(read(b"--b--\r\n", "b"), Ok(Form::default()));
}

#[test]
fn boundaries_are_found_in_forms_only() {
    assert_eq!(boundary("multipart/form-data; boundary=x1"), Some("x1"));
    assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""), Some("a b"));
    assert_eq!(boundary("application/x-www-form-urlencoded"), None);
    assert_eq!(boundary("text/plain; boundary=x"), None);
}

#[test]
fn files_are_told_from_fields() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"t\"; filename=\"\"\r\n\r\n1\r\n2\r\n--b--\r\n";
    let form = read(body.as_bytes(), "b").unwrap();
    assert_eq!((form.files, form.fields.len()), (vec![("t".to_owned(), b"1\r\n2".to_vec())], 0));
}

#[test]
fn broken_forms_are_refused() {
    check_refused("", 36);
    check_refused("--b", 36);
    check_refused("--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", 36);
    for end in 0..FORM.len() - 4 {
        assert!(read(&FORM.as_bytes()[..end], "b").is_err(), "after {end} bytes");
    }
}
