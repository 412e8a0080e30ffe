//! The tokens of a query. In: text. Out: names, values and signs, each with its position. Only the part of the language that history needs.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Number;

use super::fault::Fault;

/// A position in the text; line and column begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spot {
    pub(super) line: u32,
    pub(super) column: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    Name(String),
    Text(String),
    Number(Number),
    Variable(String),
    /// Three dots.
    Spread,
    Sign(char),
}

/// A text with a current position.
struct Text<'t> {
    rest: Peekable<Chars<'t>>,
    spot: Spot,
}

impl Text<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.spot = match next {
            '\n' => Spot { line: self.spot.line + 1, column: 1 },
            _ => Spot { column: self.spot.column + 1, ..self.spot },
        };
        Some(next)
    }

    fn next_if(&mut self, is_asked: impl Fn(char) -> bool) -> Option<char> {
        if self.rest.peek().is_some_and(|next| is_asked(*next)) { self.next() } else { None }
    }

    fn name(&mut self, first: Option<char>) -> String {
        let mut name: String = first.into_iter().collect();
        while let Some(next) = self.next_if(|next| next.is_ascii_alphanumeric() || next == '_') {
            name.push(next);
        }
        name
    }

    fn quoted(&mut self, from: Spot) -> Result<String, Fault> {
        let mut text = String::new();
        while let Some(next) = self.next() {
            match next {
                '"' => return Ok(text),
                '\\' => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some(escaped) => text.push(escaped),
                    None => break,
                },
                next => text.push(next),
            }
        }
        Err(Fault::syntax("Parse error on bad string", from))
    }
}

/// The tokens of a text.
pub(super) fn words(query: &str) -> Result<Vec<(Word, Spot)>, Fault> {
    let mut text = Text { rest: query.chars().peekable(), spot: Spot { line: 1, column: 1 } };
    let mut words = Vec::new();
    loop {
        let spot = text.spot;
        let Some(first) = text.next() else {
            return Ok(words);
        };
        let word = match first {
            first if first.is_whitespace() || first == ',' => continue,
            '#' => {
                while text.next_if(|next| next != '\n').is_some() {}
                continue;
            }
            first if first.is_ascii_alphabetic() || first == '_' => Word::Name(text.name(Some(first))),
            '$' => Word::Variable(text.name(None)),
            first if first.is_ascii_digit() || first == '-' => {
                let number = text.name(Some(first)).parse::<i64>();
                Word::Number(number.map_err(|_| Fault::syntax("Parse error on a number", spot))?.into())
            }
            '"' => Word::Text(text.quoted(spot)?),
            '.' if text.next_if(|next| next == '.').is_some()
                && text.next_if(|next| next == '.').is_some() =>
            {
                Word::Spread
            }
            sign if "{}()[]:!=@".contains(sign) => Word::Sign(sign),
            sign => return Err(Fault::syntax(&format!("Parse error on {sign:?}"), spot)),
        };
        words.push((word, spot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_places() {
        let found = words("{ a\n  b(c: \"x\\\"y\") ...d }").unwrap();
        let b = &found[2];
        assert_eq!(b, &(Word::Name("b".to_owned()), Spot { line: 2, column: 3 }));
        assert!(found.iter().any(|(word, _)| *word == Word::Text("x\"y".to_owned())));
        assert!(found.iter().any(|(word, _)| *word == Word::Spread));
        assert!(words("\"open").is_err() && words("a ~ b").is_err() && words("..").is_err());
    }
}
