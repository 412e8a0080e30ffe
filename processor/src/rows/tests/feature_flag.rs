use super::*;

fn switch(rest: &str) -> Rows {
    let payload = format!(
        r#"{{"object_kind":"feature_flag","project":{{"id":42}},"user":{{"id":7,"username":"ada"}},"object_attributes":{{{rest}}}}}"#
    );
    rows_of(&payload, rest)
}

#[test]
fn a_flag_without_an_id_is_known_by_its_name() {
    let named = switch(r#""name":"two_steps","active":"true""#).feature_flag_events.remove(0);
    assert_eq!((named.flag.as_str(), named.flag_id, named.active), ("two_steps", None, true));
    let numbered = switch(r#""id":"640","name":"two_steps","active":true"#).feature_flag_events.remove(0);
    assert_eq!((numbered.flag.as_str(), numbered.flag_id), ("640", Some(640)));
    assert_eq!(numbered.actor, "7");
}

#[test]
fn a_flag_that_is_neither_on_nor_off_is_dead_lettered() {
    for rest in [r#""id":640"#, r#""id":640,"active":"perhaps""#, r#""active":true"#] {
        let rows = switch(rest);
        assert_eq!((rows.events.len(), rows.feature_flag_events.len()), (1, 0), "{rest}");
    }
}
