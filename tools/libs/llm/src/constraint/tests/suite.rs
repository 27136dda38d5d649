//! The schemas of JSON-Schema-Test-Suite, draft 2020-12: each is either rejected, or all texts generated under it are valid, and those that
//! the suite calls invalid cannot be generated.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

/// Random texts generated under each schema.
const TEXTS: u64 = 30;

#[test]
#[ignore = "needs the test suite of JSON Schema; ci/json-schema-suite gets it and runs this"]
fn every_schema_is_refused_or_enforced() {
    let folder = PathBuf::from(std::env::var("JSON_SCHEMA_SUITE").expect("JSON_SCHEMA_SUITE names a folder"));
    let mut files: Vec<PathBuf> = [
        folder.clone(),
        folder.join("optional"),
        folder.join("optional/format"),
    ]
    .iter()
    .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten())
    .map(|entry| entry.unwrap().path())
    .filter(|path| path.extension().is_some_and(|end| end == "json"))
    .collect();
    files.sort();
    assert!(files.len() > 30, "{} holds no test suite", folder.display());
    let tokenizer = toy::tokenizer();
    let (mut enforced, mut refused, mut texts, mut judged, mut narrower) = (0, 0, 0, 0, 0);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in files {
        let groups: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for group in groups {
            let name = format!(
                "{}: {}",
                file.file_stem().unwrap().display(),
                group["description"]
            );
            let schema = &group["schema"];
            let constraint = match Constraint::json_schema(schema, &tokenizer) {
                Ok(constraint) => constraint,
                Err(error) => {
                    refused += 1;
                    // The keyword alone, so that they can be counted.
                    let reason = error.to_string();
                    let kind = reason
                        .split('`')
                        .nth(1)
                        .map_or_else(|| "other".to_owned(), str::to_owned);
                    *reasons.entry(kind).or_default() += 1;
                    continue;
                }
            };
            enforced += 1;
            let validator = super::schema::validator(schema).unwrap();
            for seed in 0..TEXTS {
                let Some(text) = write(&mut constraint.fork(), seed, 600) else {
                    continue;
                };
                texts += 1;
                let valid = serde_json::from_str(&text).is_ok_and(|value| validator.validate(&value).is_ok());
                if !valid {
                    wrong.push(format!("{name}: {text} was written under {schema}"));
                    break;
                }
            }
            for test in group["tests"].as_array().unwrap() {
                let text = test["data"].to_string();
                judged += 1;
                match (test["valid"].as_bool().unwrap(), accepts(&constraint, &text)) {
                    (false, true) => {
                        wrong.push(format!("{name}: {text} is invalid and accepted under {schema}"));
                    }
                    (true, false) => narrower += 1,
                    _ => {}
                }
            }
        }
    }
    println!(
        "{enforced} schemas enforced, {refused} refused; {texts} texts written; of {judged} texts of the suite {narrower} are valid and \
         not written, {} wrong",
        wrong.len()
    );
    println!("refused by keyword: {reasons:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(enforced > 100, "{enforced}");
}
