//! `profiles new`: a profile that its author only has to fill in.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use super::error::{NewError, ProfileError};
use super::grammar::Kind;
use super::json_schema;
use super::library::Library;
use super::options::NewArgs;
use super::resolved::Profile;
use super::schema::{Inherit, KEYS, Key, Shape};
use super::values::{BootFirmware, Desktop};
use crate::invocation;

/// The base of a profile whose author names none.
const BASE: &str = "common";
/// MiB of an ISO whose author and base name none: what a headless image with every driver has, and some room.
const ISO_MIB: u64 = 600;

/// Asks for what the command line does not say.
pub struct Asker<'a> {
    /// Nothing when nobody is there to answer.
    answers: Option<Box<dyn BufRead + 'a>>,
    questions: Box<dyn Write + 'a>,
}

impl std::fmt::Debug for Asker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

/// One thing that a profile needs to know.
struct Question<'a> {
    what: &'static str,
    flag: &'static str,
    given: Option<&'a str>,
    default: Option<&'a str>,
    kind: Kind,
    /// Whether several words, or none, are an answer.
    shape: Shape,
}

impl<'a> Asker<'a> {
    /// Asks on `questions` and reads `answers`; without answers, only defaults are taken.
    pub fn new(answers: Option<Box<dyn BufRead + 'a>>, questions: impl Write + 'a) -> Self {
        Self {
            answers,
            questions: Box::new(questions),
        }
    }

    /// The answer to a question for one value.
    fn one(&mut self, question: &Question) -> Result<String, ProfileError> {
        Ok(self.ask(question)?.concat())
    }

    /// The answer without mistakes: as given, else as typed, else the default.
    fn ask(&mut self, question: &Question) -> Result<Vec<String>, ProfileError> {
        if let Some(given) = question.given {
            return question.check(given).map_err(|objection| {
                let (flag, value) = (question.flag, given.to_owned());
                NewError::BadValue {
                    flag,
                    value,
                    objection,
                }
                .into()
            });
        }
        let Some(answers) = &mut self.answers else {
            return question.by_default();
        };
        loop {
            let default = question.default.unwrap_or_default();
            let shown = if default.is_empty() {
                String::new()
            } else {
                format!(" [{default}]")
            };
            write!(self.questions, "{}{shown}: ", question.what)?;
            self.questions.flush()?;
            let mut line = String::new();
            if answers.read_line(&mut line)? == 0 {
                return question.by_default();
            }
            let typed = line.trim();
            let typed = if typed.is_empty() { default } else { typed };
            match question.check(typed) {
                Ok(values) => return Ok(values),
                Err(objection) => writeln!(self.questions, "{objection}")?,
            }
        }
    }
}

impl<'a> Question<'a> {
    /// One for one value.
    fn one(
        what: &'static str,
        flag: &'static str,
        given: Option<&'a str>,
        default: Option<&'a str>,
        kind: Kind,
    ) -> Self {
        Self {
            what,
            flag,
            given,
            default,
            kind,
            shape: Shape::One,
        }
    }

    /// One for several values.
    fn many(self) -> Self {
        Self {
            shape: Shape::Many,
            ..self
        }
    }

    /// The values in a text, or what is wrong with it.
    fn check(&self, text: &str) -> Result<Vec<String>, String> {
        let values: Vec<String> = match self.shape {
            Shape::One | Shape::OneOrMany => vec![text.to_owned()],
            Shape::Many => {
                let words = text.split([',', ' ']).filter(|word| !word.is_empty());
                words.map(str::to_owned).collect()
            }
        };
        for value in &values {
            let objection = match self.kind {
                Kind::Number if value.parse::<u32>().is_ok_and(|number| number > 0) => None,
                Kind::Number => Some("use a whole number above zero".to_owned()),
                kind => kind.objection(value),
            };
            if let Some(objection) = objection {
                return Err(objection);
            }
        }
        Ok(values)
    }

    fn by_default(&self) -> Result<Vec<String>, ProfileError> {
        let (what, flag) = (self.what, self.flag);
        let default = self.default.ok_or(NewError::NotGiven { what, flag })?;
        self.check(default)
            .map_err(|_| NewError::NotGiven { what, flag }.into())
    }
}

/// Writes a profile into a folder and returns its path. Nothing is overwritten, and nothing is written that has mistakes.
pub fn write(
    args: &NewArgs,
    mut library: Library,
    folder: &Path,
    asker: &mut Asker,
) -> Result<PathBuf, ProfileError> {
    let given = args.name.as_deref();
    let name = asker.one(&Question::one("Name", "NAME", given, None, Kind::Profile))?;
    let path = folder.join(format!("{name}.toml"));
    // Refused before the other questions are asked.
    library.add(path.clone(), "")?;
    let given = args.extends.as_deref();
    let base = asker.one(&Question::one(
        "Base",
        "--extends",
        given,
        Some(BASE),
        Kind::Profile,
    ))?;
    let parent = library.resolve(&base)?.profile;
    let given = args.description.as_deref();
    let description = asker.ask(&Question::one(
        "Description",
        "--description",
        given,
        None,
        Kind::Text,
    ))?;

    let (given, default) = (args.desktop.map(Desktop::name), parent.system.desktop.name());
    let kind = Kind::Choice(Desktop::NAMES);
    let desktop = asker.ask(&Question::one("Desktop", "--desktop", given, Some(default), kind))?;

    let names = |kinds: &[BootFirmware]| {
        kinds
            .iter()
            .map(|kind| kind.name().to_owned())
            .collect::<Vec<_>>()
    };
    let (given, default) = (words(&names(&args.boot)), names(&parent.boot.firmware).join(" "));
    let (what, kind) = ("Firmware that starts it", Kind::Choice(BootFirmware::NAMES));
    let boot = asker.ask(&Question::one(what, "--boot", given.as_deref(), Some(&default), kind).many())?;

    let (given, what) = (words(&args.firmware), "Packages with firmware of devices");
    let question = Question::one(what, "--firmware", given.as_deref(), Some(""), Kind::Package);
    let firmware = asker.ask(&question.many())?;

    let (given, what) = (words(&args.device), "Devices, like pci:8086:1533");
    let question = Question::one(what, "--device", given.as_deref(), Some(""), Kind::HardwareId);
    let devices = asker.ask(&question.many())?;

    let given = args.iso_mib.map(|number| number.to_string());
    let default = parent.budget.iso_mib.unwrap_or(ISO_MIB).to_string();
    let (what, flag) = ("Largest ISO in MiB", "--iso-mib");
    let question = Question::one(what, flag, given.as_deref(), Some(&default), Kind::Number);
    let iso_mib = asker.ask(&question)?;

    let text = text(
        &parent,
        &[
            ("", "description", description),
            ("", "extends", vec![base]),
            ("system", "desktop", desktop),
            ("boot", "firmware", boot),
            ("firmware", "packages", firmware),
            ("hardware", "ids", devices),
            ("budget", "iso-mib", iso_mib),
        ],
    )?;
    library.replace(&path, &text);
    library.resolve(&name)?;
    save(folder, &path, &text)?;
    Ok(path)
}

/// A profile's file: every key with what it is for, those answered with their value, the others as a comment with the parent's.
fn text(parent: &Profile, answers: &[(&str, &str, Vec<String>)]) -> Result<String, ProfileError> {
    let inherited = toml::Table::try_from(parent)?;
    let mut text = format!("{}\n", json_schema::DIRECTIVE);
    let mut section = "";
    for key in KEYS {
        let answer = answers
            .iter()
            .find(|(section, name, _)| (*section, *name) == (key.section, key.name))
            .map(|(_, _, values)| values.as_slice());
        if key.section != section {
            section = key.section;
            let _ = writeln!(text, "\n[{section}]");
        }
        let _ = writeln!(text, "# {}", key.about);
        let parents = if key.section.is_empty() {
            inherited.get(key.name)
        } else {
            inherited
                .get(key.section)
                .and_then(|section| section.get(key.name))
        };
        let answer = answer
            .filter(|values| !values.is_empty())
            .map(|values| value(key, values));
        let _ = match (answer, parents) {
            // What the parent has anyway need not be said, but for a description.
            (Some(answer), parents) if key.inherit == Inherit::Own || parents != Some(&answer) => {
                writeln!(text, "{} = {answer}", key.name)
            }
            // Of the keys that are not inherited, the one without an answer.
            _ if key.inherit == Inherit::Own => writeln!(text, "# {} = true", key.name),
            (_, Some(parents)) if key.shape == Shape::One || key.inherit == Inherit::Replace => {
                writeln!(text, "# {} = {parents}", key.name)
            }
            _ if key.shape == Shape::Many => writeln!(text, "# {} = []", key.name),
            _ => writeln!(text, "# {} =", key.name),
        };
    }
    Ok(text)
}

/// Several values of an option as one text.
fn words(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(" "))
}

fn value(key: &Key, texts: &[String]) -> toml::Value {
    let mut values = texts.iter().map(|text| key.kind.value(text));
    match key.shape {
        Shape::Many => toml::Value::Array(values.collect()),
        Shape::One | Shape::OneOrMany => values.next().unwrap_or(toml::Value::Boolean(false)),
    }
}

/// Writes the file, which must be new, and the schema that its first line names where there is none.
fn save(folder: &Path, path: &Path, text: &str) -> Result<(), ProfileError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| NewError::Write { path, source }
    };
    let mut file = fs::File::create_new(path).map_err(failed(path))?;
    file.write_all(text.as_bytes()).map_err(failed(path))?;
    let schema = folder.join(json_schema::FILE);
    if !schema.exists() {
        fs::write(&schema, json_schema::text()?).map_err(failed(&schema))?;
    }
    Ok(())
}

/// What to do with a new profile, as commands to paste.
pub fn next_steps(path: &Path, folder: Option<&Path>) -> String {
    let program = invocation::name();
    let others = folder
        .map(|folder| format!(" --profiles {}", invocation::quoted(folder)))
        .unwrap_or_default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    format!(
        "wrote {}\nsay more in it, then check it: {program} profiles check {name}{others}\nbuild it: {program} build --profile {name}{others}\n",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(folder: &Path) -> Library {
        let common = "description = \"Base\"\nabstract = true\narch = [\"amd64\"]\n[kernel]\nsource = \"stable\"\n\
                      command-line = [\"quiet\"]\n[system]\ndesktop = \"none\"\nhostname = \"nas\"\n[boot]\nmedia = [\"usb\"]\n\
                      firmware = [\"uefi\", \"bios\"]\n[model]\nmin-tier = \"draft-350m\"\nmax-tier = \"bitnet-7b\"\n";
        let texts = [(folder.join("common.toml"), common.to_owned())];
        Library::from_texts(&[folder.to_owned()], texts).unwrap()
    }

    fn made(args: &NewArgs, typed: Option<&'static str>) -> (Result<String, String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut questions = Vec::new();
        let answers = typed.map(|typed| Box::new(typed.as_bytes()) as Box<dyn BufRead>);
        let written = write(
            args,
            library(folder.path()),
            folder.path(),
            &mut Asker::new(answers, &mut questions),
        );
        let text = match written {
            Ok(path) => {
                let text = fs::read_to_string(&path).unwrap();
                // What was written resolves by itself, and its editor finds the schema.
                let mut again = library(folder.path());
                again.add(path.clone(), &text).unwrap();
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                assert_eq!(again.check(Some(&name)).unwrap(), []);
                assert!(folder.path().join(json_schema::FILE).exists());
                Ok(text)
            }
            Err(error) => Err(error.to_string()),
        };
        (text, String::from_utf8(questions).unwrap())
    }

    /// Lines that set something.
    fn set(text: &str) -> Vec<&str> {
        text.lines()
            .filter(|line| !line.starts_with('#') && line.contains('='))
            .collect()
    }

    #[test]
    fn options_are_enough_without_a_terminal() {
        let args = NewArgs {
            name: Some("backup".into()),
            description: Some("Keeps \"copies\"".into()),
            boot: vec![BootFirmware::Uefi],
            firmware: vec!["firmware-realtek".into()],
            device: vec!["pci:10ec:8168".into(), "pci:*:*:010802".into()],
            ..NewArgs::default()
        };
        let (text, questions) = made(&args, None);
        let text = text.unwrap();
        assert_eq!(questions, "");
        assert_eq!(
            set(&text),
            [
                "description = 'Keeps \"copies\"'",
                "extends = \"common\"",
                "packages = [\"firmware-realtek\"]",
                "ids = [\"pci:10ec:8168\", \"pci:*:*:010802\"]",
                "firmware = [\"uefi\"]",
                "iso-mib = 600",
            ]
        );
        for line in [
            "#:schema ./profile.schema.json",
            "# Desktop of the live session.",
            "# desktop = \"none\"",
            "# command-line = []",
            "# abstract = true",
            "# max-tier = \"bitnet-7b\"",
            "# memory =",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn on_a_terminal_mistakes_are_asked_again() {
        let typed = "My NAS\nmy-nas\n\nFor me\nkde\ngnome\n\nfirmware-realtek, firmware-iwlwifi\n\n0\n900\n";
        let (text, questions) = made(&NewArgs::default(), Some(typed));
        assert_eq!(
            set(&text.unwrap()),
            [
                "description = \"For me\"",
                "extends = \"common\"",
                "desktop = \"gnome\"",
                "packages = [\"firmware-realtek\", \"firmware-iwlwifi\"]",
                "iso-mib = 900",
            ]
        );
        assert_eq!(
            questions,
            "Name: use a profile's name: a-z, 0-9 and '-'\nName: Base [common]: Description: Desktop [none]: \
             use one of none, gnome\nDesktop [none]: Firmware that starts it [uefi bios]: \
             Packages with firmware of devices: Devices, like pci:8086:1533: Largest ISO in MiB [600]: \
             use a whole number above zero\nLargest ISO in MiB [600]: "
        );
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_the_next_step() {
        let args = |name: &str, extends: &str, description: &str| NewArgs {
            name: Some(name.into()).filter(|name: &String| !name.is_empty()),
            extends: Some(extends.into()),
            description: Some(description.into()).filter(|text: &String| !text.is_empty()),
            ..NewArgs::default()
        };
        for (args, expected) in [
            (
                args("", "common", "x"),
                "Name is not given; name it with NAME, or run this on a terminal to be asked",
            ),
            (
                args("x", "common", ""),
                "Description is not given; name it with --description, or run this on a terminal to be asked",
            ),
            (
                args("My NAS", "common", "x"),
                "NAME My NAS: use a profile's name: a-z, 0-9 and '-'",
            ),
            (
                args("common", "common", "x"),
                "two profiles are called `common`: ",
            ),
            (args("x", "comon", "x"), "there is no profile `comon` in "),
        ] {
            let (refused, _) = made(&args, None);
            let refused = refused.unwrap_err();
            assert!(refused.starts_with(expected), "{refused}");
        }
    }

    #[test]
    fn a_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        // Written after the library was read.
        fs::write(folder.path().join("x.toml"), "mine").unwrap();
        let args = NewArgs {
            name: Some("x".into()),
            description: Some("x".into()),
            ..NewArgs::default()
        };
        let mut asker = Asker::new(None, std::io::sink());
        let refused = write(&args, library(folder.path()), folder.path(), &mut asker).unwrap_err();
        assert!(refused.to_string().starts_with("cannot write "), "{refused}");
        assert_eq!(fs::read_to_string(folder.path().join("x.toml")).unwrap(), "mine");
    }
}
