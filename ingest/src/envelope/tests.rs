use super::*;
use crate::config::TenantConfig;
use crate::delivery::{DeliveryHeaders, RawDelivery};
use crate::tenant::Tenants;
use crate::verify::Admission;
use bytes::Bytes;
use chrono::DateTime;
use runtime::Secret;
use schemas::instance::UNKNOWN_INSTANCE;
use schemas::{EventKind, Payload};

fn delivery(instance: Option<&str>, headers: DeliveryHeaders, body: &[u8]) -> VerifiedDelivery {
    let tenants = Tenants::new(&[TenantConfig {
        name: "default".to_owned(),
        instance: instance.map(str::to_owned),
        tokens: vec![Secret::new("s3cret")],
        ..TenantConfig::default()
    }])
    .unwrap();
    let headers = DeliveryHeaders { token: Some(b"s3cret".to_vec()), ..headers };
    let received_at = DateTime::from_timestamp(1_795_305_600, 0).unwrap();
    let raw = RawDelivery { headers, body: Bytes::copy_from_slice(body), received_at };
    Admission::new(&tenants, None, &raw.headers, received_at, 300).unwrap().verify(raw).unwrap()
}

fn wrapped(body: &[u8]) -> Wrapped {
    wrap(&delivery(Some("https://gitlab.example.com/"), DeliveryHeaders::default(), body))
}

#[test]
fn kind_and_subject_come_from_the_body() {
    let wrapped =
        wrapped(br#" {"object_kind":"pipeline","project":{"id":42},"object_attributes":{"id":31}} "#);
    assert_eq!(wrapped.envelope.kind(), EventKind::Pipeline);
    assert_eq!(wrapped.envelope.subject(), "project/42/pipeline/31");
    assert_eq!(wrapped.envelope.source(), "https://gitlab.example.com");
    let trimmed = r#"{"object_kind":"pipeline","project":{"id":42},"object_attributes":{"id":31}}"#;
    assert_eq!(*wrapped.envelope.payload(), Payload::Json(trimmed.to_owned()));
}

#[test]
fn whatever_is_authentic_is_kept_whole() {
    let json: [&[u8]; 5] = [
        br#"[1,2]"#,
        br#""text""#,
        br#"{"object_kind":"push","object_kind":"note"}"#,
        br#"{"hello":"world"}"#,
        br#"{"object_kind":"from_the_future"}"#,
    ];
    for body in json {
        let envelope = wrapped(body).envelope;
        assert_eq!(envelope.kind(), EventKind::Other);
        assert_eq!(*envelope.payload(), Payload::Json(String::from_utf8(body.to_vec()).unwrap()));
    }
    let binary: [&[u8]; 3] = [b"", b"\xff\xfe", br#"{"object_kind":"push""#];
    for body in binary {
        let envelope = wrapped(body).envelope;
        assert_eq!(envelope.kind(), EventKind::Other);
        assert_eq!(*envelope.payload(), Payload::Binary(body.to_vec()));
    }
    let deep =
        [b"{\"object_kind\":\"push\",\"a\":".to_vec(), vec![b'['; 10_000], vec![b']'; 10_000], b"}".to_vec()]
            .concat();
    assert_eq!(wrapped(&deep).envelope.kind(), EventKind::Push);
}

#[test]
fn the_same_delivery_has_the_same_id_and_another_has_not() {
    let with_key = |key: &str| {
        let headers = DeliveryHeaders { idempotency_key: Some(key.to_owned()), ..DeliveryHeaders::default() };
        wrap(&delivery(Some("https://gitlab.example.com"), headers, b"{}")).envelope
    };
    assert_eq!(with_key("a").id(), with_key("a").id());
    assert_ne!(with_key("a").id(), with_key("b").id());
    assert_eq!(with_key("a").delivery_id(), Some("a"));
    assert_eq!(wrapped(b"{}").envelope.id(), wrapped(b"{}").envelope.id());
    assert_ne!(wrapped(b"{}").envelope.id(), wrapped(b"{ }").envelope.id());
}

#[test]
fn the_instance_is_the_tenants_else_what_the_delivery_says() {
    let body = br#"{"object_kind":"push","project":{"web_url":"https://other.example.com/a/b"}}"#;
    let header = || DeliveryHeaders {
        instance: Some("https://GitLab.example.com".to_owned()),
        ..DeliveryHeaders::default()
    };
    let configured = wrap(&delivery(Some("https://configured.example.com/gitlab/"), header(), body));
    assert_eq!(configured.envelope.source(), "https://configured.example.com/gitlab");
    assert!(configured.foreign_host);
    assert_eq!(wrap(&delivery(None, header(), body)).envelope.source(), "https://gitlab.example.com");
    let named = wrap(&delivery(None, DeliveryHeaders::default(), body));
    assert_eq!(named.envelope.source(), "https://other.example.com");
    assert!(!named.foreign_host);
    assert_eq!(wrap(&delivery(None, DeliveryHeaders::default(), b"{}")).envelope.source(), UNKNOWN_INSTANCE);
}

#[test]
fn secrets_do_not_reach_the_envelope() {
    let wrapped = wrapped(
        br#"{"object_kind":"pipeline","object_attributes":{"variables":[{"key":"A","value":"hunter2"}]}}"#,
    );
    assert!(wrapped.redacted);
    let record = wrapped.envelope.to_record(&schemas::TopicPrefix::default()).unwrap();
    assert!(!String::from_utf8(record.value).unwrap().contains("hunter2"));
}

#[test]
fn traces_go_on_or_begin_here() {
    let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers =
        |text: &str| DeliveryHeaders { traceparent: Some(text.to_owned()), ..DeliveryHeaders::default() };
    let of = |headers| wrap(&delivery(None, headers, b"{}")).envelope.traceparent().unwrap().to_owned();
    assert_eq!(of(headers(sent)), sent);
    let began = of(headers("nonsense"));
    assert!(began.starts_with("00-") && began.ends_with("-01"), "{began}");
    assert_eq!(of(headers("nonsense")), began);
}
