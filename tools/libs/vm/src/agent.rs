//! The agent: a script in the guest that takes orders, the credentials that bring it there, and its protocol.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::credential::{Credential, script_credentials};
use crate::guest::{Guest, REPORTING};

/// The agent itself.
const AGENT: &str = include_str!("agent.sh");

/// The credentials that bring the agent into a machine, installed or live.
pub fn credentials() -> Vec<Credential> {
    script_credentials(&format!("{REPORTING}{AGENT}"), "")
}

/// A script for the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Number by which its answer is recognised.
    pub number: usize,
    /// How long it may run.
    pub limit: Duration,
    /// The script, for bash.
    pub script: String,
}

impl Order {
    /// The line that is sent.
    pub fn line(&self) -> String {
        let script = STANDARD.encode(&self.script);
        format!("{} {} {script}", self.number, self.limit.as_secs())
    }

    /// The answer, once the guest has given it.
    pub fn answer(&self, guest: &Guest) -> Option<Answer> {
        let section = guest.sections.get(&self.number.to_string())?;
        let (status, took) = section.end?;
        Some(Answer {
            status,
            output: section.fact("output").unwrap_or_default().to_owned(),
            took,
        })
    }
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Exit status; 124 and 137 mean that it ran past its limit.
    pub status: u8,
    /// What it printed on both its outputs, trimmed.
    pub output: String,
    /// How long it ran.
    pub took: Duration,
}

impl Answer {
    /// What it printed, and its status when that is not 0.
    pub fn text(&self) -> String {
        match self.status {
            0 => self.output.clone(),
            status => format!("{} (status {status})", self.output).trim().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Parser;
    use proptest::prelude::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// The agent's loop over orders on its standard input, as it runs in a guest but for the port.
    fn obey(lines: &str) -> Guest {
        let opened = AGENT.replace("open_port\n", "exec 3<&0 4>&1\n");
        let split = opened
            .replace(">&3", ">&4")
            .replace("fact output", "3>&4 fact output");
        assert_ne!(split, AGENT);
        let program = format!("{REPORTING}{split}");
        let mut bash = Command::new("bash")
            .args(["-c", &program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        bash.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = bash.wait_with_output().unwrap();
        let mut guest = Guest::default();
        for event in Parser::default().feed(&output.stdout) {
            guest.note(event);
        }
        guest
    }

    fn order(number: usize, script: &str) -> Order {
        Order {
            number,
            limit: Duration::from_secs(1),
            script: script.into(),
        }
    }

    #[test]
    fn the_line_of_an_order() {
        assert_eq!(order(7, "id").line(), "7 1 aWQ=");
    }

    #[test]
    fn answers() {
        let orders = [
            order(1, "printf 'a\\n\"b\"'; exit 3"),
            order(2, "sleep 30"),
            order(3, "read -r line; echo \"<$line>\" >&2"),
        ];
        let guest = obey(&orders.each_ref().map(|order| order.line() + "\n").concat());
        let answers = orders.each_ref().map(|order| order.answer(&guest).unwrap());
        assert_eq!((answers[0].status, answers[0].output.as_str()), (3, "a\n\"b\""));
        assert_eq!(answers[0].text(), "a\n\"b\" (status 3)");
        assert_eq!(answers[1].status, 124);
        // A script does not read the orders that follow.
        assert_eq!((answers[2].status, answers[2].text().as_str()), (0, "<>"));
        assert_eq!(order(4, "").answer(&guest), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_script_arrives(text in "[ -~é☃]{0,200}") {
            let order = order(1, &format!("cat <<'END'\n{text}\nEND"));
            let answer = order.answer(&obey(&(order.line() + "\n"))).unwrap();
            prop_assert_eq!(answer.output, text.trim());
        }
    }
}
