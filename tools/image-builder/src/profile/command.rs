//! The `profiles` command.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use super::error::ProfileError;
use super::library::{FOLDER, Library};
use super::new::{self, Asker};
use super::options::{ProfilesAction, ProfilesArgs, ShowFormat};
use super::{check, json_schema, matching, show};
use crate::cli::Global;
use crate::source;

/// Runs `profiles`.
pub fn run(args: &ProfilesArgs, global: &Global) -> Result<ExitCode, ProfileError> {
    let open = || {
        let root = source::find(global.source.as_deref())?;
        let library = Library::of_source(&root, &global.profiles)?;
        Ok::<_, ProfileError>((root, library))
    };
    let mut out = std::io::stdout().lock();
    match &args.action {
        ProfilesAction::List { json } => show::list(&open()?.1, *json, &mut out),
        ProfilesAction::Show {
            name,
            format,
            json,
            toml,
        } => {
            let format = match (json, toml) {
                (true, _) => ShowFormat::Json,
                (_, true) => ShowFormat::Toml,
                _ => *format,
            };
            show::show(&open()?.1, name, format, &mut out)
        }
        ProfilesAction::Check { name, image, json } => {
            let (root, library) = open()?;
            let asked = check::Asked {
                name: name.as_deref(),
                image: image.as_deref(),
                json: *json,
            };
            check::check(&library, &asked, &root, &mut out)
        }
        ProfilesAction::Match {
            hardware,
            desktop,
            json,
        } => matching::find(&open()?.1, hardware.as_deref(), *desktop, *json, &mut out),
        ProfilesAction::New(args) => {
            let (root, library) = open()?;
            let others = global.profiles.last();
            let folder = others.cloned().unwrap_or_else(|| root.join(FOLDER));
            let stdin = std::io::stdin();
            let answers: Option<Box<dyn BufRead>> = if stdin.is_terminal() {
                Some(Box::new(stdin.lock()))
            } else {
                None
            };
            let path = new::write(
                args,
                library,
                &folder,
                &mut Asker::new(answers, std::io::stderr()),
            )?;
            out.write_all(new::next_steps(&path, others.map(AsRef::as_ref)).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        ProfilesAction::Schema => {
            out.write_all(json_schema::text()?.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
