use super::*;

fn key(row: &TokenExpiryRow) -> (u64, u64, &'static str, u64) {
    (row.project_id, row.group_id, row.token_type, row.id)
}

#[test]
fn both_faces_tell_the_same_of_a_token() {
    for (webhook, api, owner) in [
        ("project_expiring", "listed", (42, 0, "access_token")),
        ("group_expiring", "group_listed", (0, 5, "access_token")),
        ("deploy_token_project_expiring", "deploy_token_listed", (42, 0, "deploy_token")),
        ("deploy_token_group_expiring", "group_deploy_token_listed", (0, 5, "deploy_token")),
    ] {
        let webhook = example(&format!("access_token__{webhook}")).token_expiries.remove(0);
        let api = example(&format!("access_token__{api}.api")).token_expiries.remove(0);
        assert_eq!(key(&webhook), (owner.0, owner.1, owner.2, api.id));
        assert_eq!(key(&webhook), key(&api));
        assert_eq!(webhook.name, api.name);
        assert_eq!(webhook.user_id, api.user_id);
        assert_eq!(webhook.expires_at, api.expires_at);
        assert_eq!(webhook.last_used_at, api.last_used_at);
    }
}

#[test]
fn a_revocation_is_not_undone_within_its_second() {
    let token = |revoked: bool| {
        let payload = format!(
            r#"{{"object_kind":"deploy_token","project":{{"id":42}},"object_attributes":{{"id":79,"revoked":{revoked}}}}}"#
        );
        rows_of(&payload, "1").token_expiries.remove(0)
    };
    assert_eq!(newest(&token(true).revoked, &token(false).revoked), Some(true));
}

#[test]
fn a_token_that_never_expires_has_no_time() {
    let object = r#"{"id":9,"name":"for ever","expires_at":null,"scopes":["read_api","api"]}"#;
    let row = rows_of_object(object, EventKind::AccessToken, "user/7").token_expiries.remove(0);
    assert_eq!((key(&row), row.expires_at.value), ((0, 0, "access_token", 9), None));
    assert_eq!(row.scopes.value, ["api", "read_api"]);
}
