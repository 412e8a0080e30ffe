//! Proves the sender to GitPulse, as GitLab does: with the secret token, or by Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret of a hook.
#[derive(Clone)]
pub enum Credentials {
    /// Sent as it is, in `X-Gitlab-Token`.
    Token(String),
    /// `whsec_...`: signs each delivery.
    SigningToken(String),
}

/// The signing token is not `whsec_` and base64.
#[derive(Debug, thiserror::Error)]
#[error("a signing token is whsec_ and base64")]
pub struct InvalidSigningToken;

impl Credentials {
    /// The header that proves a delivery.
    pub(crate) fn prove(
        &self,
        id: &str,
        timestamp: &str,
        body: &[u8],
    ) -> Result<(&'static str, String), InvalidSigningToken> {
        let token = match self {
            Credentials::Token(token) => return Ok(("x-gitlab-token", token.clone())),
            Credentials::SigningToken(token) => token,
        };
        let key = token.strip_prefix("whsec_").and_then(|text| BASE64.decode(text).ok());
        let key = key.ok_or(InvalidSigningToken)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| InvalidSigningToken)?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Ok(("webhook-signature", format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))))
    }

    /// The same kind of secret, but not this one.
    pub(crate) fn forged(&self) -> Credentials {
        match self {
            Credentials::Token(_) => Credentials::Token("nobody-has-this-token".to_owned()),
            Credentials::SigningToken(_) => {
                Credentials::SigningToken(format!("whsec_{}", BASE64.encode([7; 32])))
            }
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let credentials = Credentials::SigningToken("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let (header, value) = credentials
            .prove("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#)
            .unwrap();
        assert_eq!(header, "webhook-signature");
        assert_eq!(value, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
