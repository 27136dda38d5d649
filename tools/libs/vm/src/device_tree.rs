//! The device tree that QEMU makes for a machine.

use std::ffi::OsString;
use std::path::Path;

use crate::error::Error;
use crate::machine::Machine;
use crate::tools::{Share, ToolsTree};

impl Machine {
    /// Writes the device tree that QEMU makes for this machine to a file in a folder that is there.
    pub fn dump_tree(&self, tools: &ToolsTree, into: &Path) -> Result<(), Error> {
        let folder = into.parent().unwrap_or(Path::new("."));
        let arguments: Vec<OsString> = self
            .tree_arguments(into)
            .into_iter()
            .map(OsString::from)
            .collect();
        let arguments: Vec<_> = arguments.iter().map(OsString::as_os_str).collect();
        let program = self.board.program();
        tools.read(program, &[Share::Write(folder)], &arguments).map(drop)
    }

    /// QEMU's arguments for that: it ends before it runs the machine.
    fn tree_arguments(&self, into: &Path) -> Vec<String> {
        let machine = self.arguments();
        let mut kept = Vec::new();
        for pair in machine.windows(2) {
            match pair[0].as_str() {
                "-machine" => {
                    let file = into.to_string_lossy().replace(',', ",,");
                    let bare = pair[1].replace(",memory-backend=ram", "");
                    kept.extend(["-machine".to_owned(), format!("{bare},dumpdtb={file}")]);
                }
                "-accel" | "-cpu" | "-smp" | "-m" => kept.extend(pair.iter().cloned()),
                _ => {}
            }
        }
        kept.extend(["-nodefaults", "-display", "none"].map(str::to_owned));
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use crate::direct::DirectKernel;
    use crate::drive::{Bus, Drive};
    use crate::memory::Memory;
    use crate::played;

    fn values<'a>(arguments: &'a [String], option: &str) -> Vec<&'a str> {
        let pairs = arguments.windows(2).filter(|pair| pair[0] == option);
        pairs.map(|pair| pair[1].as_str()).collect()
    }

    fn machine(board: Board, bus: Bus) -> Machine {
        Machine {
            board,
            memory: Memory::gib(2),
            drives: vec![Drive::new("/w/a,b", "SV", bus)],
            direct: Some(DirectKernel {
                kernel: "/w/vmlinuz".into(),
                initrd: Some("/w/initrd".into()),
                tree: Some("/w/tree".into()),
                command_line: "quiet".into(),
            }),
            ..played::machine(Path::new("/w"))
        }
    }

    #[test]
    fn a_raspberry_pi_has_a_card_and_serial_ports() {
        let machine = machine(Board::RaspberryPi4, Bus::Card);
        let arguments = machine.arguments();
        assert_eq!(values(&arguments, "-machine"), ["raspi4b,memory-backend=ram"]);
        assert_eq!(values(&arguments, "-cpu"), ["cortex-a72"]);
        assert_eq!(values(&arguments, "-smp"), ["4"]);
        assert_eq!(values(&arguments, "-device"), [""; 0]);
        assert_eq!(values(&arguments, "-netdev"), [""; 0]);
        assert_eq!(values(&arguments, "-serial"), ["chardev:serial"]);
        assert_eq!(values(&arguments, "-drive"), ["if=sd,format=raw,file=/w/a,,b"]);
        assert_eq!(values(&arguments, "-kernel"), ["/w/vmlinuz"]);
        assert_eq!(values(&arguments, "-initrd"), ["/w/initrd"]);
        assert_eq!(values(&arguments, "-dtb"), ["/w/tree"]);
        assert_eq!(values(&arguments, "-append"), ["quiet"]);
        for file in ["/w/vmlinuz", "/w/initrd", "/w/tree"] {
            assert!(machine.shares().contains(&Share::Read(Path::new(file))), "{file}");
        }
    }

    #[test]
    fn the_tree_of_a_virtual_machine() {
        let machine = machine(Board::Virt, Bus::Nvme);
        assert_eq!(
            machine.tree_arguments(Path::new("/w/a,b.dtb")).join(" "),
            "-machine virt,gic-version=max,dumpdtb=/w/a,,b.dtb -accel tcg,thread=multi -cpu max,pauth-impdef=on -smp 2 \
             -m 2048M -nodefaults -display none"
        );
    }
}
