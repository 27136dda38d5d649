//! The thread that carries plans out, one after another.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;

use log::{error, info};
use sigmavault_storage_core::{Engine, execute};

use crate::audit::Happened;
use crate::queue::Order;
use crate::service::Service;

/// Starts the thread.
pub fn start(
    service: Arc<Service>,
    mut engine: Box<dyn Engine + Send>,
    orders: Receiver<Order>,
) -> std::io::Result<()> {
    let run = move || {
        for order in orders {
            carry_out(&service, engine.as_mut(), &order);
            service.waker.wake();
        }
    };
    thread::Builder::new()
        .name("writer".to_owned())
        .spawn(run)
        .map(drop)
}

fn carry_out(service: &Service, engine: &mut dyn Engine, order: &Order) {
    let steps = order.plan.steps.len();
    let began = Happened::Began {
        request: Box::new(order.plan.request.clone()),
        risk: order.plan.risk,
        job: order.job.clone(),
    };
    if let Err(error) = service.record(order.digest, &order.actor, began) {
        service.job_ended(&order.job, 0, Some(error.to_string()));
        return;
    }
    let done = execute(&order.plan, engine, order.secret.as_ref(), |step| {
        service.job_goes_on(&order.job, step);
    });
    let happened = match done {
        Ok(world) => {
            info!("plan {} is carried out", order.digest);
            service.publish_after_change(world);
            service.job_ended(&order.job, steps, None);
            Happened::Succeeded {
                job: order.job.clone(),
            }
        }
        Err(error) => {
            error!("plan {}: {error}", order.digest);
            service.job_ended(&order.job, error.done(), Some(error.to_string()));
            Happened::Failed {
                job: order.job.clone(),
                steps: error.done(),
                why: error.to_string(),
            }
        }
    };
    if let Err(error) = service.record(order.digest, &order.actor, happened) {
        error!("{error}");
    }
}
