//! The machine that was measured.

use anyhow::Context;
use serde::Serialize;
use sigmavault_ternary::Isa;

/// The machine and how it is used.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Model name of the processor.
    pub processor: String,
    /// Processors that the system sees.
    pub processors: usize,
    /// Threads of both engines.
    pub threads: usize,
    /// Kernels that the engine chose.
    pub isa: &'static str,
    /// Version of Linux.
    pub kernel: String,
}

impl Machine {
    /// Reads the facts from /proc.
    pub fn measure(threads: usize) -> anyhow::Result<Self> {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("cannot read /proc/sys/kernel/osrelease")?;
        Ok(Self {
            processor: field(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            processors: cpuinfo
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            threads,
            isa: Isa::active().name(),
            kernel: kernel.trim().to_owned(),
        })
    }
}

/// The first value of a field of /proc/cpuinfo.
fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(key, value)| (key.trim(), value.trim()))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some: CPU\n\nprocessor\t: 1\n";
        assert_eq!(field(cpuinfo, "model name"), Some("Some: CPU"));
        assert_eq!(field(cpuinfo, "flags"), None);
    }
}
