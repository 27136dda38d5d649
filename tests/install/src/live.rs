//! The installer in a live session, run by the agent: what it knows of the machine, its plans, an installation.

use std::fmt::Write as _;

use serde_json::Value;
use sigmavault_vm::Boot;

use crate::answers::Answers;
use crate::bench::{Bench, INSTALL_LIMIT};
use crate::error::Error;
use crate::installer::{self, Report};

/// The columns that the installer asks lsblk for.
const COLUMNS: &str = "NAME,PATH,TYPE,SIZE,MODEL,SERIAL,WWN,TRAN,ROTA,RO,LOG-SEC,FSTYPE,LABEL,PARTLABEL,PARTTYPENAME,\
                       PTTYPE,MOUNTPOINTS";

/// The disks that the installer sees. What it sees them by is kept beside the logs, for tests without a machine.
pub fn disks(bench: &Bench<'_>, boot: &mut Boot<'_>) -> Result<Vec<Disk>, Error> {
    const COMMAND: &str = "sigmavault-installer --print-machine | jq -c .disks";
    let devices = boot.run(&format!("lsblk --json --bytes --tree --all --output {COLUMNS}"))?;
    let known = boot.run(
        "for disk in /sys/block/*; do echo \"== ${disk##*/}\"; udevadm info --query=property $disk; done",
    )?;
    bench.keep("lsblk.json", &devices.output)?;
    bench.keep("udev.txt", &known.output)?;
    let printed = boot.run(COMMAND)?.output;
    bench.keep("disks.json", &printed)?;
    let disks: Vec<Value> = parse(COMMAND, &printed)?;
    Ok(disks.into_iter().map(Disk).collect())
}

/// A disk, as the installer describes it.
#[derive(Debug, Clone)]
pub struct Disk(Value);

impl Disk {
    /// The text of a field; empty when there is none.
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// Further devices that lead to it.
    pub fn paths(&self) -> Vec<&str> {
        texts(&self.0["paths"])
    }

    /// Its name by the plug that it is in.
    pub fn place(&self) -> &str {
        let links = texts(&self.0["links"]);
        let place = links
            .into_iter()
            .find(|link| link.starts_with("/dev/disk/by-path/"));
        place.unwrap_or_default()
    }

    /// Why it cannot be written; `null` when it can.
    pub fn in_use(&self) -> String {
        self.0["in-use"].to_string()
    }

    /// The kinds of what runs on it, in the order of stopping.
    pub fn holders(&self) -> Vec<&str> {
        let holders = self.0["holders"].as_array().into_iter().flatten();
        holders.filter_map(|holder| holder["kind"].as_str()).collect()
    }

    /// What is on it.
    pub fn contents(&self) -> String {
        self.0["contents"].to_string()
    }
}

/// What the installer would do by some answers.
#[derive(Debug, Clone)]
pub struct Plan(Value);

impl Plan {
    /// Why it does nothing.
    pub fn refusals(&self) -> String {
        texts(&self.0["refusals"]).join("\n")
    }

    /// Whether it does nothing.
    pub fn is_refused(&self) -> bool {
        self.0["plan"].is_null()
    }

    /// The device of the system disk.
    pub fn system(&self) -> &str {
        self.0["plan"]["disk"]["path"].as_str().unwrap_or_default()
    }

    /// The devices of the pool's disks.
    pub fn pool(&self) -> Vec<&str> {
        let disks = self.0["plan"]["pool"]["disks"].as_array();
        let disks = disks.into_iter().flatten();
        disks.filter_map(|disk| disk["path"].as_str()).collect()
    }

    /// What is done, in its order.
    pub fn actions(&self) -> Vec<&str> {
        texts(&self.0["actions"])
    }
}

/// The plan by these answers; nothing is written.
pub fn plan(boot: &mut Boot<'_>, answers: &Answers) -> Result<Plan, Error> {
    const COMMAND: &str = "sigmavault-installer --dry-run --json --answers";
    let said = boot.run(&with_answers(answers, COMMAND)?)?;
    Ok(Plan(parse(COMMAND, &said.output)?))
}

/// The plan by these answers, for a person.
pub fn shown_plan(boot: &mut Boot<'_>, answers: &Answers) -> Result<String, Error> {
    let said = boot.run(&with_answers(
        answers,
        "sigmavault-installer --dry-run --answers",
    )?)?;
    Ok(said.output)
}

/// Installs by these answers. What the installer prints is kept beside the logs.
pub fn install(bench: &Bench<'_>, boot: &mut Boot<'_>, answers: &Answers) -> Result<Report, Error> {
    // The agent passes on a limited amount of text.
    let command = "sigmavault-installer --answers";
    let script = with_answers(answers, command)?;
    let said = boot.run_for(&format!("{{ {script}\n}} | tail -n 100"), INSTALL_LIMIT)?;
    bench.keep("installation.txt", &said.output)?;
    let lines: Vec<String> = said.output.lines().map(str::to_owned).collect();
    match installer::find_report(&lines) {
        Some(Ok(report)) => Ok(report),
        Some(Err(report)) => Err(Error::BadReport {
            report,
            last: boot.session().last_seen(),
        }),
        None => Err(Error::NoReport { said: said.text() }),
    }
}

/// A script that gives a command a file of answers.
fn with_answers(answers: &Answers, command: &str) -> Result<String, Error> {
    let mut script = String::from("cat >/run/answers.toml <<'END'\n");
    script.push_str(&answers.text()?);
    let _ = write!(script, "\nEND\n{command} /run/answers.toml 2>&1");
    Ok(script)
}

fn parse<T: serde::de::DeserializeOwned>(command: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::NotJson {
        command,
        text: text.to_owned(),
        source,
    })
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn disks_and_plans() {
        let disk = Disk(json!({
            "serial": "SV-1", "paths": ["/dev/sdb"], "contents": {"foreign": "an array"},
            "links": ["/dev/disk/by-id/a", "/dev/disk/by-path/pci-1"],
        }));
        assert_eq!((disk.text("serial"), disk.text("model")), ("SV-1", ""));
        assert_eq!(
            (disk.paths(), disk.place()),
            (vec!["/dev/sdb"], "/dev/disk/by-path/pci-1")
        );
        assert_eq!(disk.contents(), r#"{"foreign":"an array"}"#);
        let refused = Plan(json!({"refusals": ["a", "b"], "plan": null, "actions": []}));
        assert_eq!(
            (refused.refusals().as_str(), refused.is_refused()),
            ("a\nb", true)
        );
        let plan = Plan(json!({
            "refusals": [], "actions": ["stop md127"],
            "plan": {"disk": {"path": "/dev/vda"}, "pool": {"disks": [{"path": "/dev/sda"}]}},
        }));
        assert_eq!((plan.system(), plan.pool()), ("/dev/vda", vec!["/dev/sda"]));
        assert_eq!((plan.actions(), plan.is_refused()), (vec!["stop md127"], false));
    }

    #[test]
    fn answers_reach_the_command_as_they_are() {
        let script = with_answers(&Answers::erase("SV-$1"), "cat").unwrap();
        // The shell expands nothing between quoted ends.
        assert!(
            script.starts_with("cat >/run/answers.toml <<'END'\n[system]\n"),
            "{script}"
        );
        assert!(script.contains("serial = \"SV-$1\"\n"), "{script}");
        assert!(script.ends_with("\nEND\ncat /run/answers.toml 2>&1"), "{script}");
    }
}
