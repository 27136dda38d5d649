//! Packing files of ours as a .deb, so that dpkg owns every file of the image.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::tools::Tools;
use crate::pipeline::context::Context;
use crate::pipeline::error::Problem;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;
use crate::pipeline::store::remove;

/// A package to be packed.
#[derive(Debug)]
pub struct DebSource {
    /// Package name.
    pub name: String,
    /// Debian version.
    pub version: String,
    /// Debian architecture, or `all`.
    pub arch: String,
    /// Further control fields.
    pub fields: Vec<(&'static str, String)>,
    /// Source path, path in the package without a leading slash, mode.
    pub files: Vec<(PathBuf, String, u32)>,
}

/// Writes `NAME_VERSION_ARCH.deb` to `folder`.
pub fn pack(
    context: &Context,
    tools: &Tools,
    runner: &Runner,
    source: &DebSource,
    folder: &Path,
) -> Result<PathBuf, Problem> {
    runner.bar().message(&format!("packing {}", source.name));
    let tree = folder.join(format!("{}.tree", source.name));
    remove(&tree)?;
    let control = tree.join("DEBIAN");
    fs::create_dir_all(&control).map_err(Problem::io("make the folder", &control))?;
    for (from, to, mode) in &source.files {
        install(from, &tree.join(to), *mode)?;
    }
    let write = |name: &str, text: &str| {
        let path = control.join(name);
        fs::write(&path, text).map_err(Problem::io("write", &path))
    };
    write("control", &control_text(source))?;
    let mut conffiles = source
        .files
        .iter()
        .map(|(_, to, _)| to)
        .filter(|to| to.starts_with("etc/"))
        .collect::<Vec<_>>();
    conffiles.sort();
    if !conffiles.is_empty() {
        write(
            "conffiles",
            &conffiles
                .into_iter()
                .map(|path| format!("/{path}\n"))
                .collect::<String>(),
        )?;
    }
    let name = format!("{}_{}_{}.deb", source.name, source.version, source.arch);
    let sandbox = context.sandbox(&tools.root).give(folder, inside::WORK);
    let (from, to) = (format!("/work/{}.tree", source.name), format!("/work/{name}"));
    // Names and modes only: a checkout's umask must not reach the image.
    let script = format!(
        "find {from} -type d -exec chmod 755 {{}} +; dpkg-deb --root-owner-group -Zzstd -z1 --build {from} {to}"
    );
    runner.run(&mut sandbox.script(&script))?;
    remove(&tree)?;
    Ok(folder.join(name))
}

fn install(from: &Path, to: &Path, mode: u32) -> Result<(), Problem> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(Problem::io("make the folder", parent))?;
    }
    let about = from.symlink_metadata().map_err(Problem::io("read", from))?;
    if about.is_symlink() {
        let target = from.read_link().map_err(Problem::io("read the link", from))?;
        return std::os::unix::fs::symlink(target, to).map_err(Problem::io("link", to));
    }
    fs::copy(from, to).map_err(Problem::io("copy", from))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).map_err(Problem::io("set the mode of", to))
}

fn control_text(source: &DebSource) -> String {
    let mut text = format!(
        "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: SigmaVault NAS OS authors <root@localhost>\nPriority: optional\n",
        source.name, source.version, source.arch
    );
    for (name, value) in &source.fields {
        let _ = writeln!(text, "{name}: {}", value.trim_end().replace('\n', "\n "));
    }
    text
}

/// Every file of an overlay folder, as files of a package.
pub fn overlay_files(folder: &Path) -> Result<Vec<(PathBuf, String, u32)>, Problem> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<(PathBuf, String, u32)>) -> Result<(), Problem> {
    for entry in folder.read_dir().map_err(Problem::io("list", folder))? {
        let path = entry.map_err(Problem::io("list", folder))?.path();
        let about = path.symlink_metadata().map_err(Problem::io("read", &path))?;
        if about.is_dir() {
            collect(top, &path, files)?;
        } else {
            let executable = about.permissions().mode() & 0o100 != 0;
            let inside = path
                .strip_prefix(top)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            files.push((path, inside, if executable { 0o755 } else { 0o644 }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_fields_are_folded() {
        let source = DebSource {
            name: "a".into(),
            version: "1".into(),
            arch: "all".into(),
            fields: vec![("Description", "short\nlong\n".into())],
            files: Vec::new(),
        };
        let text = control_text(&source);
        assert!(
            text.starts_with("Package: a\nVersion: 1\nArchitecture: all\n"),
            "{text}"
        );
        assert!(text.ends_with("Description: short\n long\n"), "{text}");
    }
}
