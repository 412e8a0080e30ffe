//! Reads a query. In: text and variables. Out: fields, with the values of their arguments. Takes one operation without fragments and directives:
//! nothing else is asked here.

use serde_json::{Map, Number, Value};

/// A field that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) alias: Option<String>,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
}

impl Field {
    /// Its name in the answer.
    pub(super) fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// A field below it.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Name(String),
    Text(String),
    Number(Number),
    Variable(String),
    Sign(char),
}

/// Reads a query.
pub(super) fn parse(query: &str, variables: &Map<String, Value>) -> Result<Vec<Field>, String> {
    let words = words(query)?;
    let mut reader = Reader { words, place: 0, variables };
    if let Some(Word::Name(operation)) = reader.peek() {
        if operation != "query" {
            return Err(format!("{operation} is not available"));
        }
        reader.place += 1;
        if matches!(reader.peek(), Some(Word::Name(_))) {
            reader.place += 1;
        }
        // Types of variables: their values are what matters here.
        if reader.take('(') {
            while !reader.take(')') {
                reader.next().ok_or_else(unexpected_end)?;
            }
        }
    }
    let fields = reader.selection()?;
    match reader.next() {
        None => Ok(fields),
        Some(_) => Err("Expected end of document".to_owned()),
    }
}

fn unexpected_end() -> String {
    "Unexpected end of document".to_owned()
}

struct Reader<'v> {
    words: Vec<Word>,
    place: usize,
    variables: &'v Map<String, Value>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.place)
    }

    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.place).cloned();
        self.place += 1;
        word
    }

    fn take(&mut self, sign: char) -> bool {
        let is_it = self.peek() == Some(&Word::Sign(sign));
        self.place += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("Expected {sign:?}")) }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Word::Name(name)) => Ok(name),
            _ => Err("Expected a name".to_owned()),
        }
    }

    fn selection(&mut self) -> Result<Vec<Field>, String> {
        self.expect('{')?;
        let mut fields = Vec::new();
        while !self.take('}') {
            fields.push(self.field()?);
        }
        Ok(fields)
    }

    fn field(&mut self) -> Result<Field, String> {
        let first = self.name()?;
        let (alias, name) = match self.take(':') {
            true => (Some(first), self.name()?),
            false => (None, first),
        };
        let mut arguments = Map::new();
        if self.take('(') {
            while !self.take(')') {
                let argument = self.name()?;
                self.expect(':')?;
                let value = self.value()?;
                arguments.insert(argument, value);
            }
        }
        let fields = if self.peek() == Some(&Word::Sign('{')) { self.selection()? } else { Vec::new() };
        Ok(Field { alias, name, arguments, fields })
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.next().ok_or_else(unexpected_end)? {
            Word::Text(text) => Ok(Value::String(text)),
            Word::Number(number) => Ok(Value::Number(number)),
            Word::Variable(name) => Ok(self.variables.get(&name).cloned().unwrap_or(Value::Null)),
            Word::Name(name) => Ok(match name.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::String(name),
            }),
            Word::Sign('[') => {
                let mut values = Vec::new();
                while !self.take(']') {
                    values.push(self.value()?);
                }
                Ok(Value::Array(values))
            }
            Word::Sign(sign) => Err(format!("Unexpected {sign:?}")),
        }
    }
}

fn words(query: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(first) = rest.next() {
        let mut name = |first: Option<char>| {
            let mut name: String = first.into_iter().collect();
            while let Some(next) = rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                name.push(next);
            }
            name
        };
        match first {
            first if first.is_whitespace() || first == ',' => (),
            '#' => while rest.next_if(|next| *next != '\n').is_some() {},
            first if first.is_ascii_alphabetic() || first == '_' => words.push(Word::Name(name(Some(first)))),
            '$' => words.push(Word::Variable(name(None))),
            first if first.is_ascii_digit() || first == '-' => {
                let number = name(Some(first)).parse::<i64>().map_err(|_| "Expected a number".to_owned())?;
                words.push(Word::Number(number.into()));
            }
            '"' => words.push(Word::Text(text(&mut rest)?)),
            sign if "{}()[]:!=".contains(sign) => words.push(Word::Sign(sign)),
            sign => return Err(format!("Unexpected {sign:?}")),
        }
    }
    Ok(words)
}

fn text(rest: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        match next {
            '"' => return Ok(text),
            '\\' => text.extend(rest.next()),
            next => text.push(next),
        }
    }
    Err(unexpected_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn aliases_arguments_and_variables_are_read() {
        let query = r#"query History($path: ID!, $first: Int = 1) { a: project(fullPath: $path) { pipelines(first: 100, updatedAfter: "x") { nodes { id } } } }"#;
        let variables = json!({"path": "factory/service-0"});
        let fields = parse(query, variables.as_object().unwrap()).unwrap();
        assert_eq!((fields[0].key(), fields[0].name.as_str()), ("a", "project"));
        assert_eq!(fields[0].arguments["fullPath"], "factory/service-0");
        let pipelines = fields[0].field("pipelines").unwrap();
        assert_eq!(
            (&pipelines.arguments["first"], &pipelines.arguments["updatedAfter"]),
            (&json!(100), &json!("x"))
        );
        assert_eq!(pipelines.field("nodes").unwrap().fields[0].name, "id");
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for query in ["", "{", "{ a(b: }", "mutation { a }", "{ a } b", "{ ..."] {
            assert!(parse(query, &Map::new()).is_err(), "{query}");
        }
    }
}
