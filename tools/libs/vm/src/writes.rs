//! What a guest has written to its drives, as QEMU counts it.

use serde_json::Value;

/// What was written to one drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Block node, `disk0` for the first drive.
    pub node: String,
    /// Write operations.
    pub operations: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The counts of each drive, from the answer to `query-blockstats`.
pub(crate) fn written(stats: &Value) -> Vec<Written> {
    let mut drives: Vec<Written> = stats
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|device| {
            let node = device["node-name"]
                .as_str()
                .filter(|node| node.starts_with("disk"))?;
            let number = |key: &str| device["stats"][key].as_u64().unwrap_or_default();
            Some(Written {
                node: node.to_owned(),
                operations: number("wr_operations"),
                bytes: number("wr_bytes"),
            })
        })
        .collect();
    drives.sort_by(|a, b| a.node.cmp(&b.node));
    drives
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_of_drives() {
        let stats = json!([
            {"node-name": "medium", "stats": {"wr_operations": 1, "wr_bytes": 1}},
            {"node-name": "disk1", "stats": {"wr_operations": 2, "wr_bytes": 1024}},
            {"node-name": "disk0", "stats": {"wr_operations": 0, "wr_bytes": 0}},
        ]);
        let drive = |node: &str, operations, bytes| Written {
            node: node.into(),
            operations,
            bytes,
        };
        assert_eq!(written(&stats), [drive("disk0", 0, 0), drive("disk1", 2, 1024)]);
        assert_eq!(written(&Value::Null), []);
    }
}
