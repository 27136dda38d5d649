//! Questions before a change.

use std::io::{self, BufRead, IsTerminal as _, Write};

use sigmavault_facts::terminal::printable;
use sigmavault_types::storage::{Plan, Risk};

use super::options::Consent;
use super::words::quoted;

/// Why a change was not approved.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// Nobody can be asked.
    #[error(
        "nothing was changed: nobody is there to ask; approve it with --yes, or look at it with --dry-run"
    )]
    NobodyThere,
    /// Nobody can be asked, and something is destroyed.
    #[error(
        "nothing was changed: this destroys data, and nobody is there to type '{}'; approve it with --confirm {}, or look at it \
         with --dry-run",
        printable(.0),
        quoted(.0)
    )]
    NobodyTypes(String),
    /// The answer was not yes.
    #[error("nothing was changed: the answer was not yes")]
    NotYes,
    /// Another name was typed.
    #[error("nothing was changed: '{}' is not '{}'", printable(.typed), printable(.name))]
    OtherName {
        /// What was typed.
        typed: String,
        /// What had to be typed.
        name: String,
    },
    /// The plan destroys and names nothing to type.
    #[error("nothing was changed: the plan destroys data and says no name to approve it with")]
    NoName,
    /// The terminal failed.
    #[error("nothing was changed: cannot ask: {0}")]
    Ask(#[from] io::Error),
}

/// Whether a person can be asked.
pub fn somebody_there(as_json: bool) -> bool {
    !as_json && io::stdin().is_terminal()
}

/// What a plan is approved with: nothing, or the name of what is destroyed. Asks where the options do not say it.
pub fn consent(
    plan: &Plan,
    options: &Consent,
    there: bool,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<String, ConsentError> {
    if plan.risk < Risk::Destroys {
        if options.yes {
            return Ok(String::new());
        }
        if !there {
            return Err(ConsentError::NobodyThere);
        }
        let typed = ask("Carry this out? Type yes to go on: ", input, output)?;
        return match typed.trim() {
            "yes" => Ok(String::new()),
            _ => Err(ConsentError::NotYes),
        };
    }
    let name = plan.confirm.clone().filter(|name| !name.is_empty());
    let name = name.ok_or(ConsentError::NoName)?;
    let typed = match &options.confirm {
        Some(typed) => typed.clone(),
        None if !there => return Err(ConsentError::NobodyTypes(name)),
        None => {
            let question = format!("This destroys data. Type {} to go on: ", printable(&name));
            ask(&question, input, output)?
        }
    };
    if typed == name {
        Ok(name)
    } else {
        Err(ConsentError::OtherName { typed, name })
    }
}

/// One line of an answer.
fn ask(question: &str, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<String> {
    write!(output, "{question}")?;
    output.flush()?;
    let mut typed = String::new();
    input.read_line(&mut typed)?;
    Ok(typed.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::{Guid, Request};

    use super::*;

    fn plan(risk: Risk, confirm: Option<&str>) -> Plan {
        Plan {
            version: 1,
            request: Request::PoolClear { pool: Guid(1) },
            risk,
            steps: Vec::new(),
            changes: Vec::new(),
            touches: Vec::new(),
            loses: Vec::new(),
            space: Vec::new(),
            warnings: Vec::new(),
            confirm: confirm.map(str::to_owned),
            at_console: false,
            made: 0,
        }
    }

    fn options(yes: bool, confirm: Option<&str>) -> Consent {
        Consent {
            dry_run: false,
            yes,
            confirm: confirm.map(str::to_owned),
        }
    }

    fn answer(plan: &Plan, options: &Consent, typed: Option<&str>) -> Result<String, String> {
        let mut said = Vec::new();
        let input = typed.unwrap_or_default();
        consent(plan, options, typed.is_some(), &mut input.as_bytes(), &mut said)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn below_r4_yes_is_enough() {
        let plan = plan(Risk::Disruptive, None);
        for (options, typed, expected) in [
            (options(true, None), None, Ok("")),
            (options(false, None), Some("yes\n"), Ok("")),
            (
                options(false, None),
                Some("y\n"),
                Err("nothing was changed: the answer was not yes"),
            ),
            (
                options(false, Some("tank")),
                None,
                Err(
                    "nothing was changed: nobody is there to ask; approve it with --yes, or look at it with --dry-run",
                ),
            ),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(answer(&plan, &options, typed), expected);
        }
    }

    #[test]
    fn what_destroys_takes_the_name_and_never_yes() {
        let plan = plan(Risk::Destroys, Some("tank/a b"));
        for (options, typed, expected) in [
            (options(false, Some("tank/a b")), None, Ok("tank/a b")),
            (options(true, None), Some("tank/a b\r\n"), Ok("tank/a b")),
            (
                options(true, None),
                Some("yes\n"),
                Err("nothing was changed: 'yes' is not 'tank/a b'"),
            ),
            (
                options(true, None),
                None,
                Err(
                    "nothing was changed: this destroys data, and nobody is there to type 'tank/a b'; \
                     approve it with --confirm 'tank/a b', or look at it with --dry-run",
                ),
            ),
            (
                options(false, Some("tank")),
                Some("tank/a b\n"),
                Err("nothing was changed: 'tank' is not 'tank/a b'"),
            ),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(answer(&plan, &options, typed), expected);
        }
    }

    #[test]
    fn a_plan_that_names_nothing_is_not_approved() {
        for confirm in [None, Some("")] {
            assert!(answer(&plan(Risk::Destroys, confirm), &options(true, Some("")), None).is_err());
        }
    }

    #[test]
    fn the_name_does_not_act_on_the_terminal() {
        let plan = plan(Risk::Destroys, Some("\u{1b}[2J"));
        let mut said = Vec::new();
        let typed = consent(&plan, &options(false, None), true, &mut &b""[..], &mut said);
        assert!(typed.is_err());
        assert_eq!(
            String::from_utf8(said).unwrap(),
            "This destroys data. Type \\u{1b}[2J to go on: "
        );
    }
}
