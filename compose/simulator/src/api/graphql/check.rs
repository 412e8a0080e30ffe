//! Validates a query. In: an operation, values of variables, a version. Out: nothing, and each argument has its value; or every error, as GitLab's
//! library finds them before it runs the query. Never accepts an argument that GitLab does not.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::fault::Fault;
use super::parse::{Declared, Field, Given, Operation};
use super::schema::{self, Known};
use super::words::Spot;
use crate::gitlab::text::read_time;
use crate::version::Version;

/// Maximum depth of fields for a user with a token (`GitlabSchema`).
const MAX_DEPTH: usize = 20;

/// Checks an operation, and sets the values of its arguments.
pub(super) fn check(
    operation: &mut Operation,
    variables: &Map<String, Value>,
    version: Version,
) -> Result<(), Vec<Fault>> {
    let values = match values_of(&operation.variables, variables) {
        Ok(values) => values,
        Err(fault) => return Err(vec![fault]),
    };
    let mut checker = Checker {
        version,
        declared: &operation.variables,
        operation: &operation.name,
        used: HashSet::new(),
        values,
        faults: Vec::new(),
    };
    let mut path = vec![operation.name.clone()];
    checker.selection("Query", &mut operation.fields, &mut path);
    for declared in checker.declared.iter().filter(|declared| !checker.used.contains(&declared.name)) {
        let message =
            format!("Variable ${} is declared by {} but not used", declared.name, checker.operation);
        let path = [checker.operation.to_owned()];
        checker.faults.push(Fault::coded(
            "variableNotUsed",
            message,
            (declared.at, &path),
            &[("variableName", &declared.name)],
        ));
    }
    if checker.faults.is_empty() { Ok(()) } else { Err(checker.faults) }
}

/// The values of variables: the given ones, else the declared defaults.
fn values_of(declared: &[Declared], given: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    let mut values = Map::new();
    for one in declared {
        match given.get(&one.name).or(one.default.as_ref()) {
            Some(value) => {
                if let Some(problem) = problem(&one.of, value) {
                    return Err(Fault::of_variable(&one.name, &one.of, value, one.at, &problem));
                }
                values.insert(one.name.clone(), value.clone());
            }
            None if one.of.ends_with('!') => {
                let problem = "Expected value to not be null";
                return Err(Fault::of_variable(&one.name, &one.of, &Value::Null, one.at, problem));
            }
            None => (),
        }
    }
    Ok(values)
}

/// Why a type does not accept a value of a variable.
fn problem(of: &str, value: &Value) -> Option<String> {
    let (base, is_required) = (of.trim_end_matches('!'), of.ends_with('!'));
    if value.is_null() {
        return is_required.then(|| "Expected value to not be null".to_owned());
    }
    if let Some(within) = base.strip_prefix('[').and_then(|of| of.strip_suffix(']')) {
        return match value.as_array() {
            Some(all) => all.iter().find_map(|one| problem(within, one)),
            None => problem(within, value),
        };
    }
    let is_taken = match base {
        "ID" => value.is_string() || value.is_u64(),
        "Int" => value.is_i64(),
        "Boolean" => value.is_boolean(),
        "String" => value.is_string(),
        "Time" => value.as_str().is_some_and(|text| read_time(text).is_some()),
        of => match schema::values(of) {
            Some(values) => value.as_str().is_some_and(|text| values.contains(&text)),
            None => return Some(format!("{of} isn't a defined input type")),
        },
    };
    (!is_taken).then(|| format!("Could not coerce value {value} to {base}"))
}

struct Checker<'o> {
    version: Version,
    declared: &'o [Declared],
    operation: &'o str,
    used: HashSet<String>,
    values: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    fn selection(&mut self, owner: &str, fields: &mut Vec<Field>, path: &mut Vec<String>) {
        merge(fields, path, &mut self.faults);
        if path.len() > MAX_DEPTH {
            let message =
                format!("Query has depth of {}, which exceeds max depth of {MAX_DEPTH}", path.len());
            return self.faults.push(Fault::plain(message));
        }
        for field in fields {
            path.push(field.key().to_owned());
            self.field(owner, field, path);
            path.pop();
        }
    }

    fn field(&mut self, owner: &str, field: &mut Field, path: &mut Vec<String>) {
        let Some(known) = schema::known(owner, &field.name, self.version) else {
            let message = format!("Field '{}' doesn't exist on type '{owner}'", field.name);
            let more = [("typeName", owner), ("fieldName", field.name.as_str())];
            return self.faults.push(Fault::coded("undefinedField", message, (field.at, path), &more));
        };
        self.arguments(known, field, path);
        let node = format!("field '{}'", field.name);
        let more = [("nodeName", node.as_str()), ("typeName", known.of)];
        match (schema::has_fields(known.of), field.fields.is_empty()) {
            (true, true) => {
                let message = format!(
                    "Field must have selections ({node} returns {} but has no selections. Did you mean '{} {{ ... }}'?)",
                    known.of, field.name
                );
                self.faults.push(Fault::coded("selectionMismatch", message, (field.at, path), &more));
            }
            (false, false) => {
                let message = format!(
                    "Selections can't be made on scalars ({node} returns {} but has selections)",
                    known.of
                );
                self.faults.push(Fault::coded("selectionMismatch", message, (field.at, path), &more));
            }
            (true, false) => self.selection(known.of, &mut field.fields, path),
            (false, true) => (),
        }
    }

    fn arguments(&mut self, known: &Known, field: &mut Field, path: &[String]) {
        for (name, given) in &field.given {
            let at = (field.at, path);
            let Some(of) = known.argument(name) else {
                let message = format!("Field '{}' doesn't accept argument '{name}'", field.name);
                let mut path = path.to_vec();
                path.push(name.clone());
                let more = [("name", field.name.as_str()), ("typeName", "Field"), ("argumentName", name)];
                self.faults.push(Fault::coded("argumentNotAccepted", message, (field.at, &path), &more));
                continue;
            };
            if let Some(fault) = self.variable(given, name, of, at) {
                self.faults.push(fault);
            } else if !takes(of, given) {
                let message = format!(
                    "Argument '{name}' on Field '{}' has an invalid value ({}). Expected type '{of}'.",
                    field.name,
                    given.value(&Map::new())
                );
                let more = [("typeName", "Field"), ("argumentName", name.as_str())];
                self.faults.push(Fault::coded("argumentLiteralsIncompatible", message, at, &more));
            }
            let value = given.value(&self.values);
            if !value.is_null() {
                field.arguments.insert(name.clone(), value);
            }
        }
        let is_given = |name: &str| field.given.iter().any(|(given, _)| given == name);
        let missing: Vec<&str> = known.required().filter(|name| !is_given(name)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let message = format!("Field '{}' is missing required arguments: {missing}", field.name);
            let more = [("className", "Field"), ("name", field.name.as_str()), ("arguments", &missing)];
            self.faults.push(Fault::coded("missingRequiredArguments", message, (field.at, path), &more));
        }
    }

    /// What is wrong with a variable as this argument.
    fn variable(&mut self, given: &Given, argument: &str, of: &str, at: (Spot, &[String])) -> Option<Fault> {
        let Given::Variable(name) = given else {
            return None;
        };
        let Some(declared) = self.declared.iter().find(|declared| declared.name == *name) else {
            let message = format!("Variable ${name} is used by {} but not declared", self.operation);
            return Some(Fault::coded("variableNotDefined", message, at, &[("variableName", name)]));
        };
        self.used.insert(name.clone());
        let is_same = declared.of.trim_end_matches('!') == of.trim_end_matches('!');
        let is_there = declared.of.ends_with('!') || declared.default.is_some();
        if is_same && (is_there || !of.ends_with('!')) {
            return None;
        }
        let message =
            format!("Type mismatch on variable ${name} and argument {argument} ({} / {of})", declared.of);
        let more = [("variableName", name.as_str()), ("typeName", &declared.of), ("argumentName", argument)];
        Some(Fault::coded("variableMismatch", message, at, &more))
    }
}

/// Whether an argument accepts the given value.
fn takes(of: &str, given: &Given) -> bool {
    let base = of.trim_end_matches('!');
    let within = base.strip_prefix('[').and_then(|of| of.strip_suffix(']'));
    match given {
        Given::Variable(_) => true,
        Given::List(all) => within.is_some_and(|of| all.iter().all(|one| takes(of, one))),
        Given::Word(word) => schema::values(within.unwrap_or(base).trim_end_matches('!'))
            .is_some_and(|values| values.contains(&word.as_str())),
        Given::Value(value) => {
            let of = within.unwrap_or(of);
            schema::values(of.trim_end_matches('!')).is_none() && problem(of, value).is_none()
        }
    }
}

/// Merges fields with the same name in the answer; they have to ask for the same.
fn merge(fields: &mut Vec<Field>, path: &[String], faults: &mut Vec<Fault>) {
    let mut merged: Vec<Field> = Vec::with_capacity(fields.len());
    for field in fields.drain(..) {
        let Some(same) = merged.iter_mut().find(|same| same.key() == field.key()) else {
            merged.push(field);
            continue;
        };
        if same.name == field.name && same.given == field.given {
            same.fields.extend(field.fields);
            continue;
        }
        let (kind, one, other) = match same.name == field.name {
            true => ("an argument", format!("{:?}", same.given), format!("{:?}", field.given)),
            false => ("a field", same.name.clone(), field.name.clone()),
        };
        let message = format!("Field '{}' has {kind} conflict: {one} or {other}?", field.key());
        let more = [("fieldName", field.key())];
        faults.push(Fault::coded("fieldConflict", message, (field.at, path), &more));
    }
    *fields = merged;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::parse::parse;
    use super::*;

    fn errors(query: &str, variables: &Value, version: Version) -> Vec<Value> {
        let mut operation = parse(query).unwrap();
        let checked = check(&mut operation, variables.as_object().unwrap(), version);
        checked.err().unwrap_or_default().iter().map(Fault::write).collect()
    }

    fn check_error(query: &str, variables: Value, code: &str, message: &str) {
        let errors = errors(query, &variables, Version::V19);
        assert_eq!(errors.len(), 1, "{query}: {errors:?}");
        assert_eq!(errors[0]["message"], message, "{query}");
        assert_eq!(errors[0]["extensions"]["code"].as_str().unwrap_or_default(), code, "{query}");
    }

    #[test]
    fn what_gitlab_does_not_have_it_refuses_with_a_code() {
        check_error(
            r#"{ project(fullPath: "a") { sorrow } }"#,
            json!({}),
            "undefinedField",
            "Field 'sorrow' doesn't exist on type 'Project'",
        );
        check_error(
            r#"{ project(fullPath: "a") { mergeRequests { nodes { squashCommitSha } } } }"#,
            json!({}),
            "undefinedField",
            "Field 'squashCommitSha' doesn't exist on type 'MergeRequest'",
        );
        check_error(
            r#"{ project(fullPath: "a") { pipelines(order: 1) { count } } }"#,
            json!({}),
            "argumentNotAccepted",
            "Field 'pipelines' doesn't accept argument 'order'",
        );
        check_error(
            "{ project { id } }",
            json!({}),
            "missingRequiredArguments",
            "Field 'project' is missing required arguments: fullPath",
        );
        check_error(
            r#"{ project(fullPath: "a") { mergeRequests(sort: UP) { count } } }"#,
            json!({}),
            "argumentLiteralsIncompatible",
            "Argument 'sort' on Field 'mergeRequests' has an invalid value (\"UP\"). Expected type 'MergeRequestSort'.",
        );
        check_error(
            r#"{ project(fullPath: "a") { pipelines } }"#,
            json!({}),
            "selectionMismatch",
            "Field must have selections (field 'pipelines' returns PipelineConnection but has no selections. Did you mean 'pipelines { ... }'?)",
        );
        check_error(
            r#"{ project(fullPath: "a") { id } project(fullPath: "b") { id } }"#,
            json!({}),
            "fieldConflict",
            "Field 'project' has an argument conflict: [(\"fullPath\", Value(String(\"a\")))] or [(\"fullPath\", Value(String(\"b\")))]?",
        );
    }

    #[test]
    fn variables_have_the_types_of_their_arguments() {
        let query = |of: &str| {
            format!(
                "query H($path: {of}, $after: Time) {{ project(fullPath: $path) {{ pipelines(updatedAfter: $after) {{ count }} }} }}"
            )
        };
        let given = json!({"path": "a", "after": "2026-01-31T08:00:00.000Z"});
        assert_eq!(errors(&query("ID!"), &given, Version::V19), Vec::<Value>::new());
        check_error(
            &query("String!"),
            given,
            "variableMismatch",
            "Type mismatch on variable $path and argument fullPath (String! / ID!)",
        );
        check_error(
            &query("ID!"),
            json!({"path": "a", "after": "soon"}),
            "",
            "Variable $after of type Time was provided invalid value",
        );
        check_error(&query("ID!"), json!({}), "", "Variable $path of type ID! was provided invalid value");
        check_error(
            "query($x: Int) { queryComplexity { score } }",
            json!({}),
            "variableNotUsed",
            "Variable $x is declared by query but not used",
        );
    }

    #[test]
    fn an_error_says_where_it_is() {
        let errors = errors("{\n  project(fullPath: \"a\") { b: sorrow }\n}", &json!({}), Version::V19);
        assert_eq!(errors[0]["locations"], json!([{"line": 2, "column": 28}]));
        assert_eq!(errors[0]["path"], json!(["query", "project", "b"]));
        assert_eq!(errors[0]["extensions"]["fieldName"], "sorrow");
    }

    #[test]
    fn fields_that_came_later_are_refused_by_older_versions() {
        let query = r#"{ project(fullPath: "a") { pipelines { nodes { mergeRequest { iid } } } } }"#;
        assert_eq!(errors(query, &json!({}), Version::V16).len(), 1);
        assert_eq!(errors(query, &json!({}), Version::V18), Vec::<Value>::new());
        let query =
            r#"{ project(fullPath: "a") { mergeRequests { nodes { notes { nodes { confidential } } } } } }"#;
        assert_eq!(errors(query, &json!({}), Version::V18), Vec::<Value>::new());
        assert_eq!(errors(query, &json!({}), Version::V19).len(), 1);
    }

    #[test]
    fn the_same_field_twice_is_one() {
        let mut operation =
            parse(r#"{ project(fullPath: "a") { id } project(fullPath: "a") { name id } }"#).unwrap();
        check(&mut operation, &Map::new(), Version::V19).unwrap();
        assert_eq!(operation.fields.len(), 1);
        assert_eq!(operation.fields[0].fields.len(), 2);
    }
}
