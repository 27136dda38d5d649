//! Space and quotas of users, groups and projects: zfs-userspace(8).

use super::command::zfs;
use crate::run::Invocation;

/// Whose space is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Users, by number.
    User,
    /// Groups, by number.
    Group,
    /// Projects, by number (`chattr -p`).
    Project,
}

impl Owner {
    const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Project => "project",
        }
    }
}

/// Asks how much space each owner takes on a file system or snapshot.
pub fn space(dataset: &str, owners: Owner) -> Invocation {
    let command = zfs(&format!("{}space", owners.word())).args(["-H", "-p"]);
    let command = match owners {
        Owner::User | Owner::Group => command.arg("-n"),
        Owner::Project => command,
    };
    command.args(["-o", "name,used,quota,objused,objquota", "--", dataset])
}

/// Sets how much space an owner may take, in bytes; 0 for as much as there is.
pub fn set_quota(dataset: &str, owner: Owner, id: u32, bytes: u64) -> Invocation {
    zfs("set")
        .arg("--")
        .arg(format!("{}quota@{id}={bytes}", owner.word()))
        .arg(dataset)
}

/// What one owner takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Number of the user, group or project.
    pub id: u32,
    /// Bytes in use; ZFS counts them a few seconds late.
    pub used: u64,
    /// Bytes that it may use; none for as much as there is.
    pub quota: Option<u64>,
    /// Files and folders; none where they are not counted.
    pub objects: Option<u64>,
    /// Files and folders that it may have; none for as many as it likes.
    pub object_quota: Option<u64>,
}

/// What [`space`] printed. Owners of other systems, which have no number here, are left out.
pub fn parse(text: &str) -> Vec<Space> {
    let space = |line: &str| {
        let mut words = line.split('\t');
        let id = words.next()?.parse().ok()?;
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        Some(Space {
            id,
            used: number()?,
            quota: number().filter(|bytes| *bytes != 0),
            objects: number(),
            object_quota: number().filter(|objects| *objects != 0),
        })
    };
    text.lines().filter_map(space).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (invocation, line) in [
            (
                space("tank/a", Owner::User),
                "userspace -H -p -n -o name,used,quota,objused,objquota -- tank/a",
            ),
            (
                space("tank/a", Owner::Project),
                "projectspace -H -p -o name,used,quota,objused,objquota -- tank/a",
            ),
            (
                set_quota("tank/a", Owner::Group, 100, 1 << 30),
                "set -- groupquota@100=1073741824 tank/a",
            ),
        ] {
            assert_eq!(invocation.quoted(), format!("zfs {line}"));
        }
    }
}
