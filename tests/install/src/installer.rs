//! What the installer prints on the serial console.

use std::fmt;

use serde::Deserialize;

/// What precedes the report on its line.
const MARK: &str = "sigmavault-installer-report: ";

/// How an installation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The system is on the disk.
    Installed,
    /// Nothing was written: these answers have installed the disk already.
    AlreadyInstalled,
    /// Nothing was written.
    Refused,
    /// Something went wrong on the way.
    Failed,
    /// A person stopped it.
    Stopped,
}

/// The last line of an unattended installation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// How it ended.
    pub result: Verdict,
    /// Device of the system disk.
    #[serde(default)]
    pub disk: Option<String>,
    /// Its serial number.
    #[serde(default)]
    pub serial: Option<String>,
    /// Version that was installed.
    #[serde(default)]
    pub version: Option<String>,
    /// Root hash that was installed.
    #[serde(default)]
    pub root_hash: Option<String>,
    /// How long it took.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Where the key that opens an encrypted state partition is kept.
    #[serde(default)]
    pub recovery_key_kept: Option<String>,
    /// Why nothing was written.
    #[serde(default)]
    pub refusals: Vec<String>,
    /// What went wrong.
    #[serde(default)]
    pub error: Option<String>,
}

impl Report {
    /// The refusals and the error as one text.
    pub fn reasons(&self) -> String {
        let texts: Vec<&str> = self
            .refusals
            .iter()
            .chain(&self.error)
            .map(String::as_str)
            .collect();
        texts.join("; ")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.result)?;
        let reasons = self.reasons();
        if !reasons.is_empty() {
            write!(f, ": {reasons}")?;
        }
        Ok(())
    }
}

/// A text in the report's place that is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadReport {
    /// Why, when there is any text.
    pub error: Option<String>,
    /// The text.
    pub text: String,
}

impl fmt::Display for BadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{error}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// The last report among lines of the serial console, when there is one.
pub fn find_report(lines: &[String]) -> Option<Result<Report, BadReport>> {
    let text = lines.iter().rev().find_map(|line| line.split_once(MARK))?.1;
    // The kernel may have written on the same line.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Report>();
    Some(match values.next() {
        Some(Ok(report)) => Ok(report),
        Some(Err(error)) => without_one(text).ok_or_else(|| BadReport {
            error: Some(error.to_string()),
            text: text.to_owned(),
        }),
        None => Err(BadReport {
            error: None,
            text: text.to_owned(),
        }),
    })
}

/// The report when one character of it is doubled, as happens on the emulated serial port when the kernel writes there
/// at the same time.
fn without_one(text: &str) -> Option<Report> {
    let twice = text.char_indices().zip(text.chars().skip(1));
    twice
        .filter(|((_, one), next)| one == next)
        .find_map(|((at, one), _)| {
            let single = [&text[..at], &text[at + one.len_utf8()..]].concat();
            serde_json::from_str(&single).ok()
        })
}

/// The installer's names for the steps that read or write whole slots.
const STEPS: [&str; 4] = [
    "Copy the system to slot A",
    "Read slot A back",
    "Copy the system to slot B",
    "Read slot B back",
];

/// Seconds of the long steps, from the lines that report their end: `Read slot A back: done in 3.5 s: matches`.
pub fn step_seconds(lines: &[String]) -> Vec<(String, f64)> {
    STEPS
        .iter()
        .filter_map(|step| {
            let seconds = lines.iter().rev().find_map(|line| {
                let rest = line.split_once(step)?.1.strip_prefix(": done in ")?;
                rest.split_once(" s")?.0.parse().ok()
            })?;
            Some(((*step).to_owned(), seconds))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reports() {
        let lines = [
            "sigmavault-installer: Copy the system to slot A",
            r#"[ 9.1] run[7]: sigmavault-installer-report: {"result":"installed","disk":"/dev/vda","serial":"SV-1","version":"0.1.0","root-hash":"ab","seconds":41.5,"refusals":[],"error":null}"#,
            "login:",
        ]
        .map(str::to_owned);
        let report = find_report(&lines).unwrap().unwrap();
        assert_eq!((report.result, report.seconds), (Verdict::Installed, Some(41.5)));
        assert_eq!(report.root_hash.as_deref(), Some("ab"));
        assert_eq!(report.to_string(), "Installed");
        assert_eq!(find_report(&lines[..1]), None);
    }

    #[test]
    fn a_character_that_came_twice() {
        let line = format!("{MARK}{{\"result\":\"installed\",\"refusals\":[],\"\"error\":null}}");
        let report = find_report(&[line]).unwrap().unwrap();
        assert_eq!(report.result, Verdict::Installed);
        let line = format!("{MARK}{{\"result\":\"installed\",\"\"\"error\":null}}");
        assert!(find_report(&[line]).unwrap().is_err());
    }

    #[test]
    fn reasons() {
        let line = format!("{MARK}{{\"result\":\"failed\",\"refusals\":[\"a\",\"b\"],\"error\":\"c\"}}");
        let report = find_report(&[line]).unwrap().unwrap();
        assert_eq!(report.to_string(), "Failed: a; b; c");
    }

    #[test]
    fn what_is_no_report() {
        let line = format!("{MARK}{{\"result\":\"perhaps\"}}");
        let bad = find_report(&[line]).unwrap().unwrap_err();
        assert!(bad.to_string().contains("perhaps"), "{bad}");
        let empty = BadReport {
            error: None,
            text: String::new(),
        };
        assert_eq!(find_report(&[MARK.to_owned()]).unwrap(), Err(empty));
    }

    #[test]
    fn seconds_of_steps() {
        let lines = [
            "Copy the system to slot A: 280 MB ...",
            "Copy the system to slot A: 100 MB of 280 MB, 20 MB/s, 9 s left",
            "[ 71.4] installer[9]: Copy the system to slot A: done in 11.3 s",
            "Read slot A back: done in 3.5 s: root hash matches",
        ]
        .map(str::to_owned);
        assert_eq!(
            step_seconds(&lines),
            [
                ("Copy the system to slot A".to_owned(), 11.3),
                ("Read slot A back".to_owned(), 3.5)
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_report_or_none(text in ".{0,80}") {
            let lines = [format!("{MARK}{text}"), format!("{} {text}", STEPS[0])];
            let _ = (find_report(&lines), step_seconds(&lines));
        }
    }
}
