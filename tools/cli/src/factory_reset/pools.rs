//! Listing and destroying pools.

use serde::Serialize;
use sigmavault_host::run::{Run, RunError};
use sigmavault_host::{zfs, zpool};

/// An imported pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Name.
    pub name: String,
    /// Size in bytes, redundancy included.
    pub size_bytes: u64,
    /// Bytes in use, redundancy included.
    pub allocated_bytes: u64,
    /// Whether all of it is encrypted.
    pub encrypted: bool,
    /// Disks, partitions or files that it is made of, hot spares, caches and logs included.
    pub members: Vec<String>,
}

/// Why pools were not listed or destroyed.
#[derive(Debug, thiserror::Error)]
pub enum PoolsError {
    /// The pools could not be listed.
    #[error("cannot list the pools: {0}; try: modprobe zfs, then again")]
    Unknown(RunError),
    /// A pool is in use.
    #[error(
        "nothing was erased: {reason}\n{}try: stop what uses pool {pool}: systemctl stop smbd nfs-server; lsof +f -- /{pool}",
        back(.exported)
    )]
    Busy {
        /// The pool.
        pool: String,
        /// Why it was not exported.
        reason: RunError,
        /// Pools that were exported before.
        exported: Vec<String>,
    },
    /// Some members still carry their label.
    #[error(
        "the pools are exported, and these are not cleared yet: {}\ntry: zpool labelclear -f on each, then the reset again",
        joined(.0)
    )]
    NotCleared(Vec<RunError>),
}

fn back(exported: &[String]) -> String {
    exported
        .iter()
        .map(|name| format!("exported before that, and back with: zpool import {name}\n"))
        .collect()
}

fn joined(errors: &[RunError]) -> String {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

/// Every imported pool.
pub fn list(run: &dyn Run) -> Result<Vec<Pool>, PoolsError> {
    let sizes = run.text(&zpool::list_sizes()).map_err(PoolsError::Unknown)?;
    let sizes = zpool::parse_sizes(&sizes);
    let keys = if sizes.is_empty() {
        Vec::new()
    } else {
        zfs::parse_keys(&run.text(&zfs::list_keys()).map_err(PoolsError::Unknown)?)
    };
    sizes
        .into_iter()
        .map(|pool| {
            let vdevs = run
                .text(&zpool::list_vdevs(&pool.name))
                .map_err(PoolsError::Unknown)?;
            Ok(Pool {
                encrypted: keys.iter().any(|root| root.name == pool.name),
                name: pool.name,
                size_bytes: pool.size,
                allocated_bytes: pool.allocated,
                members: zpool::parse_members(&vdevs),
            })
        })
        .collect()
}

/// Exports every pool and clears the labels of its members, so that nothing can be imported again. Nothing is cleared
/// before all are exported.
pub fn destroy(pools: &[Pool], run: &dyn Run) -> Result<(), PoolsError> {
    let mut exported = Vec::new();
    for pool in pools {
        if let Err(reason) = run.succeed(&zpool::export(&pool.name)) {
            let pool = pool.name.clone();
            return Err(PoolsError::Busy {
                pool,
                reason,
                exported,
            });
        }
        exported.push(pool.name.clone());
    }
    let left: Vec<RunError> = pools
        .iter()
        .flat_map(|pool| &pool.members)
        .filter_map(|member| run.succeed(&zpool::clear_label(member)).err())
        .collect();
    if left.is_empty() {
        Ok(())
    } else {
        Err(PoolsError::NotCleared(left))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sigmavault_host::run::{Invocation, Output, Scripted};

    use super::*;

    const VDEVS: &str = "tank\t928G\t1G\t927G\t-\t-\t0%\t0%\t1.00x\tONLINE\t-\n\
        \tmirror-0\t928G\t1G\t927G\t-\t-\t0%\t0.1%\t-\tONLINE\n\
        \t/dev/sda1\t931G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n\
        \t/dev/sdb1\t931G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n\
        spare\t-\t-\t-\t-\t-\t-\t-\t-\t-\n\
        \t/dev/sdc1\t931G\t-\t-\t-\t-\t-\t-\t-\tAVAIL\n";

    #[test]
    fn members_are_the_paths() {
        let run = Scripted(|invocation: &Invocation| {
            Output::success(if invocation.arguments().contains(&"-v".into()) {
                VDEVS
            } else if invocation.program() == "zfs" {
                "tank\ttank\tprompt\tavailable\n"
            } else {
                "tank\t996432412672\t1073741824\n"
            })
        });
        let pool = Pool {
            name: "tank".into(),
            size_bytes: 996_432_412_672,
            allocated_bytes: 1 << 30,
            encrypted: true,
            members: ["/dev/sda1", "/dev/sdb1", "/dev/sdc1"]
                .map(str::to_owned)
                .to_vec(),
        };
        assert_eq!(list(&run).unwrap(), [pool]);
        assert_eq!(list(&Scripted(|_: &Invocation| Output::success(""))).unwrap(), []);
        let unknown = list(&Scripted(|_: &Invocation| Output::failure(1, "no module")))
            .unwrap_err()
            .to_string();
        assert_eq!(
            unknown,
            "cannot list the pools: zpool list -H -p -o name,size,allocated ended with exit status: 1: no module; \
             try: modprobe zfs, then again"
        );
    }

    fn pool(name: &str, member: &str) -> Pool {
        Pool {
            name: name.into(),
            size_bytes: 0,
            allocated_bytes: 0,
            encrypted: false,
            members: vec![member.into()],
        }
    }

    #[test]
    fn nothing_is_cleared_while_a_pool_is_in_use() {
        let asked = Mutex::new(Vec::new());
        let run = Scripted(|invocation: &Invocation| {
            asked.lock().unwrap().push(invocation.to_string());
            match invocation.arguments().last().and_then(|last| last.to_str()) {
                Some("busy") => Output::failure(1, "cannot export 'busy': pool is busy"),
                Some("/dev/sdz") => Output::failure(1, "labelclear of /dev/sdz failed"),
                _ => Output::success(""),
            }
        });
        let pools = [pool("tank", "/dev/sda"), pool("busy", "/dev/sdb")];
        let error = destroy(&pools, &run).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "nothing was erased: zpool export busy ended with exit status: 1: cannot export 'busy': pool is busy\n\
                 exported before that, and back with: zpool import tank\ntry: stop what uses pool busy: "
            ),
            "{error}"
        );
        assert_eq!(*asked.lock().unwrap(), ["zpool export tank", "zpool export busy"]);

        asked.lock().unwrap().clear();
        let pools = [pool("old", "/dev/sdz"), pool("tank", "/dev/sda")];
        let error = destroy(&pools, &run).unwrap_err().to_string();
        assert!(
            error.contains("not cleared yet: zpool labelclear -f /dev/sdz ended with exit status: 1: labelclear of /dev/sdz failed\n"),
            "{error}"
        );
        assert_eq!(asked.lock().unwrap()[3], "zpool labelclear -f /dev/sda");
    }
}
