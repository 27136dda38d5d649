//! The service: what is known, what waits, what runs.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::tz::TimeZone;
use log::warn;
use sigmavault_plan::{Digest, DigestError, digest};
use sigmavault_storage_core::{Refusal, Secret, Setting, plan};
use sigmavault_types::storage::{Change, Job, Plan, Planned, Request, State, StorageEvent, World};
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use crate::audit::{Actor, Audit, AuditError, Happened, Record};
use crate::board::Board;
use crate::config::Config;
use crate::jobs::Jobs;
use crate::machine::now;
use crate::plans::{PlanError, Plans, confirmed};
use crate::queue::Order;
use crate::waker::Waker;

/// Why a request of a caller is refused.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no plan for it.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The plan is not approved, or is unknown.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan has no digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It cannot be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Nothing is known about the pools now.
    #[error("pools cannot be read now ({0}); nothing is planned before they can")]
    Stale(String),
    /// The service ends.
    #[error("the service is stopping; ask again in a moment")]
    Stopping,
}

/// Something to tell on the bus.
#[derive(Debug, Clone)]
pub enum News {
    /// Something is different; the objects on the bus are to be compared with what is known.
    Changed(Vec<StorageEvent>),
    /// A job began, went on or ended.
    Job(Job),
    /// What is known is stale, or no longer is.
    Stale,
}

/// The service.
#[derive(Debug)]
pub struct Service {
    /// Settings.
    pub config: Config,
    /// What there is.
    pub board: Board,
    /// Wakes the reader.
    pub waker: Waker,
    plans: Mutex<Plans>,
    jobs: Mutex<Jobs>,
    audit: Audit,
    orders: Sender<Order>,
    news: UnboundedSender<News>,
}

impl Service {
    /// A service that knows nothing yet.
    pub fn new(config: Config, waker: Waker, orders: Sender<Order>, news: UnboundedSender<News>) -> Self {
        Self {
            board: Board::default(),
            plans: Mutex::default(),
            jobs: Mutex::new(Jobs::open(&config.state, now())),
            audit: Audit::new(&config.state),
            config,
            waker,
            orders,
            news,
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        // Each change of a job is whole.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: News) {
        // Without a bus there is nobody to tell.
        let _ = self.news.send(news);
    }

    fn tell_job(&self, job: Option<Job>) {
        if let Some(job) = job {
            self.tell(News::Job(job));
        }
    }

    /// Everything but snapshots.
    pub fn state(&self) -> State {
        let known = self.board.known();
        let world = World {
            time: known.world.time,
            disks: known.world.disks.clone(),
            pools: known.world.pools.clone(),
            datasets: known.world.datasets.clone(),
            snapshots: Vec::new(),
            policies: known.world.policies.clone(),
            care: known.world.care.clone(),
        };
        State {
            world,
            stale: known.stale,
            jobs: self.jobs().all(),
        }
    }

    /// Plans a change and keeps the plan.
    pub fn plan(&self, request: &Request, uid: u32, at_console: bool) -> Result<Planned, ServiceError> {
        let (digest, plan) = self.make(request, at_console)?;
        self.plans().keep(digest, plan.clone(), uid, Instant::now());
        Ok(Planned {
            digest: digest.to_string(),
            plan,
        })
    }

    fn make(&self, request: &Request, at_console: bool) -> Result<(Digest, Plan), ServiceError> {
        let known = self.board.known();
        if let Some(stale) = known.stale {
            return Err(ServiceError::Stale(stale.reason));
        }
        let setting = Setting {
            at_console,
            zone: TimeZone::system(),
        };
        // A policy makes its snapshots for now, and not for when the pools were read.
        let plan = if matches!(request, Request::PolicyRun { .. }) {
            let mut world = World::clone(&known.world);
            world.time = world.time.max(now());
            plan(request, &world, &setting)?
        } else {
            plan(request, &known.world, &setting)?
        };
        Ok((digest(&plan)?, plan))
    }

    /// A plan that waits.
    pub fn waiting(&self, digest: Digest) -> Result<Plan, ServiceError> {
        Ok(self.plans().get(digest, Instant::now())?.clone())
    }

    /// Records that a user approved a plan, whom polkit let do so.
    pub fn approve(&self, digest: Digest, actor: &Actor, uid: u32, typed: &str) -> Result<(), ServiceError> {
        let plan = self.waiting(digest)?;
        confirmed(&plan, typed)?;
        let approved = Happened::Approved {
            request: Box::new(plan.request),
            risk: plan.risk,
        };
        self.record(digest, actor, approved)?;
        self.plans().approve(digest, uid, typed, Instant::now())?;
        Ok(())
    }

    /// Records that an approval was refused.
    pub fn refused(&self, digest: Digest, actor: &Actor, why: &str) {
        let why = why.to_owned();
        if let Err(error) = self.record(digest, actor, Happened::Refused { why }) {
            warn!("{error}");
        }
    }

    /// Has a plan carried out that this user approved; the id of its job.
    pub fn execute(
        &self,
        digest: Digest,
        actor: Actor,
        uid: u32,
        secret: Option<Secret>,
    ) -> Result<String, ServiceError> {
        let plan = self.plans().take(digest, uid, Instant::now())?;
        self.give(digest, plan, actor, secret)
    }

    /// Carries out a standing order, which was approved when it was given.
    pub fn carry_out_order(&self, actor: Actor, request: &Request) -> Result<String, ServiceError> {
        let (digest, plan) = self.make(request, false)?;
        self.give(digest, plan, actor, None)
    }

    fn give(
        &self,
        digest: Digest,
        plan: Plan,
        actor: Actor,
        secret: Option<Secret>,
    ) -> Result<String, ServiceError> {
        let id = Uuid::now_v7().simple().to_string();
        let job = self.jobs().begin(id.clone(), digest, plan.steps.len(), now());
        self.tell(News::Job(job));
        let order = Order {
            job: id.clone(),
            digest,
            plan,
            actor,
            secret,
        };
        if self.orders.send(order).is_err() {
            self.job_ended(&id, 0, Some(ServiceError::Stopping.to_string()));
            return Err(ServiceError::Stopping);
        }
        Ok(id)
    }

    /// A job by its id.
    pub fn job(&self, id: &str) -> Option<Job> {
        self.jobs().get(id)
    }

    /// Whether the kernel goes over a pool's data.
    pub fn scans_run(&self) -> bool {
        self.jobs().scans_run()
    }

    /// Says that so many steps of a job are done.
    pub fn job_goes_on(&self, id: &str, done: usize) {
        let job = self.jobs().step(id, done);
        self.tell_job(job);
    }

    /// Says how a job ended.
    pub fn job_ended(&self, id: &str, done: usize, error: Option<String>) {
        let job = self.jobs().end(id, done, error, now());
        self.tell_job(job);
    }

    /// Writes an audit record.
    pub fn record(&self, digest: Digest, actor: &Actor, happened: Happened) -> Result<(), AuditError> {
        self.audit.record(&Record {
            time: now(),
            digest,
            actor: actor.clone(),
            happened,
        })
    }

    /// Puts up what there is after a change, and tells what differs.
    pub fn publish_after_change(&self, world: World) {
        let changes = self.board.put_after_change(world);
        self.tell_all(changes);
    }

    /// The same with what was read; `seen` is how many changes had been put up when the reading began. Whether nothing was changed since.
    pub fn publish(&self, world: World, seen: u64) -> bool {
        let changes = self.board.put(world, seen);
        let put = changes.is_some();
        if let Some(changes) = changes {
            self.tell_all(changes);
        }
        put
    }

    /// Tells what differs, and which scans have gone on, by what was put up: a reading that was refused says nothing.
    fn tell_all(&self, changes: Vec<Change>) {
        let world = self.board.known().world;
        let jobs = self.jobs().look_at(&world);
        let time = world.time;
        let events = changes.into_iter().map(|change| StorageEvent { time, change });
        self.tell(News::Changed(events.collect()));
        for job in jobs {
            self.tell(News::Job(job));
        }
    }

    /// Tells that what is known is stale.
    pub fn stale_changed(&self) {
        self.tell(News::Stale);
    }
}
