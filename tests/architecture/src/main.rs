//! Prints what `docs/architecture.md` demands and how the tree stands: circles of files in each crate, places that start external
//! programs, dependencies that the picture lacks or draws in vain. Exits with 1 when something does not hold.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use sigmavault_architecture::{circles, crates, modules, names, programs};

fn main() -> anyhow::Result<ExitCode> {
    let top = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let top = top
        .canonicalize()
        .with_context(|| format!("cannot open {}", top.display()))?;
    let faults = report(&top)?;
    println!("{faults} faults");
    Ok(ExitCode::from(u8::from(faults > 0)))
}

fn report(top: &Path) -> anyhow::Result<usize> {
    let all = crates::read(top)?;
    let mut faults = 0;
    for krate in &all {
        let (mut found, mut outside) = (Vec::new(), Vec::new());
        for root in &krate.roots {
            let tree = modules::read(root)?;
            found.extend(circles::circles(&names::uses(&tree)));
            outside.extend(programs::outside(&tree, top).into_iter().map(Path::to_owned));
        }
        println!(
            "{:<20} {} circles of files, {} files that start programs outside their rooms",
            krate.name,
            found.len(),
            outside.len()
        );
        for circle in &found {
            println!("  circle:");
            for (from, to, name) in &circle.ties {
                let short = |file: &str| file.replace(&format!("{}/", top.display()), "");
                println!("    {} takes {name} from {}", short(from), short(to));
            }
        }
        for file in &outside {
            println!("  starts programs: {}", file.display());
        }
        faults += found.len() + outside.len();
    }
    let forbidden = crates::forbidden(&all);
    let file = top.join("docs/architecture.md");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let (are, drawn) = (crates::arrows(&all), crates::drawn(&text));
    for line in &forbidden {
        println!("forbidden: {line}");
    }
    for (from, to) in are.difference(&drawn) {
        println!("not drawn in docs/architecture.md: {from} --> {to}");
    }
    for (from, to) in drawn.difference(&are) {
        println!("drawn in docs/architecture.md, but there is no such dependency: {from} --> {to}");
    }
    println!("{} dependencies between crates", are.len());
    Ok(faults + forbidden.len() + are.symmetric_difference(&drawn).count())
}
