//! What is wrong with a JSON text. In: serde's error. Out: the same without values. Serde quotes an unexpected value, which may be a secret or 20
//! MB long, and errors go to logs and into headers.

use std::fmt;

/// Where and how a JSON text differs from what was expected. Shows names of fields, never values.
#[derive(Debug)]
pub struct JsonError {
    what: String,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> JsonError {
        let text = error.to_string();
        let names_only = ["missing field", "duplicate field", "a list of more than"];
        let what = match error.classify() {
            serde_json::error::Category::Data if !names_only.iter().any(|start| text.starts_with(start)) => {
                "a value of the wrong type".to_owned()
            }
            serde_json::error::Category::Data
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => {
                text.split(" at line ").next().unwrap_or_default().to_owned()
            }
        };
        JsonError { what, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.what, self.line, self.column)
    }
}

impl std::error::Error for JsonError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<'de, T: serde::Deserialize<'de> + std::fmt::Debug>(json: &'de str, expected: &str) {
        let error = JsonError::from(serde_json::from_str::<T>(json).err().unwrap());
        assert_eq!(error.to_string(), expected);
    }

    #[derive(Debug, serde::Deserialize)]
    struct Sample {
        #[expect(dead_code, reason = "only its error matters")]
        id: u64,
    }

    #[test]
    fn values_are_not_quoted_and_names_are() {
        check::<Sample>(r#""s3cret""#, "a value of the wrong type at line 1 column 8");
        check::<Sample>(r#"{"id":"s3cret"}"#, "a value of the wrong type at line 1 column 14");
        check::<Sample>("{}", "missing field `id` at line 1 column 2");
        check::<Sample>(r#"{"id":1,"id":2}"#, "duplicate field `id` at line 1 column 12");
        check::<Sample>(r#"{"id":1"#, "EOF while parsing an object at line 1 column 7");
    }
}
