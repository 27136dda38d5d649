//! `sigmavault plan`: plans and requests as JSON.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sigmavault_facts::show::Style;
use sigmavault_plan::{Digest, DigestError, digest};
use sigmavault_types::storage::{Plan, Planned, Request};

use super::access::open;
use super::options::Look;
use super::page::Page;
use super::plan_sheet;
use super::reading::world;
use super::steps::Names;

/// Bytes of a plan or request at most.
const LARGEST: u64 = 64 << 20;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    look: Look,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a plan, and verify its digest
    #[command(
        after_help = "Examples:\n  sigmavault pool create tank sda sdb --dry-run --json > plan.json\n  sigmavault plan show plan.json"
    )]
    Show {
        /// A plan as JSON, with or without its digest; - for standard input
        file: PathBuf,
    },
    /// Make a plan of a request, and carry nothing out
    #[command(
        after_help = "Examples:\n  echo '{\"operation\": \"snapshot-create\", \"dataset\": \"tank\", \"tag\": \"now\"}' | sigmavault plan \
                      make -"
    )]
    Make {
        /// A request as JSON; - for standard input
        file: PathBuf,
    },
}

/// Why a plan cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no {what}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        source: serde_json::Error,
    },
    /// The plan has no digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The plan is not the one of the digest.
    #[error("do not trust this plan: its digest is {is}, and it says {said}")]
    OtherDigest {
        /// The digest that it has.
        is: Digest,
        /// The digest that it says.
        said: String,
    },
}

/// Carries out a command; what it prints.
pub fn run(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let as_json = arguments.look.json;
    match &arguments.action {
        Action::Show { file } => {
            let planned = verified(file)?;
            let names = Names::of_plan(&planned.plan);
            let sheet = plan_sheet::show(&planned, &names, Style::of_stdout());
            Page::new(&planned, sheet)?.bytes(as_json)
        }
        Action::Make { file } => {
            let request: Request = json(file, "request", &read(file)?)?;
            let mut storage = open(arguments.look.simulate.as_deref())?;
            let world = world(storage.as_mut())?;
            let planned = storage.plan(&request)?;
            let names = Names::of_plan(&planned.plan).with(&world);
            let sheet = plan_sheet::show(&planned, &names, Style::of_stdout());
            Page::new(&planned, sheet)?.bytes(as_json)
        }
    }
}

/// The plan in a file, with the digest that it has.
fn verified(file: &Path) -> Result<Planned, PlanError> {
    let bytes = read(file)?;
    let value: serde_json::Value = json(file, "plan", &bytes)?;
    if value.get("digest").is_none() {
        let plan: Plan = json(file, "plan", &bytes)?;
        let digest = digest(&plan)?.to_string();
        return Ok(Planned { digest, plan });
    }
    let planned: Planned = json(file, "plan", &bytes)?;
    let is = digest(&planned.plan)?;
    if is.to_string() != planned.digest {
        let said = planned.digest;
        return Err(PlanError::OtherDigest { is, said });
    }
    Ok(planned)
}

fn json<T: serde::de::DeserializeOwned>(
    file: &Path,
    what: &'static str,
    bytes: &[u8],
) -> Result<T, PlanError> {
    serde_json::from_slice(bytes).map_err(|source| PlanError::Json {
        path: file.to_owned(),
        what,
        source,
    })
}

fn read(file: &Path) -> Result<Vec<u8>, PlanError> {
    let source: io::Result<Box<dyn Read>> = if file == Path::new("-") {
        Ok(Box::new(io::stdin()))
    } else {
        File::open(file).map(|file| Box::new(file) as Box<dyn Read>)
    };
    let mut bytes = Vec::new();
    source
        .and_then(|source| source.take(LARGEST).read_to_end(&mut bytes))
        .map_err(|source| PlanError::File {
            path: file.to_owned(),
            source,
        })?;
    Ok(bytes)
}
