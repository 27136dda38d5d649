//! Where and whether file systems are mounted (zfsprops(7): `mountpoint`, `canmount`).

use sigmavault_types::storage::{Dataset, DatasetKind, Owner, World};

/// Where a file system is mounted when it is; none where it does not mount by itself.
pub fn mountpoint(world: &World, name: &str) -> Option<String> {
    let mut at = name;
    loop {
        let set = world.dataset(at)?;
        if let Some(value) = local(set, "mountpoint") {
            let rest = &name[at.len()..];
            return value
                .starts_with('/')
                .then(|| format!("{}{rest}", value.trim_end_matches('/')));
        }
        at = match at.rsplit_once('/') {
            Some((above, _)) => above,
            None => return Some(format!("/{name}")),
        };
    }
}

/// Whether a file system is mounted by itself as things are.
pub fn mounts(world: &World, name: &str) -> bool {
    mounts_with(world, name, None)
}

/// The same, once the key of this encryption root is loaded too.
pub fn mounts_with(world: &World, name: &str, root: Option<&str>) -> bool {
    let Some(set) = world.dataset(name) else {
        return false;
    };
    let wanted = local(set, "canmount").unwrap_or("on") == "on";
    let open = set
        .key
        .as_ref()
        .is_none_or(|key| key.loaded || root == Some(key.root.as_str()));
    set.kind == DatasetKind::FileSystem && wanted && open && mountpoint(world, name).is_some()
}

/// The value of a property that was set at the dataset itself.
pub fn local<'a>(set: &'a Dataset, name: &str) -> Option<&'a str> {
    let property = set.properties.get(name)?;
    property.is_set_here().then_some(property.value.as_str())
}

/// The name of the property that limits what a user or a group may take.
pub fn owner_quota(owner: Owner) -> String {
    match owner {
        Owner::User(id) => format!("userquota@{id}"),
        Owner::Group(id) => format!("groupquota@{id}"),
    }
}
