use super::External;

fn check(parameters: &[(&str, &str)], expected: Result<(&str, &str), u32>) {
    let mut settings: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    settings.push(("max_threads".to_owned(), "1".to_owned()));
    let made = External::new("t".to_owned(), b"1".to_vec(), &mut settings);
    let made = made.as_ref().map(|table| (table.structure.as_str(), table.format.as_str()));
    assert_eq!(made.map_err(|fault| fault.code), expected, "{parameters:?}");
    assert_eq!(settings, [("max_threads".to_owned(), "1".to_owned())], "{parameters:?}");
}

#[test]
fn parameters_say_what_a_file_is() {
    check(
        &[("t_structure", "a UInt8, b String"), ("t_format", "Native")],
        Ok(("a UInt8, b String", "Native")),
    );
    check(&[("t_types", "UInt8")], Ok(("_1 UInt8", "TabSeparated")));
    check(
        &[("t_types", "Tuple(UInt8, String), Enum('a,b' = 1),Map(String, String)")],
        Ok(("_1 Tuple(UInt8, String), _2 Enum('a,b' = 1), _3 Map(String, String)", "TabSeparated")),
    );
    check(&[("t_format", "CSV")], Err(36));
}
