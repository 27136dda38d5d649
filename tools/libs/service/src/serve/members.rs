//! Who may use a service: root, the service's own user, and the members of a group.
//!
//! The group guards the unix socket by its mode. The same is asked of those who come another way: over TCP, over the bus.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// How long the user database's answer counts.
const FRESH: Duration = Duration::from_secs(10);

/// Maximum number of users whose answer is kept.
const KNOWN: usize = 1024;

/// The members of a group.
#[derive(Debug)]
pub struct Members {
    group: String,
    known: Mutex<HashMap<u32, (Instant, bool)>>,
}

impl Members {
    /// The members of this group. Without such a group those of the process's own, which the socket has then.
    pub fn of(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            known: Mutex::default(),
        }
    }

    /// The group's name.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The same as [`Self::admit`] as far as it is known without asking the user database.
    pub fn known(&self, uid: u32) -> Option<bool> {
        if uid == 0 || uid == Uid::effective().as_raw() {
            return Some(true);
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, member) = known.get(&uid)?;
        (at.elapsed() < FRESH).then_some(*member)
    }

    /// Whether this user may use the service. Groups that only a process has, such as `SupplementaryGroups=` of a unit,
    /// do not count: the user database decides. It may be asked over the network, so this may block.
    pub fn admit(&self, uid: u32) -> bool {
        if let Some(known) = self.known(uid) {
            return known;
        }
        let member = self.look_up(uid).unwrap_or(false);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(uid, (Instant::now(), member));
        member
    }

    fn look_up(&self, uid: u32) -> Option<bool> {
        let group = Group::from_name(&self.group).ok()?;
        let gid = group.map_or_else(Gid::effective, |group| group.gid);
        let user = User::from_uid(Uid::from_raw(uid)).ok()??;
        if user.gid == gid {
            return Some(true);
        }
        let name = CString::new(user.name).ok()?;
        Some(getgrouplist(&name, user.gid).ok()?.contains(&gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_oneself_and_members_are_admitted() {
        let nothing = Members::of("no-such-group");
        assert!(nothing.admit(0));
        assert!(nothing.admit(Uid::effective().as_raw()));
        // A user whom the database does not know is a member of nothing.
        assert!(!nothing.admit(3_999_999_999));
        // Debian's base-passwd: nobody is a member of nogroup, their own, and of no other group.
        let nobody = User::from_name("nobody").unwrap().unwrap();
        let own = Group::from_gid(nobody.gid).unwrap().unwrap();
        assert!(Members::of(&own.name).admit(nobody.uid.as_raw()));
        if nobody.uid != Uid::effective() {
            let others = Members::of("adm");
            assert!(!others.admit(nobody.uid.as_raw()));
            assert!(!others.admit(nobody.uid.as_raw()), "nor the second time");
        }
    }
}
