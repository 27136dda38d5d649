//! The one-shot tryboot flag, and the other things that outlive a restart.

/// Where a board keeps the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// In a register of the power management: a power cut clears it.
    #[default]
    Register,
    /// In the EEPROM, which must be writable for it: Raspberry Pi 4 Model B of revision 1.0 and 1.1, which cut their own
    /// power to restart. It outlives a power cut.
    Eeprom,
}

/// What a start finds of the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reset {
    /// The partition that `reboot` named; 0 is none.
    pub partition: u32,
    /// Whether the tryboot flag was set.
    pub tryboot: bool,
}

/// The flag of a board, over many starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flag {
    kept: Kept,
    set: bool,
}

impl Flag {
    /// A board whose flag is clear.
    pub const fn new(kept: Kept) -> Self {
        Self { kept, set: false }
    }

    /// A running system sets or clears it (mailbox tag `0x0003_8064`).
    pub const fn set(&mut self, on: bool) {
        self.set = on;
    }

    /// Whether it is set.
    pub const fn is_set(&self) -> bool {
        self.set
    }

    /// The power goes off.
    pub fn power_cut(&mut self) {
        self.set &= self.kept == Kept::Eeprom;
    }

    /// The firmware starts: it takes the flag and clears it, before it starts anything.
    pub const fn take(&mut self) -> Reset {
        let tryboot = self.set;
        self.set = false;
        Reset {
            partition: 0,
            tryboot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_for_one_start() {
        let mut flag = Flag::default();
        assert!(!flag.take().tryboot);
        flag.set(true);
        assert_eq!(
            [flag.take().tryboot, flag.take().tryboot, flag.take().tryboot],
            [true, false, false]
        );
        flag.set(true);
        flag.set(false);
        assert!(!flag.take().tryboot);
    }

    #[test]
    fn a_power_cut_clears_it_on_all_but_the_first_boards() {
        for (kept, left) in [(Kept::Register, false), (Kept::Eeprom, true)] {
            let mut flag = Flag::new(kept);
            flag.set(true);
            flag.power_cut();
            assert_eq!(flag.take().tryboot, left, "{kept:?}");
        }
    }
}
