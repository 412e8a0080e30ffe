//! Parses a query. In: text. Out: one operation with its variables and fields, with fragments inserted where they are spread. Never looks at types:
//! `check` says whether a field exists.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::fault::Fault;
use super::words::{Spot, Word, words};

/// Maximum nesting of fragments: deeper ones are circular.
const MAX_SPREADS: u32 = 20;

/// An operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    /// The beginning of paths in errors: `query`, or `query History`.
    pub(super) name: String,
    pub(super) variables: Vec<Declared>,
    pub(super) fields: Vec<Field>,
}

/// A variable of an operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Declared {
    pub(super) name: String,
    /// Its type, as `[ID!]!`.
    pub(super) of: String,
    pub(super) default: Option<Value>,
    pub(super) at: Spot,
}

/// A requested field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) alias: Option<String>,
    pub(super) name: String,
    pub(super) at: Spot,
    pub(super) given: Vec<(String, Given)>,
    /// Values of its arguments, after variables are replaced.
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

    /// A text argument.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).and_then(Value::as_str)
    }
}

/// The written value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Value(Value),
    /// An unquoted word: an enumeration's value.
    Word(String),
    Variable(String),
    List(Vec<Given>),
}

/// Reads a query.
pub(super) fn parse(query: &str) -> Result<Operation, Fault> {
    let mut reader = Reader { words: words(query)?, place: 0 };
    let (mut operations, mut fragments) = (Vec::new(), HashMap::new());
    while reader.peek().is_some() {
        match reader.take_name("fragment") {
            true => {
                let name = reader.name()?;
                reader.name()?;
                reader.name()?;
                fragments.insert(name, reader.selection()?);
            }
            false => operations.push(reader.operation()?),
        }
    }
    let mut operation = match (operations.pop(), operations.len()) {
        (Some(operation), 0) => operation,
        (None, _) => return Err(Fault::plain("Unexpected end of document")),
        _ => return Err(Fault::plain("An operation name is required")),
    };
    operation.fields = spread(operation.fields, &fragments, 0)?;
    Ok(operation)
}

/// Inserts the fields of fragments where they are spread. Such a place is marked by a field with a name that no field can have.
fn spread(
    fields: Vec<Field>,
    fragments: &HashMap<String, Vec<Field>>,
    depth: u32,
) -> Result<Vec<Field>, Fault> {
    let mut whole = Vec::new();
    for mut field in fields {
        let name = field.name.strip_prefix("...").map(ToOwned::to_owned);
        let below = std::mem::take(&mut field.fields);
        match name.as_deref() {
            None => {
                field.fields = spread(below, fragments, depth)?;
                whole.push(field);
            }
            Some("") => whole.extend(spread(below, fragments, depth)?),
            Some(name) => {
                let known = fragments.get(name).filter(|_| depth < MAX_SPREADS).ok_or_else(|| {
                    let message =
                        format!("Fragment {name} was used, but not defined, or contains an infinite loop");
                    Fault::coded("useAndDefineFragment", message, (field.at, &[]), &[("fragmentName", name)])
                })?;
                whole.extend(spread(known.clone(), fragments, depth + 1)?);
            }
        }
    }
    Ok(whole)
}

struct Reader {
    words: Vec<(Word, Spot)>,
    place: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.place).map(|(word, _)| word)
    }

    fn at(&self) -> Spot {
        self.words.get(self.place).or(self.words.last()).map(|(_, at)| *at).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Word, Fault> {
        let word = self.peek().cloned();
        self.place += 1;
        word.ok_or_else(|| Fault::plain("Unexpected end of document"))
    }

    fn take(&mut self, sign: char) -> bool {
        let is_it = self.peek() == Some(&Word::Sign(sign));
        self.place += usize::from(is_it);
        is_it
    }

    fn take_name(&mut self, name: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Word::Name(given)) if given == name);
        self.place += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: char) -> Result<(), Fault> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Fault {
        match self.peek() {
            None => Fault::plain("Unexpected end of document"),
            Some(word) => Fault::syntax(&format!("Parse error on {word:?}"), self.at()),
        }
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Some(Word::Name(name)) => {
                let name = name.clone();
                self.place += 1;
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn operation(&mut self) -> Result<Operation, Fault> {
        let (mut name, mut variables) = ("query".to_owned(), Vec::new());
        if self.take_name("query") {
            if matches!(self.peek(), Some(Word::Name(_))) {
                name = format!("query {}", self.name()?);
            }
            if self.take('(') {
                while !self.take(')') {
                    variables.push(self.declared()?);
                }
            }
        }
        let fields = self.selection()?;
        Ok(Operation { name, variables, fields })
    }

    fn declared(&mut self) -> Result<Declared, Fault> {
        let at = self.at();
        let Word::Variable(name) = self.next()? else {
            return Err(Fault::syntax("Parse error on a variable", at));
        };
        self.expect(':')?;
        let of = self.type_of_variable()?;
        let default = match self.take('=') {
            true => Some(self.given()?.value(&Map::new())),
            false => None,
        };
        Ok(Declared { name, of, default, at })
    }

    fn type_of_variable(&mut self) -> Result<String, Fault> {
        let mut of = match self.take('[') {
            true => {
                let within = self.type_of_variable()?;
                self.expect(']')?;
                format!("[{within}]")
            }
            false => self.name()?,
        };
        if self.take('!') {
            of.push('!');
        }
        Ok(of)
    }

    fn selection(&mut self) -> Result<Vec<Field>, Fault> {
        self.expect('{')?;
        let mut fields = Vec::new();
        while !self.take('}') {
            let field = match self.peek() {
                Some(Word::Spread) => self.spread()?,
                _ => self.field()?,
            };
            fields.push(field);
        }
        Ok(fields)
    }

    fn spread(&mut self) -> Result<Field, Fault> {
        let at = self.at();
        self.next()?;
        let is_named = matches!(self.peek(), Some(Word::Name(name)) if name != "on");
        let name = if is_named { self.name()? } else { String::new() };
        if self.take_name("on") {
            self.name()?;
        }
        let fields = if is_named { Vec::new() } else { self.selection()? };
        let name = format!("...{name}");
        Ok(Field { alias: None, name, at, given: Vec::new(), arguments: Map::new(), fields })
    }

    fn field(&mut self) -> Result<Field, Fault> {
        let at = self.at();
        let first = self.name()?;
        let (alias, name) = match self.take(':') {
            true => (Some(first), self.name()?),
            false => (None, first),
        };
        let mut given = Vec::new();
        if self.take('(') {
            while !self.take(')') {
                let argument = self.name()?;
                self.expect(':')?;
                given.push((argument, self.given()?));
            }
        }
        let fields = if self.peek() == Some(&Word::Sign('{')) { self.selection()? } else { Vec::new() };
        Ok(Field { alias, name, at, given, arguments: Map::new(), fields })
    }

    fn given(&mut self) -> Result<Given, Fault> {
        let at = self.at();
        Ok(match self.next()? {
            Word::Text(text) => Given::Value(Value::String(text)),
            Word::Number(number) => Given::Value(Value::Number(number)),
            Word::Variable(name) => Given::Variable(name),
            Word::Name(name) => match name.as_str() {
                "true" => Given::Value(Value::Bool(true)),
                "false" => Given::Value(Value::Bool(false)),
                "null" => Given::Value(Value::Null),
                _ => Given::Word(name),
            },
            Word::Sign('[') => {
                let mut given = Vec::new();
                while !self.take(']') {
                    given.push(self.given()?);
                }
                Given::List(given)
            }
            word => return Err(Fault::syntax(&format!("Parse error on {word:?}"), at)),
        })
    }
}

impl Given {
    /// The value, with variables replaced.
    pub(super) fn value(&self, variables: &Map<String, Value>) -> Value {
        match self {
            Given::Value(value) => value.clone(),
            Given::Word(word) => Value::String(word.clone()),
            Given::Variable(name) => variables.get(name).cloned().unwrap_or(Value::Null),
            Given::List(all) => all.iter().map(|one| one.value(variables)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn aliases_arguments_and_variables_are_read() {
        let query = r#"query History($path: ID!, $first: Int = 1, $iids: [String!]) {
            a: project(fullPath: $path) { pipelines(first: 100, updatedAfter: "x", status: SUCCESS) { nodes { id } } } }"#;
        let operation = parse(query).unwrap();
        assert_eq!(operation.name, "query History");
        let types: Vec<&str> = operation.variables.iter().map(|variable| variable.of.as_str()).collect();
        assert_eq!(types, ["ID!", "Int", "[String!]"]);
        assert_eq!(operation.variables[1].default, Some(json!(1)));
        let project = &operation.fields[0];
        assert_eq!((project.key(), project.name.as_str()), ("a", "project"));
        let pipelines = project.field("pipelines").unwrap();
        assert_eq!(pipelines.given[2], ("status".to_owned(), Given::Word("SUCCESS".to_owned())));
        assert_eq!(pipelines.field("nodes").unwrap().fields[0].name, "id");
    }

    #[test]
    fn fragments_stand_where_they_are_spread() {
        let operation = parse(
            "query { a { ...Who ... on B { d } } } fragment Who on User { id ...More } fragment More on User { name }",
        );
        let names: Vec<String> = operation.unwrap().fields[0].fields.iter().map(|f| f.name.clone()).collect();
        assert_eq!(names, ["id", "name", "d"]);
        assert!(parse("{ ...Who } fragment Who on User { ...Who }").is_err());
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for query in ["", "{", "{ a(b: }", "mutation { a }", "{ a } b", "{ ...", "{ a } { b }"] {
            assert!(parse(query).is_err(), "{query}");
        }
    }
}
