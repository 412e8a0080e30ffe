//! SQL as tokens. In: SQL, possibly followed by anything. Out: words, quoted texts and punctuation, with their positions. Never: fails; unknown bytes
//! are punctuation.

/// A token of SQL, with its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What it is.
    pub(super) kind: Kind,
    /// Brackets of any kind that are open around it.
    pub(super) depth: usize,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword or a number.
    Word,
    /// A quoted identifier or a string.
    Quoted,
    /// Any other byte.
    Punctuation(u8),
}

impl Token {
    /// Whether it is this keyword, in any case.
    #[must_use]
    pub(super) fn is(&self, sql: &[u8], word: &str) -> bool {
        self.kind == Kind::Word && sql[self.start..self.end].eq_ignore_ascii_case(word.as_bytes())
    }

    /// Its text, including quotes.
    #[must_use]
    pub(super) fn text(&self, sql: &[u8]) -> String {
        String::from_utf8_lossy(&sql[self.start..self.end]).into_owned()
    }
}

/// The tokens of SQL, without comments and blanks; quoted texts and heredocs are one token each.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    sql: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    /// From the beginning of `sql`.
    #[must_use]
    pub(super) fn new(sql: &'a [u8]) -> Self {
        Self { sql, at: 0, depth: 0 }
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.sql[self.at..];
            let skipped = match rest {
                [byte, ..] if byte.is_ascii_whitespace() || *byte == 0x0b => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => {
                    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
                }
                [b'/', b'*', ..] => {
                    rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 2)
                }
                _ => return,
            };
            self.at += skipped;
        }
    }

    /// Length of a quoted text, including its quotes; a backslash or a doubled quote continues it.
    fn quoted(rest: &[u8], quote: u8) -> usize {
        let mut at = 1;
        while let Some(byte) = rest.get(at) {
            match byte {
                b'\\' => at += 2,
                byte if *byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
                byte if *byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        rest.len()
    }

    /// Length of a `$tag$...$tag$` text, if one begins here.
    fn heredoc(rest: &[u8]) -> Option<usize> {
        let tag = rest.iter().skip(1).position(|byte| !is_word(*byte) || *byte == b'$')? + 2;
        let mark = rest.get(..tag).filter(|mark| mark.last() == Some(&b'$'))?;
        let body = rest[tag..].windows(tag).position(|window| window == mark)?;
        Some(tag + body + tag)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks();
        let rest = &self.sql[self.at..];
        let start = self.at;
        let (length, kind) = match *rest.first()? {
            quote @ (b'\'' | b'"' | b'`') => (Self::quoted(rest, quote), Kind::Quoted),
            b'$' if Self::heredoc(rest).is_some() => (Self::heredoc(rest)?, Kind::Quoted),
            byte if is_word(byte) => {
                (rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len()), Kind::Word)
            }
            byte => (1, Kind::Punctuation(byte)),
        };
        self.at = (start + length).min(self.sql.len());
        if matches!(kind, Kind::Punctuation(b')' | b']' | b'}')) {
            self.depth = self.depth.saturating_sub(1);
        }
        let token = Token { start, end: self.at, kind, depth: self.depth };
        if matches!(kind, Kind::Punctuation(b'(' | b'[' | b'{')) {
            self.depth += 1;
        }
        Some(token)
    }
}
