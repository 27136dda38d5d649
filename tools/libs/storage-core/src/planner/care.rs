//! Scrubs, trims, properties and features of pools.

use std::collections::BTreeMap;

use sigmavault_types::storage::{
    Action, Care, Change, Guid, Resource, ScanKind, ScanState, Scrub, Trim, Warning,
};

use super::draft::{Draft, same_pool};
use super::find;
use super::refusal::Refusal;
use crate::schedule;

/// Properties of a pool that can be set (zpoolprops(7)), and their values.
const PROPERTIES: [(&str, &[&str]); 4] = [
    ("autoexpand", &["on", "off"]),
    ("autoreplace", &["on", "off"]),
    ("autotrim", &["on", "off"]),
    ("failmode", &["wait", "continue"]),
];

pub(super) fn scrub(draft: &mut Draft<'_>, id: Guid, what: Scrub) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let now = pool.scan.map(|scan| (scan.kind, scan.state));
    if matches!(now, Some((ScanKind::Resilver, ScanState::Running))) {
        return Err(Refusal::state(
            &pool.name,
            "it is resilvering, which verifies as well: wait until that is done",
        ));
    }
    let scrubs = matches!(now, Some((ScanKind::Scrub | ScanKind::ErrorScrub, _)));
    let kind = now.map_or(ScanKind::Scrub, |(kind, _)| kind);
    let after = match (what, now.map(|(_, state)| state).filter(|_| scrubs)) {
        (Scrub::Start | Scrub::Errors, Some(ScanState::Running)) => {
            return Err(Refusal::Nothing(format!("{} is being scrubbed: it", pool.name)));
        }
        (Scrub::Errors, Some(ScanState::Paused)) => {
            return Err(Refusal::state(
                &pool.name,
                "a scrub of it is paused: continue or stop that first",
            ));
        }
        (Scrub::Start, Some(ScanState::Paused)) => Some((kind, ScanState::Finished)),
        (Scrub::Start, _) => Some((ScanKind::Scrub, ScanState::Finished)),
        (Scrub::Errors, _) => Some((ScanKind::ErrorScrub, ScanState::Finished)),
        (Scrub::Pause, Some(ScanState::Running)) => Some((kind, ScanState::Paused)),
        (Scrub::Stop, Some(ScanState::Running | ScanState::Paused)) => Some((kind, ScanState::Stopped)),
        (Scrub::Pause | Scrub::Stop, _) => {
            return Err(Refusal::state(&pool.name, "no scrub of it is under way"));
        }
    };
    draft.changes.extend(after.map(|(scan, state)| Change::PoolScan {
        pool: pool.name.clone(),
        scan,
        state,
    }));
    draft.step(
        Action::ScrubPool {
            pool: id,
            scrub: what,
        },
        vec![same_pool(pool)],
    );
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn trim(draft: &mut Draft<'_>, id: Guid, what: Trim) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    if (what == Trim::Start) == pool.trimming {
        let now = if pool.trimming {
            "is being trimmed"
        } else {
            "is not being trimmed"
        };
        return Err(Refusal::Nothing(format!("{} {now}: it", pool.name)));
    }
    if pool.trimming {
        draft.changes.push(Change::PoolTrimming {
            pool: pool.name.clone(),
            trimming: false,
        });
    }
    draft.step(Action::TrimPool { pool: id, trim: what }, vec![same_pool(pool)]);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn upgrade(draft: &mut Draft<'_>, id: Guid) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    if !pool.upgradable {
        return Err(Refusal::Nothing(format!(
            "{} has every feature of this system: it",
            pool.name
        )));
    }
    draft.warn(Warning::OlderSystems {
        pool: pool.name.clone(),
    });
    draft.warn(Warning::CannotBeUndone);
    draft.changes.push(Change::PoolUpgraded {
        pool: pool.name.clone(),
    });
    draft.step(Action::UpgradePool { pool: id }, vec![same_pool(pool)]);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn set(
    draft: &mut Draft<'_>,
    id: Guid,
    properties: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let pool = find::writable(draft.world, id)?;
    let mut new = BTreeMap::new();
    for (property, value) in properties {
        let known = PROPERTIES.iter().find(|(name, _)| name == property);
        let why = match known {
            None => Some("it is no property of a pool that can be set here".to_owned()),
            Some((_, values)) if !values.contains(&value.as_str()) => {
                Some(format!("it is one of {}", values.join(", ")))
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            return Err(Refusal::Property {
                property: property.clone(),
                why,
            });
        }
        let now = pool.properties.get(property);
        if now != Some(value) {
            draft.changes.push(Change::PoolProperty {
                pool: pool.name.clone(),
                property: property.clone(),
                from: now.cloned(),
                to: Some(value.clone()),
            });
            new.insert(property.clone(), value.clone());
        }
    }
    if new.is_empty() {
        return Err(Refusal::Nothing(pool.name.clone()));
    }
    let action = Action::SetPoolProperties {
        pool: id,
        properties: new,
    };
    draft.step(action, vec![same_pool(pool)]);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}

pub(super) fn care(draft: &mut Draft<'_>, care: Care) -> Result<(), Refusal> {
    let pool = find::pool(draft.world, care.pool)?;
    for schedule in [care.scrub, care.trim].into_iter().flatten() {
        schedule::check(schedule).map_err(|why| Refusal::Property {
            property: "schedule".to_owned(),
            why,
        })?;
    }
    if draft.world.care.contains(&care) {
        return Err(Refusal::Nothing(pool.name.clone()));
    }
    draft.changes.push(Change::PoolCare { pool: care.pool });
    draft.step(Action::SetCare { care }, vec![same_pool(pool)]);
    draft.touch(Resource::Pool(pool.name.clone()));
    Ok(())
}
