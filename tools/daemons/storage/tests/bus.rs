//! The service on a bus of its own, on a simulated machine, with the test in polkit's place.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{Daemon, change, ended, error_name, four_disks, mirror, plan, state_of};
use futures_util::StreamExt as _;
use sigmavault_bus::storage::{PATH, Storage1Proxy};
use sigmavault_private_bus::Bus;
use sigmavault_types::storage::{JobState, Request, Risk, StorageEvent};
use zbus::Connection;
use zbus::fdo::{IntrospectableProxy, ObjectManagerProxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_request_to_a_pool() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let authority = bus.authority(true).await;
    let daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    let connection = bus.connect().await;
    let storage = Storage1Proxy::new(&connection).await.unwrap();
    let mut changes = storage.receive_changed().await.unwrap();

    let before = daemon.bytes();
    let planned = plan(&storage, &mirror("tank")).await.unwrap();
    assert_eq!(planned.plan.risk, Risk::Disruptive);
    assert_eq!(
        planned.digest,
        sigmavault_plan::digest(&planned.plan).unwrap().to_string()
    );
    assert_eq!(authority.questions(), [], "planning asks nobody");
    assert_eq!(
        error_name(&storage.execute(&planned.digest).await.unwrap_err()),
        "NotApproved"
    );
    assert_eq!(daemon.bytes(), before);

    storage.approve(&planned.digest, "").await.unwrap();
    let questions = authority.questions();
    assert_eq!(questions.len(), 1);
    assert_eq!(questions[0].subject, "system-bus-name");
    assert_eq!(questions[0].action, "org.sigmavault.storage.disruptive");
    assert_eq!(questions[0].details["target"], "tank");
    let id = storage.execute(&planned.digest).await.unwrap();
    let job = ended(&storage, &id).await;
    assert_eq!((job.state, job.error), (JobState::Succeeded, None));

    let state = state_of(&connection).await.unwrap();
    let pool = state.world.imported("tank").unwrap();
    let manager = ObjectManagerProxy::new(&connection, "org.sigmavault.Storage1", PATH)
        .await
        .unwrap();
    let path = format!("{PATH}/pools/{}", pool.id);
    let mut objects = manager.get_managed_objects().await.unwrap();
    for _ in 0..100 {
        if objects.keys().any(|known| known.as_str() == path) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        objects = manager.get_managed_objects().await.unwrap();
    }
    let object = objects
        .iter()
        .find(|(known, _)| known.as_str() == path)
        .unwrap()
        .1;
    let properties = object.get("org.sigmavault.Storage1.Pool").unwrap();
    assert_eq!(
        String::try_from(properties["Name"].try_clone().unwrap()).unwrap(),
        "tank"
    );
    assert_eq!(
        i32::try_from(properties["MayFail"].try_clone().unwrap()).unwrap(),
        1
    );
    let disks = objects
        .keys()
        .filter(|path| path.as_str().contains("/disks/"))
        .count();
    assert_eq!(disks, 4);

    let event = tokio::time::timeout(Duration::from_secs(5), changes.next())
        .await
        .unwrap()
        .unwrap();
    let event: StorageEvent = serde_json::from_str(event.args().unwrap().event_json()).unwrap();
    assert!(planned.plan.changes.contains(&event.change), "{event:?}");

    let audit = daemon.audit();
    let told: Vec<&str> = audit.iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(told, ["approved", "began", "succeeded"]);
    for line in &audit {
        assert_eq!(line["digest"], planned.digest.as_str());
        assert_eq!(line["by"], "user");
        assert!(line["sender"].as_str().unwrap().starts_with(':'));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_destroys_is_confirmed_by_its_name() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let authority = bus.authority(true).await;
    let daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    let connection = bus.connect().await;
    let storage = Storage1Proxy::new(&connection).await.unwrap();
    assert_eq!(change(&storage, &mirror("tank")).await.state, JobState::Succeeded);
    let pool = state_of(&connection)
        .await
        .unwrap()
        .world
        .imported("tank")
        .unwrap()
        .id;
    let planned = plan(&storage, &Request::PoolDestroy { pool }).await.unwrap();
    assert_eq!(planned.plan.confirm.as_deref(), Some("tank"));
    let before = daemon.bytes();
    for typed in ["", "Tank", "yes"] {
        let error = storage.approve(&planned.digest, typed).await.unwrap_err();
        assert_eq!(error_name(&error), "NotConfirmed", "{typed}");
    }
    authority.answers(false);
    let error = storage.approve(&planned.digest, "tank").await.unwrap_err();
    assert_eq!(error_name(&error), "NotAuthorized");
    assert_eq!(
        authority.questions().last().unwrap().action,
        "org.sigmavault.storage.destructive"
    );
    assert_eq!(
        error_name(&storage.execute(&planned.digest).await.unwrap_err()),
        "NotApproved"
    );
    assert_eq!(daemon.bytes(), before);
    let refused = daemon
        .audit()
        .iter()
        .filter(|line| line["what"] == "refused")
        .count();
    assert_eq!(refused, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_clients_one_executes() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let _authority = bus.authority(true).await;
    let daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    let connections = [bus.connect().await, bus.connect().await];
    for round in 0..20 {
        let first = Storage1Proxy::new(&connections[0]).await.unwrap();
        let second = Storage1Proxy::new(&connections[1]).await.unwrap();
        let planned = plan(&first, &mirror("tank")).await.unwrap();
        let (one, two) = tokio::join!(
            first.approve(&planned.digest, ""),
            second.approve(&planned.digest, "")
        );
        one.and(two).unwrap();
        let (one, two) = tokio::join!(first.execute(&planned.digest), second.execute(&planned.digest));
        let (done, refused) = match (one, two) {
            (Ok(job), Err(error)) | (Err(error), Ok(job)) => (job, error),
            other => panic!("round {round}: {other:?}"),
        };
        assert_eq!(error_name(&refused), "NotFound");
        assert_eq!(ended(&first, &done).await.state, JobState::Succeeded);
        let pool = state_of(&connections[0])
            .await
            .unwrap()
            .world
            .imported("tank")
            .unwrap()
            .id;
        change(&first, &Request::PoolDestroy { pool }).await;
    }
    let began = daemon
        .audit()
        .iter()
        .filter(|line| line["what"] == "began")
        .count();
    assert_eq!(began, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvals_die_with_a_restart() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let _authority = bus.authority(true).await;
    let connection = bus.connect().await;
    let daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    let storage = Storage1Proxy::new(&connection).await.unwrap();
    let planned = plan(&storage, &mirror("tank")).await.unwrap();
    storage.approve(&planned.digest, "").await.unwrap();
    let before = daemon.bytes();
    drop(daemon);
    let daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    assert_eq!(
        error_name(&storage.execute(&planned.digest).await.unwrap_err()),
        "NotFound"
    );
    assert_eq!(daemon.bytes(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_the_world_left_behind_is_stopped() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let _authority = bus.authority(true).await;
    let _daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    let connection = bus.connect().await;
    let storage = Storage1Proxy::new(&connection).await.unwrap();
    let late = plan(&storage, &mirror("late")).await.unwrap();
    storage.approve(&late.digest, "").await.unwrap();
    assert_eq!(change(&storage, &mirror("tank")).await.state, JobState::Succeeded);
    let id = storage.execute(&late.digest).await.unwrap();
    let job = ended(&storage, &id).await;
    assert_eq!((job.state, job.done), (JobState::Failed, 0));
    assert!(job.error.unwrap().starts_with("step 1 of "));
    let pools = state_of(&connection).await.unwrap().world.pools;
    assert_eq!(
        pools.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>(),
        ["tank"]
    );
}

/// A method of an interface, with the types of what it takes.
struct Method {
    path: String,
    interface: String,
    name: String,
    takes: Vec<String>,
}

/// The methods of an object and of all below it, and the properties that can be written.
async fn introspect(connection: &Connection, top: &str) -> (Vec<Method>, Vec<String>) {
    let (mut methods, mut writable): (Vec<Method>, Vec<String>) = (Vec::new(), Vec::new());
    let proxy = IntrospectableProxy::builder(connection)
        .destination("org.sigmavault.Storage1")
        .path(top.to_owned())
        .build()
        .await
        .unwrap();
    let (mut interface, mut path) = (String::new(), Vec::new());
    // It holds the objects below it, each within the one above.
    let xml = proxy.introspect().await.unwrap();
    for element in xml.split('<').skip(1) {
        let value = |name: &str| {
            let (_, rest) = element.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        match element.split([' ', '>', '\n']).next() {
            Some("node") => {
                path.push(value("name").unwrap_or_else(|| top.to_owned()));
                if element.trim_end().ends_with("/>") {
                    path.pop();
                }
            }
            Some("/node") => drop(path.pop()),
            Some("interface") => interface = value("name").unwrap(),
            Some("method") => methods.push(Method {
                path: path.join("/"),
                interface: interface.clone(),
                name: value("name").unwrap(),
                takes: Vec::new(),
            }),
            Some("arg") if value("direction").as_deref() == Some("in") => {
                methods.last_mut().unwrap().takes.push(value("type").unwrap());
            }
            Some("property") if value("access").unwrap() != "read" => {
                writable.push(format!("{interface}.{}", value("name").unwrap()));
            }
            _ => {}
        }
    }
    (methods, writable)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_method_changes_anything_without_an_approval() {
    let (folder, bus) = (tempfile::tempdir().unwrap(), Bus::start());
    let authority = bus.authority(true).await;
    let daemon = Daemon::start(folder.path(), &bus.address, four_disks).await;
    let connection = bus.connect().await;
    let storage = Storage1Proxy::new(&connection).await.unwrap();
    change(&storage, &mirror("tank")).await;
    let pool = state_of(&connection)
        .await
        .unwrap()
        .world
        .imported("tank")
        .unwrap()
        .id;
    let waiting = plan(&storage, &Request::PoolDestroy { pool })
        .await
        .unwrap()
        .digest;
    tokio::time::sleep(Duration::from_millis(300)).await;
    authority.answers(false);
    let (before, audited) = (daemon.bytes(), daemon.audit().len());

    let (methods, writable) = introspect(&connection, PATH).await;
    assert_eq!(writable, [""; 0]);
    let ours = |method: &&Method| method.interface.starts_with("org.sigmavault.");
    let names: BTreeSet<&str> = methods
        .iter()
        .filter(ours)
        .map(|method| method.name.as_str())
        .collect();
    // A method that is added here is either one that reads, or one that needs an approval.
    let reading = ["GetJob", "GetSnapshots", "GetState", "Plan", "Refresh"];
    let changing = ["Approve", "Execute", "ExecuteWithKey"];
    assert_eq!(names, reading.into_iter().chain(changing).collect());
    let pool_object = format!("{PATH}/pools/{pool}");
    assert!(
        methods.iter().any(|method| method.path == pool_object),
        "objects below are looked at"
    );

    let request = serde_json::to_string(&Request::PoolDestroy { pool }).unwrap();
    for method in methods.iter().filter(ours) {
        for text in [waiting.as_str(), "tank", request.as_str(), ""] {
            let called = call(&connection, method, text).await;
            if changing.contains(&method.name.as_str()) {
                assert!(!called, "{} with {text:?} was not refused", method.name);
            }
        }
    }
    assert_eq!(daemon.bytes(), before);
    let began = daemon.audit()[audited..]
        .iter()
        .filter(|line| line["what"] != "refused")
        .count();
    assert_eq!(began, 0);
}

/// Calls a method with this text for each text that it takes; whether it was accepted.
async fn call(connection: &Connection, method: &Method, text: &str) -> bool {
    let (to, path) = (Some("org.sigmavault.Storage1"), method.path.as_str());
    let (interface, name) = (Some(method.interface.as_str()), method.name.as_str());
    let takes: Vec<&str> = method.takes.iter().map(String::as_str).collect();
    let null = std::fs::File::open("/dev/null").unwrap();
    let reply = match takes.as_slice() {
        [] => connection.call_method(to, path, interface, name, &()).await,
        ["s"] => connection.call_method(to, path, interface, name, &(text,)).await,
        ["s", "s"] => {
            connection
                .call_method(to, path, interface, name, &(text, text))
                .await
        }
        ["s", "b"] => {
            connection
                .call_method(to, path, interface, name, &(text, true))
                .await
        }
        ["s", "h"] => {
            let key = zbus::Fd::from(&null);
            connection
                .call_method(to, path, interface, name, &(text, key))
                .await
        }
        other => panic!("{name} takes {other:?}, which this test does not know"),
    };
    reply.is_ok()
}
