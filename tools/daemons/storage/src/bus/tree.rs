//! Which objects there are.

use std::collections::BTreeMap;

use sigmavault_bus::storage::PATH;
use sigmavault_types::storage::World;
use zbus::ObjectServer;

use super::things::{DatasetObject, DiskObject, PoolObject, Thing};

/// What the objects on the bus show.
#[derive(Debug, Default)]
pub struct Tree {
    pools: BTreeMap<String, <PoolObject as Thing>::Value>,
    datasets: BTreeMap<String, <DatasetObject as Thing>::Value>,
    disks: BTreeMap<String, <DiskObject as Thing>::Value>,
}

impl Tree {
    /// Makes the objects those of a world.
    pub async fn show(&mut self, server: &ObjectServer, world: &World) -> zbus::Result<()> {
        let pools = world
            .pools
            .iter()
            .map(|pool| (format!("{PATH}/pools/{}", pool.id), pool));
        update::<PoolObject>(server, &mut self.pools, pools.collect()).await?;
        let sets = world
            .datasets
            .iter()
            .map(|set| (format!("{PATH}/datasets/{}", set.id), set));
        update::<DatasetObject>(server, &mut self.datasets, sets.collect()).await?;
        let disks = world
            .disks
            .iter()
            .map(|disk| (format!("{PATH}/disks/{}", element(&disk.id.0)), disk));
        update::<DiskObject>(server, &mut self.disks, disks.collect()).await
    }
}

async fn update<T: Thing>(
    server: &ObjectServer,
    shown: &mut BTreeMap<String, T::Value>,
    wanted: BTreeMap<String, &T::Value>,
) -> zbus::Result<()> {
    let gone: Vec<String> = shown
        .keys()
        .filter(|path| !wanted.contains_key(*path))
        .cloned()
        .collect();
    for path in gone {
        server.remove::<T, _>(path.as_str()).await?;
        shown.remove(&path);
    }
    for (path, value) in wanted {
        match shown.get(&path) {
            Some(before) if before == value => continue,
            Some(_) => {
                let interface = server.interface::<_, T>(path.as_str()).await?;
                let mut object = interface.get_mut().await;
                object.show(value, interface.signal_emitter()).await?;
            }
            None => {
                server.at(path.as_str(), T::new(value)).await?;
            }
        }
        shown.insert(path, value.clone());
    }
    Ok(())
}

/// A text as an element of a path: what is no letter or digit becomes `_` and its two hexadecimal digits, byte by byte.
fn element(text: &str) -> String {
    let letter = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("_{byte:02x}")
        }
    };
    text.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_paths_are_one_for_each_text() {
        assert_eq!(element("wwn:0x5000c5"), "wwn_3a0x5000c5");
        assert_eq!(element("serial:A_B é"), "serial_3aA_5fB_20_c3_a9");
    }
}
