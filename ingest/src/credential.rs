//! Secrets of tenants, prepared for comparison. In: configured tokens. Out: digests and keys. Their `Debug` shows nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use runtime::Secret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSecret {
    /// An empty token would let everybody in.
    #[error("the secret token is empty")]
    Empty,
    /// GitLab sends it in a header, which can contain neither.
    #[error(
        "the secret begins or ends with white space, or holds a line break, which no header does: remove it (a file often ends with a line break)"
    )]
    WhiteSpace,
    /// GitLab shows signing tokens in another form.
    #[error("a signing token is whsec_ and 24 to 64 bytes in base64")]
    SigningToken,
}

/// SHA-256 of a secret token. Comparing digests takes the same time for all lengths.
#[derive(Clone)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a configured token.
    pub fn new(token: &Secret) -> Result<TokenDigest, InvalidSecret> {
        match travels(token)? {
            "" => Err(InvalidSecret::Empty),
            token => Ok(TokenDigest(Sha256::digest(token).into())),
        }
    }

    pub(crate) fn matches(&self, digest: &[u8; 32]) -> Choice {
        self.0.ct_eq(digest)
    }
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenDigest(***)")
    }
}

/// The secret, if a header can carry it unchanged.
fn travels(secret: &Secret) -> Result<&str, InvalidSecret> {
    match secret.expose() {
        text if text.trim() != text || text.contains(char::is_control) => Err(InvalidSecret::WhiteSpace),
        text => Ok(text),
    }
}

/// A signing token, prepared for signing.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// The key from a configured signing token, `whsec_` and base64.
    pub fn new(token: &Secret) -> Result<SigningKey, InvalidSecret> {
        let encoded = travels(token)?.strip_prefix("whsec_").ok_or(InvalidSecret::SigningToken)?;
        let key = BASE64.decode(encoded).map_err(|_| InvalidSecret::SigningToken)?;
        if !(24..=64).contains(&key.len()) {
            return Err(InvalidSecret::SigningToken);
        }
        Hmac::new_from_slice(&key).map(SigningKey).map_err(|_| InvalidSecret::SigningToken)
    }

    /// The signature of a delivery.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}
