//! The page of the commands. In: docs/REPORT.md. Out: where it differs from the real output.

use super::{measured, ran};

/// Each command of docs/REPORT.md with the output beside it.
fn documented() -> Vec<(String, String)> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/REPORT.md");
    let page = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let of = |pair: &[&str]| {
        let command = pair[0].strip_prefix("sh\n")?.trim().strip_prefix("gitpulse ")?;
        Some((command.to_owned(), pair[1].strip_prefix("text\n")?.to_owned()))
    };
    blocks.windows(2).filter_map(of).collect()
}

/// Without parts that differ from day to day.
fn steady(text: &str) -> String {
    let day = |line: &str| match line.split_once("projects and groups as of ") {
        Some((before, rest)) => format!("{before}projects and groups as of ..........{}", &rest[10..]),
        None => line.to_owned(),
    };
    text.lines()
        .map(|line| day(line).trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_gives_the_output_beside_it() {
    let deployment = measured().await;
    let mut wrong = String::new();
    let documented = documented();
    assert!(documented.len() >= 4, "{documented:?}");
    for (command, expected) in documented {
        let arguments: Vec<String> = command.split_whitespace().map(|word| word.replace('\'', "")).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (_, output, log) = ran(deployment, &arguments);
        if steady(&output) != steady(&expected) {
            wrong.push_str(&format!("gitpulse {command}\n\ngives\n{output}{log}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
