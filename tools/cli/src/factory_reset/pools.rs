//! Pools, and how to take them away for good.

use serde::Serialize;

use crate::program::Run;

/// An imported pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Name.
    pub name: String,
    /// Size in bytes, redundancy included.
    pub size_bytes: u64,
    /// Bytes in use, redundancy included.
    pub allocated_bytes: u64,
    /// Disks, partitions or files that it is made of, hot spares, caches and logs included.
    pub members: Vec<String>,
}

/// Pools that could not be listed or taken away.
#[derive(Debug, thiserror::Error)]
pub enum PoolsError {
    /// No list.
    #[error("the pools are not known: {0}; try: modprobe zfs, then once more")]
    Unknown(String),
    /// One is in use.
    #[error(
        "nothing was erased: {reason}\n{}try: stop what uses pool {pool}: systemctl stop smbd nfs-server; lsof +f -- /{pool}",
        back(.exported)
    )]
    Busy {
        /// The pool.
        pool: String,
        /// Why it was not exported.
        reason: String,
        /// Pools that were exported before.
        exported: Vec<String>,
    },
    /// Some members still carry their label.
    #[error(
        "the pools are exported, and these are not cleared yet: {}\ntry: zpool labelclear -f on each, then the reset once more",
        .0.join("; ")
    )]
    NotCleared(Vec<String>),
}

fn back(exported: &[String]) -> String {
    exported
        .iter()
        .map(|name| format!("exported before that, and back with: zpool import {name}\n"))
        .collect()
}

/// Every imported pool.
pub fn list(run: Run<'_>) -> Result<Vec<Pool>, PoolsError> {
    let list =
        run(&["zpool", "list", "-H", "-p", "-o", "name,size,allocated"]).map_err(PoolsError::Unknown)?;
    let mut pools = Vec::new();
    for line in list.lines() {
        let mut words = line.split('\t');
        let Some(name) = words.next().filter(|name| !name.is_empty()) else {
            continue;
        };
        let mut bytes = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (size_bytes, allocated_bytes) = (bytes(), bytes());
        let vdevs = run(&["zpool", "list", "-v", "-H", "-P", "-L", name]).map_err(PoolsError::Unknown)?;
        pools.push(Pool {
            name: name.to_owned(),
            size_bytes,
            allocated_bytes,
            members: members(&vdevs),
        });
    }
    Ok(pools)
}

/// Paths in a list of vdevs: lines that start with a tab and a path.
fn members(vdevs: &str) -> Vec<String> {
    vdevs
        .lines()
        .filter_map(|line| line.strip_prefix('\t')?.split('\t').next())
        .map(str::trim)
        .filter(|name| name.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

/// Exports every pool and clears the labels of its members, so that nothing can be imported again. Nothing is cleared
/// before all are exported.
pub fn destroy(pools: &[Pool], run: Run<'_>) -> Result<(), PoolsError> {
    let mut exported = Vec::new();
    for pool in pools {
        if let Err(reason) = run(&["zpool", "export", &pool.name]) {
            let pool = pool.name.clone();
            return Err(PoolsError::Busy {
                pool,
                reason,
                exported,
            });
        }
        exported.push(pool.name.clone());
    }
    let left: Vec<String> = pools
        .iter()
        .flat_map(|pool| &pool.members)
        .filter_map(|member| run(&["zpool", "labelclear", "-f", member]).err())
        .collect();
    if left.is_empty() {
        Ok(())
    } else {
        Err(PoolsError::NotCleared(left))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const VDEVS: &str = "tank\t928G\t1G\t927G\t-\t-\t0%\t0%\t1.00x\tONLINE\t-\n\
        \tmirror-0\t928G\t1G\t927G\t-\t-\t0%\t0.1%\t-\tONLINE\n\
        \t/dev/sda1\t931G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n\
        \t/dev/sdb1\t931G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n\
        spare\t-\t-\t-\t-\t-\t-\t-\t-\t-\n\
        \t/dev/sdc1\t931G\t-\t-\t-\t-\t-\t-\t-\tAVAIL\n";

    #[test]
    fn members_are_the_paths() {
        let run = |words: &[&str]| {
            Ok(if words.contains(&"-v") {
                VDEVS.to_owned()
            } else {
                "tank\t996432412672\t1073741824\n".to_owned()
            })
        };
        let pool = Pool {
            name: "tank".into(),
            size_bytes: 996_432_412_672,
            allocated_bytes: 1 << 30,
            members: ["/dev/sda1", "/dev/sdb1", "/dev/sdc1"]
                .map(str::to_owned)
                .to_vec(),
        };
        assert_eq!(list(&run).unwrap(), [pool]);
        assert_eq!(list(&|_| Ok(String::new())).unwrap(), []);
        let unknown = list(&|_| Err("no module".into())).unwrap_err().to_string();
        assert_eq!(
            unknown,
            "the pools are not known: no module; try: modprobe zfs, then once more"
        );
    }

    fn pool(name: &str, member: &str) -> Pool {
        Pool {
            name: name.into(),
            size_bytes: 0,
            allocated_bytes: 0,
            members: vec![member.into()],
        }
    }

    #[test]
    fn nothing_is_cleared_while_a_pool_is_in_use() {
        let asked = RefCell::new(Vec::new());
        let run = |words: &[&str]| {
            asked.borrow_mut().push(words.join(" "));
            match words {
                [.., "busy"] => Err("cannot export 'busy': pool is busy".into()),
                [.., "/dev/sdz"] => Err("labelclear of /dev/sdz failed".into()),
                _ => Ok(String::new()),
            }
        };
        let pools = [pool("tank", "/dev/sda"), pool("busy", "/dev/sdb")];
        let error = destroy(&pools, &run).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "nothing was erased: cannot export 'busy': pool is busy\n\
                 exported before that, and back with: zpool import tank\ntry: stop what uses pool busy: "
            ),
            "{error}"
        );
        assert_eq!(*asked.borrow(), ["zpool export tank", "zpool export busy"]);

        asked.borrow_mut().clear();
        let pools = [pool("old", "/dev/sdz"), pool("tank", "/dev/sda")];
        let error = destroy(&pools, &run).unwrap_err().to_string();
        assert!(
            error.contains("not cleared yet: labelclear of /dev/sdz failed\n"),
            "{error}"
        );
        assert_eq!(asked.borrow()[3], "zpool labelclear -f /dev/sda");
    }
}
