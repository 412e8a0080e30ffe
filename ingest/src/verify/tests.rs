use super::*;
use crate::config::TenantConfig;
use crate::credential::{InvalidSecret, SigningKey, TokenDigest};
use proptest::prelude::*;
use runtime::Secret;

const GITLAB_LIKE: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ID: &str = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f";
const SIGNED_AT: i64 = 1_795_305_600;
const BODY: &[u8] = br#"{"object_kind":"push"}"#;
const SIGNATURE: &str = "v1,OzN6Af2FUpgZVS2KTzwR+dfpam46GCkbVLP0fWsNwPA=";

fn tenant(name: &str, tokens: &[&str], signing_tokens: &[&str]) -> TenantConfig {
    let secrets = |texts: &[&str]| texts.iter().map(|text| Secret::new(*text)).collect();
    TenantConfig {
        name: name.to_owned(),
        tokens: secrets(tokens),
        signing_tokens: secrets(signing_tokens),
        all_projects: true,
        ..TenantConfig::default()
    }
}

fn tenants() -> Tenants {
    Tenants::new(&[
        tenant("by-token", &["s3cret", "next-s3cret"], &[]),
        tenant("by-signature", &[], &[GITLAB_LIKE, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]),
    ])
    .unwrap()
}

fn signed(id: &str, timestamp: &str, signature: &str) -> DeliveryHeaders {
    DeliveryHeaders {
        webhook_id: Some(id.to_owned()),
        webhook_timestamp: Some(timestamp.to_owned()),
        signature: Some(signature.to_owned()),
        ..DeliveryHeaders::default()
    }
}

fn token(token: &str) -> DeliveryHeaders {
    DeliveryHeaders { token: Some(token.as_bytes().to_vec()), ..DeliveryHeaders::default() }
}

/// The name of the tenant, or the reason for a refusal.
fn verify(
    path: Option<&str>,
    headers: DeliveryHeaders,
    body: &[u8],
    now: i64,
) -> Result<String, VerifyError> {
    let now = DateTime::from_timestamp(now, 0).unwrap();
    let raw = RawDelivery { headers, body: Bytes::copy_from_slice(body), received_at: now };
    let delivery = Admission::new(&tenants(), path, &raw.headers, now, 300)?.verify(raw)?;
    Ok(delivery.tenant().identity.name().to_owned())
}

#[test]
fn published_vectors_verify() {
    assert_eq!(
        verify(None, signed(ID, &SIGNED_AT.to_string(), SIGNATURE), BODY, SIGNED_AT).unwrap(),
        "by-signature"
    );
    // The test vector of the Standard Webhooks libraries.
    let headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
    assert_eq!(verify(None, headers, br#"{"test": 2432232314}"#, 1_614_265_330).unwrap(), "by-signature");
}

#[test]
fn every_live_token_is_accepted_and_no_other() {
    assert_eq!(verify(None, token("s3cret"), BODY, 0).unwrap(), "by-token");
    assert_eq!(verify(Some("by-token"), token("next-s3cret"), BODY, 0).unwrap(), "by-token");
    for wrong in ["", "s3cre", "s3cret ", "S3cret", GITLAB_LIKE] {
        assert_eq!(verify(None, token(wrong), BODY, 0), Err(VerifyError::Token), "{wrong:?}");
    }
}

#[test]
fn a_secret_of_one_kind_is_none_of_the_other() {
    // A signature instead of a token, a token instead of a signature, and a right token with a wrong signature.
    assert_eq!(verify(None, token(SIGNATURE), BODY, SIGNED_AT), Err(VerifyError::Token));
    let mut both = signed(ID, &SIGNED_AT.to_string(), "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    both.token = Some(b"s3cret".to_vec());
    assert_eq!(verify(None, both, BODY, SIGNED_AT), Err(VerifyError::Signature));
    let mut unreadable = token("s3cret");
    unreadable.signature = Some(String::new());
    assert_eq!(verify(None, unreadable, BODY, SIGNED_AT), Err(VerifyError::Malformed));
    let on_token_path = signed(ID, &SIGNED_AT.to_string(), SIGNATURE);
    assert_eq!(verify(Some("by-token"), on_token_path, BODY, SIGNED_AT), Err(VerifyError::Signature));
    assert_eq!(verify(Some("by-signature"), token("s3cret"), BODY, 0), Err(VerifyError::Token));
    assert_eq!(verify(Some("nobody"), token("s3cret"), BODY, 0), Err(VerifyError::UnknownTenant));
}

#[test]
fn stale_and_future_signatures_are_refused() {
    let headers = || signed(ID, &SIGNED_AT.to_string(), SIGNATURE);
    assert!(verify(None, headers(), BODY, SIGNED_AT + 300).is_ok());
    assert!(verify(None, headers(), BODY, SIGNED_AT - 300).is_ok());
    assert_eq!(verify(None, headers(), BODY, SIGNED_AT + 301), Err(VerifyError::Stale));
    assert_eq!(verify(None, headers(), BODY, SIGNED_AT - 301), Err(VerifyError::Stale));
}

#[test]
fn malformed_signatures_are_refused() {
    let timestamp = SIGNED_AT.to_string();
    for header in ["", "v1", "v1,", "v1,***", "v2,OzN6Af2FUpgZVS2KTzwR+dfpam46GCkbVLP0fWsNwPA=", "v1,QUJD"] {
        assert_eq!(
            verify(None, signed(ID, &timestamp, header), BODY, SIGNED_AT),
            Err(VerifyError::Malformed),
            "{header:?}"
        );
    }
    assert_eq!(verify(None, signed("", &timestamp, SIGNATURE), BODY, SIGNED_AT), Err(VerifyError::Malformed));
    assert_eq!(verify(None, signed(ID, "now", SIGNATURE), BODY, SIGNED_AT), Err(VerifyError::Malformed));
    let missing = DeliveryHeaders { signature: Some(SIGNATURE.to_owned()), ..DeliveryHeaders::default() };
    assert_eq!(verify(None, missing, BODY, SIGNED_AT), Err(VerifyError::Malformed));
    assert_eq!(verify(None, DeliveryHeaders::default(), BODY, SIGNED_AT), Err(VerifyError::Missing));
}

#[test]
fn one_good_signature_among_others_is_enough() {
    let header = format!("v2,xyz v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= {SIGNATURE}");
    assert!(verify(None, signed(ID, &SIGNED_AT.to_string(), &header), BODY, SIGNED_AT).is_ok());
}

#[test]
fn signing_tokens_that_cannot_be_keys_are_refused() {
    for text in ["", "whsec_", "whsec_QUJD", "whsec_***", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="] {
        assert!(SigningKey::new(&Secret::new(text)).is_err(), "{text:?}");
    }
    assert_eq!(format!("{:?}", SigningKey::new(&Secret::new(GITLAB_LIKE)).unwrap()), "SigningKey(***)");
}

/// A secret read from a file ends in a line break, which no header can contain: no delivery would match it.
#[test]
fn secrets_with_white_space_at_an_end_are_refused() {
    for (before, after) in [("", "\n"), (" ", ""), ("", "\t"), ("", "\r\n"), ("\u{a0}", "")] {
        let token = TokenDigest::new(&Secret::new(format!("{before}hello{after}")));
        assert!(matches!(token, Err(InvalidSecret::WhiteSpace)), "{before:?} {after:?}");
        let key = SigningKey::new(&Secret::new(format!("{before}{GITLAB_LIKE}{after}")));
        assert!(matches!(key, Err(InvalidSecret::WhiteSpace)), "{before:?} {after:?}");
    }
    assert!(matches!(TokenDigest::new(&Secret::new("hel\nlo")), Err(InvalidSecret::WhiteSpace)));
    assert!(TokenDigest::new(&Secret::new("hello world")).is_ok());
    assert!(InvalidSecret::WhiteSpace.to_string().contains("remove it"));
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_is_refused(
        body in prop::collection::vec(any::<u8>(), 1..200),
        part in 0_usize..4,
        position in any::<prop::sample::Index>(),
        bit in 0_u8..7,
    ) {
        let key = SigningKey::new(&Secret::new(GITLAB_LIKE)).unwrap();
        let timestamp = SIGNED_AT.to_string();
        let signature = key.sign(ID, &timestamp, &body);
        let header = |signature: &[u8]| format!("v1,{}", BASE64.encode(signature));
        prop_assert!(verify(None, signed(ID, &timestamp, &header(&signature)), &body, SIGNED_AT).is_ok());

        let flip = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let at = position.index(bytes.len());
            bytes[at] ^= 1 << bit;
            bytes
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(&flip(bytes)).into_owned();
        let (headers, body) = match part {
            0 => (signed(&text(ID.as_bytes()), &timestamp, &header(&signature)), body),
            1 => (signed(ID, &text(timestamp.as_bytes()), &header(&signature)), body),
            2 => (signed(ID, &timestamp, &header(&flip(&signature))), body),
            _ => (signed(ID, &timestamp, &header(&signature)), flip(&body)),
        };
        prop_assert!(verify(None, headers, &body, SIGNED_AT).is_err());
    }
}
