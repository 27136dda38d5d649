//! What is refused, and what ends by itself.

use super::*;

#[test]
fn what_cannot_start_is_refused() {
    let pi = Pi::new();
    pi.write("/dev/sigmavault/boot-b", b"");
    let message = |pi: &Pi| pi.chain().prefer(Slot::B).unwrap_err().to_string();
    assert_eq!(
        message(&pi),
        "slot B cannot start: /dev/sigmavault/boot-b has no config.txt; slot A stays; \
         try: mount -o ro /dev/sigmavault/boot-b /mnt, and look what is there"
    );
    fs::remove_file(pi.files.path(facts::version_path(Slot::B))).unwrap();
    assert!(message(&pi).starts_with("slot B holds no system"));
    assert_eq!(pi.chain().list().unwrap().slots.len(), 1);
    assert_eq!((pi.text(TRY).as_str(), pi.text(FLAG).as_str()), ("", "0"));
}

#[test]
fn a_boot_loader_that_knows_no_tries_gets_no_order() {
    let pi = Pi::new();
    let built = "/proc/device-tree/chosen/bootloader/build-timestamp";
    // 3 September 2020.
    pi.write(built, &1_599_135_103_u32.to_be_bytes());
    for message in
        [pi.chain().prefer(Slot::B), pi.chain().once(Slot::B)].map(|done| done.unwrap_err().to_string())
    {
        assert_eq!(
            message,
            "the boot loader of this Raspberry Pi is of 2020-09-03 and cannot try another slot: it starts nothing then; \
             slot A stays; try: update it to one of October 2022 or later: start Raspberry Pi OS, and there: \
             sudo rpi-eeprom-update -a"
        );
    }
    assert_eq!((pi.text(TRY).as_str(), pi.text(FLAG).as_str()), ("", "0"));
    // What needs no try is done.
    pi.chain().prefer(Slot::A).unwrap();
    pi.write(built, &1_700_000_000_u32.to_be_bytes());
    assert!(pi.chain().prefer(Slot::B).unwrap().tried);
}

#[test]
fn only_a_try_that_is_counted_restarts() {
    let mut pi = Pi::new();
    // The firmware could not start slot B, came to slot A, and calls that a try.
    pi.chain().prefer(Slot::B).unwrap();
    pi.boot_info(true);
    assert_eq!(pi.chain().bad(), AfterBad::Stay(Staying::Proven));
    // The initrd of slot A ordered slot B, which nobody switched to.
    pi.chain().prefer(Slot::A).unwrap();
    pi.write(FLAG, b"1\n");
    pi.restart();
    assert!(pi.start());
    assert_eq!(pi.chain().bad(), AfterBad::Stay(Staying::Alone));
    for line in ["b 2\n", "b 0 once\n"] {
        pi.write(TRY, line.as_bytes());
        assert_eq!(pi.chain().bad(), AfterBad::Restart);
    }
    // The flag is used up, so that this ends.
    with_text(&pi, "", |pi| assert_eq!(pi.chain().bad(), AfterBad::Restart));
}
