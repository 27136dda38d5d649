//! The schemas of JSON-Schema-Test-Suite, draft 2020-12 and those before. Where strictness is asked for, each is either rejected, or all texts
//! generated under it are valid, and those that the suite calls invalid cannot be generated. Where it is not, those that the suite calls
//! invalid are not generated or found out afterwards, and those that it calls valid pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sigmavault_schema::{Draft, Validator};

use super::*;

/// Random texts generated under each schema.
const TEXTS: u64 = 30;

/// What came out for one folder.
#[derive(Debug, Default)]
struct Count {
    enforced: usize,
    refused: usize,
    texts: usize,
    judged: usize,
    narrower: usize,
    /// Schemas that are only refused where strict.
    checked: usize,
    /// Texts that the suite and the validator judge differently.
    differing: Vec<String>,
    reasons: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

#[test]
#[ignore = "needs the test suite of JSON Schema; ci/json-schema-suite gets it and runs this"]
fn every_schema_is_refused_or_enforced() {
    let folder = PathBuf::from(std::env::var("JSON_SCHEMA_SUITE").expect("JSON_SCHEMA_SUITE names a folder"));
    let mut wrong = Vec::new();
    for (name, draft, uri) in [
        (
            "draft2020-12",
            Draft::Of2020,
            "https://json-schema.org/draft/2020-12/schema",
        ),
        (
            "draft2019-09",
            Draft::Of2019,
            "https://json-schema.org/draft/2019-09/schema",
        ),
        ("draft7", Draft::Seven, "http://json-schema.org/draft-07/schema#"),
        ("draft6", Draft::Six, "http://json-schema.org/draft-06/schema#"),
        ("draft4", Draft::Four, "http://json-schema.org/draft-04/schema#"),
    ] {
        let count = judge(&folder.with_file_name(name), draft, uri);
        println!(
            "{name}: {} schemas enforced, {} refused where strict, {} of these checked afterwards else; {} texts written; of {} texts of the \
             suite {} are valid and not written, {} judged differently, {} wrong",
            count.enforced,
            count.refused,
            count.checked,
            count.texts,
            count.judged,
            count.narrower,
            count.differing.len(),
            count.wrong.len()
        );
        println!("refused by keyword where strict: {:?}", count.reasons);
        for differing in &count.differing {
            println!("judged differently: {differing}");
        }
        assert!(count.enforced > 70, "{name}: {}", count.enforced);
        wrong.extend(count.wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn judge(folder: &Path, draft: Draft, uri: &str) -> Count {
    let mut files: Vec<PathBuf> = [
        folder.to_owned(),
        folder.join("optional"),
        folder.join("optional/format"),
    ]
    .iter()
    .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten())
    .map(|entry| entry.unwrap().path())
    // The encoding of a text is an annotation, as in the newer drafts; up to draft 7 it may be checked.
    .filter(|path| {
        path.extension().is_some_and(|end| end == "json") && !path.ends_with("optional/content.json")
    })
    .collect();
    files.sort();
    assert!(files.len() > 30, "{} holds no test suite", folder.display());
    let mut count = Count::default();
    for file in files {
        let groups: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for group in groups {
            let name = format!(
                "{}: {}",
                file.file_stem().unwrap().display(),
                group["description"]
            );
            let mut schema = group["schema"].clone();
            if let Some(object) = schema.as_object_mut().filter(|_| draft != Draft::Of2020) {
                object.entry("$schema").or_insert_with(|| uri.into());
            }
            count.judge(&name, &schema, group["tests"].as_array().unwrap(), draft);
        }
    }
    count
}

impl Count {
    fn judge(&mut self, name: &str, schema: &Value, tests: &[Value], draft: Draft) {
        let tokenizer = toy::tokenizer();
        let constraint = match strict(schema) {
            Ok(constraint) => constraint,
            Err(error) => {
                self.refused += 1;
                // The keyword alone, so that they can be counted.
                let reason = error.to_string();
                let kind = reason
                    .split('`')
                    .nth(1)
                    .map_or_else(|| "other".to_owned(), str::to_owned);
                *self.reasons.entry(kind).or_default() += 1;
                let Ok(constraint) = Constraint::json_schema(schema, &tokenizer) else {
                    return;
                };
                self.checked += 1;
                self.check(name, schema, &constraint, tests);
                return;
            }
        };
        self.enforced += 1;
        let validator = Validator::new(schema, draft).unwrap();
        for seed in 0..TEXTS {
            let Some(text) = write(&mut constraint.fork(), seed, 600) else {
                continue;
            };
            self.texts += 1;
            let value: Option<Value> = serde_json::from_str(&text).ok();
            if value.is_none_or(|value| validator.validate(&value).is_err())
                || constraint.validate(&text).is_err()
            {
                self.wrong
                    .push(format!("{name}: {text} was written under {schema}"));
                break;
            }
        }
        for test in tests {
            let text = test["data"].to_string();
            self.judged += 1;
            match (test["valid"].as_bool().unwrap(), accepts(&constraint, &text)) {
                (false, true) => self
                    .wrong
                    .push(format!("{name}: {text} is invalid and accepted under {schema}")),
                (true, false) => self.narrower += 1,
                _ => {}
            }
        }
        self.check(name, schema, &constraint, tests);
    }

    /// Compares the validator of finished texts with the suite.
    fn check(&mut self, name: &str, schema: &Value, constraint: &Constraint, tests: &[Value]) {
        for test in tests {
            let text = test["data"].to_string();
            let valid = constraint.validate(&text).is_ok();
            if valid != test["valid"].as_bool().unwrap() {
                let verdict = if valid { "valid" } else { "invalid" };
                self.differing
                    .push(format!("{name}: {text} is {verdict} under {schema}"));
            }
        }
    }
}
