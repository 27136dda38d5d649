//! A Debian archive in a folder, which holds exactly the packages that a tree is made of.

use std::fs;
use std::path::Path;

use super::context::Context;
use super::debs::Deb;
use super::error::Problem;
use super::run::Runner;
use super::sandbox::inside;

/// Makes a Debian archive in `folder` that holds exactly these packages, linked from `store`.
pub fn write(
    context: &Context,
    runner: &Runner,
    tools: &Path,
    debs: &[Deb],
    store: &Path,
    folder: &Path,
) -> Result<(), Problem> {
    let files = folder.join("debs");
    fs::create_dir_all(&files).map_err(Problem::io("make the folder", &files))?;
    for deb in debs {
        let (from, to) = (store.join(&deb.file), files.join(&deb.file));
        if fs::hard_link(&from, &to).is_err() && !to.exists() {
            fs::copy(&from, &to).map_err(Problem::io("copy", &from))?;
        }
    }
    runner.bar().message("indexing packages");
    let (suite, arch) = (&context.image.suite, context.arch);
    let script = format!(
        "cd {pool}; mkdir -p dists/{suite}/main/binary-{arch}
        apt-ftparchive --md5 --no-sha1 --no-sha512 packages debs >dists/{suite}/main/binary-{arch}/Packages
        apt-ftparchive -o APT::FTPArchive::Release::Suite={suite} -o APT::FTPArchive::Release::Codename={suite} \\
            -o APT::FTPArchive::Release::Components=main -o APT::FTPArchive::Release::Architectures={arch} \\
            release dists/{suite} >/tmp/Release
        cp /tmp/Release dists/{suite}/Release",
        pool = inside::POOL
    );
    runner.run(&mut context.sandbox(tools).give(folder, inside::POOL).script(&script))
}
