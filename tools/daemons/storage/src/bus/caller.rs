//! Who calls, and what polkit lets them do.

use sigmavault_facts::terminal::single_line;
use sigmavault_service::authority::{self, Interaction, NotAuthorized};
use sigmavault_types::storage::{DiskId, Plan, Resource, Risk};
use zbus::Connection;
use zbus::OwnedObjectPath;
use zbus::fdo::DBusProxy;
use zbus::message::Header;
use zbus::names::{BusName, UniqueName};

use super::error::BusError;
use crate::audit::Actor;

/// Action of polkit that the user of an active session at this machine has, and nobody else.
const CONSOLE: &str = "org.sigmavault.storage.console";
/// Characters of a name that a dialog shows.
const SHOWN: usize = 100;

/// The user who calls, with the unique name of the connection, which the bus itself gives.
pub async fn caller(bus: &Connection, header: &Header<'_>) -> Result<(u32, Actor), BusError> {
    let sender = sender(header)?;
    let name = BusName::Unique(sender.clone());
    let uid = DBusProxy::new(bus).await?.get_connection_unix_user(name).await;
    let uid = uid.map_err(|error| {
        BusError::NotAuthorized(format!("the bus does not say whose call this is: {error}"))
    })?;
    let actor = Actor::User {
        uid,
        sender: sender.to_string(),
    };
    Ok((uid, actor))
}

fn sender(header: &Header<'_>) -> Result<UniqueName<'static>, BusError> {
    let sender = header.sender().map(UniqueName::to_owned);
    sender.ok_or_else(|| BusError::InvalidArgument("the call has no sender; call over a bus".to_owned()))
}

/// Asks polkit whether the caller may approve a plan. The dialog shows what the plan is about, in the plan's own words.
pub async fn may_approve(bus: &Connection, header: &Header<'_>, plan: &Plan) -> Result<(), NotAuthorized> {
    let action = match plan.risk {
        Risk::Reads | Risk::Harmless => "org.sigmavault.storage.harmless",
        Risk::Undoable => "org.sigmavault.storage.undoable",
        Risk::Disruptive => "org.sigmavault.storage.disruptive",
        Risk::Destroys => "org.sigmavault.storage.destructive",
    };
    let target = target(plan);
    let details = [("target", target.as_str())];
    authority::check(bus, header, action, &details, Interaction::Allowed).await
}

/// What a plan is about, for a dialog: what it destroys, or what it touches; a pool or dataset rather than the disks of it.
fn target(plan: &Plan) -> String {
    let first_lost = plan.loses.first().map(|loss| &loss.resource);
    let is_disk = |one: &&Resource| matches!(one, Resource::Disk(_));
    let subject = first_lost
        .or_else(|| plan.touches.iter().find(|one| !is_disk(one)))
        .or(plan.touches.first());
    let name = match (&plan.confirm, subject) {
        (Some(name), _)
        | (
            None,
            Some(
                Resource::Disk(DiskId(name))
                | Resource::Pool(name)
                | Resource::Dataset(name)
                | Resource::Changes(name)
                | Resource::Snapshot(name)
                | Resource::Policy(name),
            ),
        ) => name.as_str(),
        (None, None) => "storage",
    };
    let line = single_line(name);
    if line.chars().count() > SHOWN {
        let start: String = line.chars().take(SHOWN).collect();
        format!("{start}...")
    } else {
        line
    }
}

/// Whether the caller sits at this machine: only there, locked snapshots may be destroyed. polkit lets root do everything, so that for root the
/// login manager is asked whose session the process is in.
pub async fn at_console(bus: &Connection, header: &Header<'_>, uid: u32) -> bool {
    if uid == 0 {
        return root_at_console(bus, header).await.unwrap_or(false);
    }
    authority::check(bus, header, CONSOLE, &[], Interaction::None)
        .await
        .is_ok()
}

async fn root_at_console(bus: &Connection, header: &Header<'_>) -> zbus::Result<bool> {
    let Some(sender) = header.sender() else {
        return Ok(false);
    };
    let name = BusName::Unique(sender.to_owned());
    let pid = DBusProxy::new(bus)
        .await?
        .get_connection_unix_process_id(name)
        .await?;
    let (login, manager) = ("org.freedesktop.login1", "org.freedesktop.login1.Manager");
    let reply = bus
        .call_method(
            Some(login),
            "/org/freedesktop/login1",
            Some(manager),
            "GetSessionByPID",
            &pid,
        )
        .await?;
    let path: OwnedObjectPath = reply.body().deserialize()?;
    let session = zbus::Proxy::new(bus, login, path, "org.freedesktop.login1.Session").await?;
    let (remote, active): (bool, bool) = (
        session.get_property("Remote").await?,
        session.get_property("Active").await?,
    );
    let (seat, _): (String, OwnedObjectPath) = session.get_property("Seat").await?;
    Ok(!remote && active && !seat.is_empty())
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::{Loss, Request};

    use super::*;

    #[test]
    fn a_dialog_shows_what_is_destroyed_and_no_hidden_text() {
        let mut plan = Plan {
            version: 1,
            request: Request::DatasetDestroy {
                name: "tank".to_owned(),
            },
            risk: Risk::Destroys,
            steps: Vec::new(),
            changes: Vec::new(),
            touches: vec![Resource::Pool("touched".to_owned())],
            loses: vec![Loss {
                resource: Resource::Snapshot("tank@a\u{202e}b\nEnter your password elsewhere".to_owned()),
                bytes: None,
            }],
            space: Vec::new(),
            warnings: Vec::new(),
            confirm: None,
            at_console: false,
            made: 0,
        };
        assert_eq!(target(&plan), "tank@a b Enter your password elsewhere");
        plan.confirm = Some("x".repeat(300));
        assert_eq!(target(&plan), format!("{}...", "x".repeat(SHOWN)));
        (plan.confirm, plan.loses) = (None, Vec::new());
        assert_eq!(target(&plan), "touched");
    }
}
