//! The tokens. In: secrets. Out: a header, and a name for messages. Never a token in an error, a log or the audit log: every text of a server is
//! searched for them.

use reqwest::header::HeaderValue;
use runtime::Secret;
use sha2::{Digest, Sha256};

use crate::config::ConfigError;

pub(crate) struct Token {
    /// `the token`, or `token 2` if there are several.
    pub(crate) name: String,
    /// `Bearer ...`.
    pub(crate) authorization: HeaderValue,
    secret: Secret,
}

pub(crate) struct Tokens(Vec<Token>);

impl Tokens {
    pub(crate) fn new(secrets: Vec<Secret>) -> Result<Tokens, ConfigError> {
        let is_alone = secrets.len() == 1;
        let token = |(index, secret): (usize, Secret)| -> Result<Token, ConfigError> {
            let mut authorization = HeaderValue::from_str(&format!("Bearer {}", secret.expose()))
                .map_err(|_| ConfigError::TokenCharacters)?;
            authorization.set_sensitive(true);
            let name = if is_alone { "the token".to_owned() } else { format!("token {}", index + 1) };
            Ok(Token { name, authorization, secret })
        };
        secrets.into_iter().enumerate().map(token).collect::<Result<_, _>>().map(Tokens)
    }

    /// Each token alone, under the name that it has among all.
    pub(crate) fn alone(self) -> impl Iterator<Item = Tokens> {
        self.0.into_iter().map(|token| Tokens(vec![token]))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The token of a permit; there are as many budgets as tokens.
    pub(crate) fn get(&self, index: usize) -> &Token {
        &self.0[index]
    }

    /// The beginning of a digest of all of them, in any order.
    pub(crate) fn digest(&self) -> String {
        let mut secrets: Vec<&str> = self.0.iter().map(|token| token.secret.expose()).collect();
        secrets.sort_unstable();
        let digest = Sha256::digest(secrets.join(",").as_bytes());
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The text without tokens: a server knows one, and may repeat it.
    pub(crate) fn blank(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, token| text.replace(token.secret.expose(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(tokens: &[&str]) -> String {
        Tokens::new(tokens.iter().copied().map(Secret::new).collect()).unwrap().digest()
    }

    #[test]
    fn a_digest_tells_the_same_tokens_from_others_and_nothing_else() {
        assert_eq!(digest(&["glpat-one", "glpat-two"]), digest(&["glpat-two", "glpat-one"]));
        assert_ne!(digest(&["glpat-one"]), digest(&["glpat-two"]));
        assert_eq!(digest(&["glpat-one"]).len(), 8);
    }
}
