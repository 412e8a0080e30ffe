//! The projects of a question. In: paths and ids. Out: a condition with bound values, and a name for people. Never includes a project that was not
//! named: an unknown name is an error that lists the nearest.

use clap::Args;
use clickhouse::Client;
use clickhouse::query::Query;

use super::refused;

/// Projects and groups; together they are one scope.
#[derive(Debug, Clone, Args)]
pub(super) struct ScopeArgs {
    /// Project, by its path (shop/checkout) or its id; can be repeated
    #[arg(long, value_name = "PROJECT")]
    pub(super) project: Vec<String>,
    /// Group with its subgroups, by its path; can be repeated. Without --project and --group, everything on record
    #[arg(long, value_name = "GROUP")]
    pub(super) group: Vec<String>,
}

/// The projects of a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Instance and id of each named project.
    named: Vec<(String, u64)>,
    /// Paths of the named groups, in lower case.
    groups: Vec<String>,
    /// The given names, for people; empty for everything.
    pub(super) names: Vec<String>,
    /// Number of projects.
    pub(super) projects: u64,
}

/// Named projects, and those whose path is below a named group. Paths are current ones; GitLab ignores their case.
const PROJECTS: &str = "(instance, project_id) IN {named:Array(Tuple(String, UInt64))} \
     OR arrayExists(name -> startsWith(lower(ifNull(path, '')), concat(name, '/')), {groups:Array(String)})";

impl Scope {
    /// The condition for rows of these projects, once it is bound.
    pub(super) fn condition(&self) -> String {
        if self.is_everything() {
            return "1".to_owned();
        }
        format!("(instance, project_id) IN (SELECT instance, project_id FROM projects WHERE {PROJECTS})")
    }

    /// Binds the projects and groups of a query.
    pub(super) fn bind(&self, query: Query) -> Query {
        query.param("named", &self.named).param("groups", &self.groups)
    }

    /// Whether no project is left out.
    pub(super) fn is_everything(&self) -> bool {
        self.names.is_empty()
    }
}

/// Instance and id of one project, by its path or id.
pub(crate) async fn one_project(client: &Client, name: &str) -> anyhow::Result<(String, u64)> {
    match named(client, name).await?.as_slice() {
        [(instance, id, _)] => Ok((instance.clone(), *id)),
        [] => Err(unknown(client, "project", name).await?),
        several => {
            let of: Vec<&str> = several.iter().map(|(instance, ..)| instance.as_str()).collect();
            Err(anyhow::anyhow!(
                "several GitLab instances have a project {name}: {}; name it by an id that only one of them has",
                of.join(" and ")
            ))
        }
    }
}

/// The projects with this path or id, one per instance, each with its path, if that is known.
async fn named(client: &Client, name: &str) -> anyhow::Result<Vec<(String, u64, String)>> {
    // If a project was deleted and recreated, the path belongs to the one that exists.
    let query = "SELECT toString(instance), project_id, ifNull(path, '') FROM projects \
                 WHERE lower(path) = lower({name:String}) OR toString(project_id) = {name:String} \
                 ORDER BY deleted_at IS NULL DESC LIMIT 1 BY instance";
    client.query(query).param("name", name).fetch_all().await.map_err(refused)
}

/// Finds what was named.
pub(super) async fn resolve(client: &Client, args: &ScopeArgs) -> anyhow::Result<Scope> {
    let mut scope = Scope::default();
    for name in &args.project {
        let path = name.trim_matches('/');
        let found = named(client, path).await?;
        if found.is_empty() {
            return Err(unknown(client, "project", path).await?);
        }
        let known = found.iter().map(|(.., path)| path).find(|path| !path.is_empty());
        scope.names.push(known.map_or(path, |path| path).to_owned());
        scope.named.extend(found.into_iter().map(|(instance, id, _)| (instance, id)));
    }
    for name in &args.group {
        let path = name.trim_matches('/').to_lowercase();
        scope.groups.push(path.clone());
        if count(client, &Scope { named: Vec::new(), groups: vec![path.clone()], ..scope.clone() }).await?
            == 0
        {
            return Err(unknown(client, "group", &path).await?);
        }
        scope.names.push(format!("{path}/"));
    }
    scope.projects = count(client, &scope).await?;
    Ok(scope)
}

/// Number of projects in the scope.
async fn count(client: &Client, scope: &Scope) -> anyhow::Result<u64> {
    let condition = if scope.is_everything() && scope.groups.is_empty() { "1" } else { PROJECTS };
    let query = client.query(&format!("SELECT count() FROM projects WHERE {condition}"));
    scope.bind(query).fetch_one().await.map_err(refused)
}

/// An error for an unknown name, with the nearest ones.
async fn unknown(client: &Client, what: &str, name: &str) -> anyhow::Result<anyhow::Error> {
    if what == "project" && name.parse::<u64>().is_ok() {
        return unknown_number(client, name).await;
    }
    let paths = match what {
        "project" => "SELECT assumeNotNull(path) AS path FROM projects WHERE path IS NOT NULL",
        // Every group on the way to a project.
        _ => {
            "SELECT DISTINCT arrayJoin(arrayMap(length -> arrayStringConcat(arraySlice(splitByChar('/', assumeNotNull(path)), 1, length), '/'), \
              range(1, length(splitByChar('/', assumeNotNull(path)))))) AS path FROM projects WHERE path IS NOT NULL"
        }
    };
    let query = format!(
        "SELECT path FROM ({paths}) \
         ORDER BY endsWith(lower(path), concat('/', lower({{name:String}}))) DESC, editDistanceUTF8(lower(path), lower({{name:String}})), path LIMIT 3"
    );
    let near: Vec<String> = client.query(&query).param("name", name).fetch_all().await.map_err(refused)?;
    Ok(if near.is_empty() {
        anyhow::anyhow!(
            "there is no {what} {name:?}, nor any other yet: projects appear with their first webhook, or with `gitpulse backfill`"
        )
    } else {
        anyhow::anyhow!("there is no {what} {name:?} on record; the nearest: {}", near.join(", "))
    })
}

/// An error for an unknown project id, with ids that exist.
async fn unknown_number(client: &Client, number: &str) -> anyhow::Result<anyhow::Error> {
    let query = "SELECT concat(toString(project_id), ' (', ifNull(path, 'no path yet'), ')') FROM projects ORDER BY project_id LIMIT 3";
    let known: Vec<String> = client.query(query).fetch_all().await.map_err(refused)?;
    Ok(anyhow::anyhow!(
        "there is no project {number} on record; numbers are those of GitLab's API, such as {}; or name it by its path",
        if known.is_empty() { "none yet".to_owned() } else { known.join(", ") }
    ))
}
