//! Plans that wait to be carried out, and who approved them. Pure: the time is given.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sigmavault_plan::Digest;
use sigmavault_types::storage::{Plan, Risk};

/// How long a plan is kept.
pub const KEPT: Duration = Duration::from_hours(1);
/// How long an approval holds.
pub const APPROVED: Duration = Duration::from_mins(5);
/// Plans of one user that are kept; a further one takes the place of the oldest.
const OF_ONE_USER: usize = 64;

/// Why a plan is not approved or not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is none with this digest.
    #[error(
        "no plan with the digest {0} waits; it was carried out, or it is older than an hour: plan the change again"
    )]
    Unknown(Digest),
    /// It was not approved.
    #[error(
        "the plan was not approved, or its approval is older than five minutes or was used: approve it, then execute it"
    )]
    NotApproved,
    /// What was typed is not what the plan destroys.
    #[error("this plan destroys {0}: approve it by typing that name")]
    Confirmation(String),
}

#[derive(Debug)]
struct Waiting {
    digest: Digest,
    plan: Plan,
    /// The user who asked for it.
    uid: u32,
    made: Instant,
    /// Users who approved it, and when.
    approvals: Vec<(u32, Instant)>,
}

/// The plans. They and their approvals are in memory only: neither outlives the service.
#[derive(Debug, Default)]
pub struct Plans {
    waiting: VecDeque<Waiting>,
}

impl Plans {
    /// Keeps a plan that a user asked for. The same plan is kept once.
    pub fn keep(&mut self, digest: Digest, plan: Plan, uid: u32, now: Instant) {
        self.forget_old(now);
        if self.waiting.iter().any(|waiting| waiting.digest == digest) {
            return;
        }
        let own = |waiting: &&Waiting| waiting.uid == uid;
        if self.waiting.iter().filter(own).count() >= OF_ONE_USER
            && let Some(oldest) = self.waiting.iter().position(|waiting| waiting.uid == uid)
        {
            self.waiting.remove(oldest);
        }
        self.waiting.push_back(Waiting {
            digest,
            plan,
            uid,
            made: now,
            approvals: Vec::new(),
        });
    }

    /// A plan that waits.
    pub fn get(&mut self, digest: Digest, now: Instant) -> Result<&Plan, PlanError> {
        self.find(digest, now).map(|waiting| &waiting.plan)
    }

    /// Records that a user approved a plan and typed this.
    pub fn approve(&mut self, digest: Digest, uid: u32, typed: &str, now: Instant) -> Result<(), PlanError> {
        let waiting = self.find(digest, now)?;
        confirmed(&waiting.plan, typed)?;
        waiting.approvals.retain(|(who, _)| *who != uid);
        waiting.approvals.push((uid, now));
        Ok(())
    }

    /// Takes a plan that this user approved; it waits no longer.
    pub fn take(&mut self, digest: Digest, uid: u32, now: Instant) -> Result<Plan, PlanError> {
        let waiting = self.find(digest, now)?;
        let holds = |(who, when): &(u32, Instant)| *who == uid && now.duration_since(*when) < APPROVED;
        if !waiting.approvals.iter().any(holds) {
            return Err(PlanError::NotApproved);
        }
        let at = self.waiting.iter().position(|waiting| waiting.digest == digest);
        let taken = at.and_then(|at| self.waiting.remove(at));
        taken.map(|taken| taken.plan).ok_or(PlanError::Unknown(digest))
    }

    /// Digests of the plans that wait.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.waiting.iter().map(|waiting| waiting.digest)
    }

    fn find(&mut self, digest: Digest, now: Instant) -> Result<&mut Waiting, PlanError> {
        self.forget_old(now);
        let mut waiting = self.waiting.iter_mut();
        waiting
            .find(|waiting| waiting.digest == digest)
            .ok_or(PlanError::Unknown(digest))
    }

    fn forget_old(&mut self, now: Instant) {
        self.waiting
            .retain(|waiting| now.duration_since(waiting.made) < KEPT);
    }
}

/// Whether what was typed confirms a plan: one that destroys something asks for a name.
pub fn confirmed(plan: &Plan, typed: &str) -> Result<(), PlanError> {
    let wanted = plan.confirm.as_ref().filter(|_| plan.risk == Risk::Destroys);
    match wanted {
        Some(wanted) if wanted != typed => Err(PlanError::Confirmation(wanted.clone())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::Request;

    use super::*;

    fn plan(name: &str, confirm: Option<&str>) -> (Digest, Plan) {
        let plan = Plan {
            version: 1,
            request: Request::DatasetDestroy {
                name: name.to_owned(),
            },
            risk: Risk::Destroys,
            steps: Vec::new(),
            changes: Vec::new(),
            touches: Vec::new(),
            loses: Vec::new(),
            space: Vec::new(),
            warnings: Vec::new(),
            confirm: confirm.map(str::to_owned),
            at_console: false,
            made: 0,
        };
        (sigmavault_plan::digest(&plan).unwrap(), plan)
    }

    #[test]
    fn an_approval_is_of_one_user_for_one_plan_once_and_for_five_minutes() {
        let now = Instant::now();
        let (one, plan_one) = plan("tank/a", Some("tank/a"));
        let (other, plan_other) = plan("tank/b", None);
        let mut plans = Plans::default();
        plans.keep(one, plan_one.clone(), 1000, now);
        plans.keep(other, plan_other, 1000, now);
        assert_eq!(plans.take(one, 1000, now), Err(PlanError::NotApproved));
        for typed in ["", "tank", "tank/b", "TANK/A"] {
            let refused = Err(PlanError::Confirmation("tank/a".to_owned()));
            assert_eq!(plans.approve(one, 1000, typed, now), refused, "{typed}");
        }
        plans.approve(one, 1000, "tank/a", now).unwrap();
        assert_eq!(
            plans.take(one, 1001, now),
            Err(PlanError::NotApproved),
            "another user"
        );
        assert_eq!(
            plans.take(other, 1000, now),
            Err(PlanError::NotApproved),
            "another plan"
        );
        let (soon, late) = (now + Duration::from_secs(299), now + APPROVED);
        assert_eq!(
            plans.take(one, 1000, late),
            Err(PlanError::NotApproved),
            "too late"
        );
        assert_eq!(plans.take(one, 1000, soon), Ok(plan_one));
        assert_eq!(
            plans.take(one, 1000, now),
            Err(PlanError::Unknown(one)),
            "a second time"
        );
    }

    #[test]
    fn plans_are_forgotten_after_an_hour_and_beyond_a_number() {
        let now = Instant::now();
        let mut plans = Plans::default();
        let (first, kept) = plan("tank/0", None);
        let (theirs, other) = plan("tank/theirs", None);
        plans.keep(theirs, other, 0, now);
        plans.keep(first, kept.clone(), 1000, now);
        plans.keep(first, kept, 1000, now);
        assert_eq!(plans.digests().count(), 2);
        for number in 1..=OF_ONE_USER {
            let (digest, plan) = plan(&format!("tank/{number}"), None);
            plans.keep(digest, plan, 1000, now);
        }
        assert_eq!(plans.get(first, now), Err(PlanError::Unknown(first)));
        assert!(plans.get(theirs, now).is_ok(), "another user's stays");
        assert_eq!(plans.get(theirs, now + KEPT), Err(PlanError::Unknown(theirs)));
        assert_eq!(plans.digests().count(), 0);
    }
}
