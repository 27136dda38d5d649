# shellcheck shell=bash disable=SC2034,SC2154
# What a person sees and can do when the initrd cannot go on.

broken() { # ENTRY...: an installed system with these boot entries, slot a of it started
    . "$hooks/boot-failed"
    machine
    command_line='quiet roothash=0'
    esp=$PWD/esp patience=0
    mkdir -p "$esp/loader/entries"
    for entry; do : >"$esp/loader/entries/$entry"; done
    echo '{"slot":"a","disk":"vda"}' >"$run/boot.json"
    echo 'the root file system of slot a is damaged' >"$run/boot-failure"
    mount_esp() { :; }
    unmount_esp() { :; }
    leave() { echo "$1" >>left; }
    shell() { echo "shell $1" >>left; }
    sleep() { :; }
    chattr() { :; }
    initrd_release=$PWD/initrd-release
    : >"$initrd_release"
}

entries() {
    ls "$esp/loader/entries" | tr '\n' ' '
}

test_an_installed_system_gives_no_shell() {
    broken sigmavault-a+2-1.conf sigmavault-b.conf
    for mode in emergency rescue; do
        main $mode </dev/null
    done
    is "$(tr '\n' ' ' <left)" 'reboot reboot '
    hasnt "$(<said)" 'shell follows'
    has "$(<said)" 'slot a did not start: the root file system of slot a is damaged'
    has "$(<said)" 'starts again'
}

test_a_live_session_gives_a_shell() {
    broken
    command_line='sigmavault.live'
    main emergency </dev/null
    is "$(<left)" 'shell emergency'
}

test_the_reason_is_saved_for_the_next_boot() {
    broken sigmavault-a.conf sigmavault-b+0-3.conf
    main emergency </dev/null
    is "$(cut -f 2- "$esp/sigmavault/failures.tsv")" $'a\tthe root file system of slot a is damaged'
    # A slot that was good has to prove itself again.
    is "$(entries)" 'sigmavault-a+2-1.conf sigmavault-b+0-3.conf '
    is "$(<left)" reboot
}

test_without_tries_nothing_starts_by_itself() {
    broken sigmavault-a+0-3.conf sigmavault-b+0-3.conf
    main emergency <<<p
    is "$(<left)" poweroff
    hasnt "$(<said)" 'starts again in'
}

test_the_other_slot_is_offered() {
    broken sigmavault-a+0-3.conf sigmavault-b+0-3.conf
    # Other keys do nothing.
    main emergency <<<xqo
    is "$(<left)" reboot
    has "$(<said)" 'o to start the other slot (b) once'
    pattern=$(printf 'sigmavault-b*.conf' | od -An -v -tx1 | tr -d '\n' | sed 's/ \(..\)/\100/g')
    is "$(written LoaderEntryOneShot)" "07000000${pattern}0000"
}

test_keys_of_every_console_count() {
    broken sigmavault-a+0-3.conf sigmavault-b+0-3.conf
    mkfifo silent serial
    consoles() { printf '%s\n' "$PWD/nowhere" "$PWD/silent" "$PWD/serial"; }
    exec {held}<>silent {typed}<>serial
    printf 'xo' >&$typed
    main emergency </dev/null
    is "$(<left)" reboot
    [ -e "$efi_variables/LoaderEntryOneShot-$loader_guid" ] || fail "the key on the serial line did nothing"
}

test_the_system_says_what_failed() {
    broken sigmavault-a+0-3.conf sigmavault-b+0-3.conf
    rm "$initrd_release" "$run/boot-failure"
    systemctl() { printf '%s\n' 'srv-data.mount loaded failed failed Data' 'zfs-mount.service loaded failed failed ZFS'; }
    main emergency <<<p
    is "$(head -n 1 said)" 'SigmaVault: slot a did not start: failed: srv-data.mount, zfs-mount.service'
    is "$(cut -f 2- "$esp/sigmavault/failures.tsv")" $'a\tfailed: srv-data.mount, zfs-mount.service'
    has "$(<said)" 'o to start the other slot (b) once'
    systemctl() { :; }
    is "$(reason rescue)" 'no unit failed; rescue mode was asked for, or a device did not appear in time'
    : >"$initrd_release"
    is "$(reason rescue)" 'did not get past the initrd; failed: no unit, a device did not appear in time'
}

test_a_slot_that_is_not_there_is_not_offered() {
    broken sigmavault-a+0-3.conf
    main emergency <<<or
    is "$(<left)" reboot
    hasnt "$(<said)" 'other slot ('
    [ ! -e "$efi_variables/LoaderEntryOneShot-$loader_guid" ] || fail "an order was given"
}

test_a_firmware_without_orders() {
    broken sigmavault-a+0-3.conf sigmavault-b.conf
    patience=1000
    set_efi_variable() { return 1; }
    main emergency <<<op
    is "$(<left)" poweroff
    has "$(<said)" 'did not take the order'
}

raspberry_pi() { # TRYING [SLOT]: a Raspberry Pi with two slots that started this one
    broken
    rm -r "$esp/loader"
    preferred=
    mkdir -p "$esp/sigmavault" device-tree
    echo 0.1.0 >"$esp/sigmavault/slot-a.version"
    echo 0.2.0 >"$esp/sigmavault/slot-b.version"
    printf '{"slot":"%s","disk":"mmcblk0","esp":"11","entry":"","chain":"tryboot","trying":%s,"state":"ext4"}\n' \
        "${2:-a}" "$1" >"$run/boot.json"
    bootloader=$PWD/device-tree try_flag=$PWD/flag
    [ "$1" = true ] && printf '\0\0\0\1' >"$bootloader/tryboot" || printf '\0\0\0\0' >"$bootloader/tryboot"
    echo 0 >"$try_flag"
    modprobe() { echo "$*" >>loaded; }
}

autoboot() { # PARTITION: the file that prefers this one
    printf '[all]\ntryboot_a_b=1\nboot_partition=%d\n[tryboot]\nboot_partition=%d\n' "$1" "$((5 - $1))" >"$esp/autoboot.txt"
}

test_a_try_on_a_raspberry_pi_returns_by_itself() {
    raspberry_pi true b
    main emergency </dev/null
    is "$(<left)" reboot
    is "$(cut -f 2- "$esp/sigmavault/failures.tsv")" $'b\tthe root file system of slot a is damaged'
    is "$(<"$try_flag")" 0 'the flag'
    has "$(<said)" 'with the slot that ran before'
    has "$(<said)" 'o to start the other slot (a) once'
    # The other slot is the next one without an order.
    rm left
    patience=1000
    main emergency <<<o
    is "$(<left)" reboot
    is "$(<"$try_flag")" 0 'the flag'
}

# fails NUMBER: what the machine does by itself, or by the keys on standard input, after failures of slot a in a row before this one
fails() {
    local at
    rm -f left "$esp/sigmavault/failures.tsv"
    : >said
    echo 0 >"$try_flag"
    for ((at = 0; at < $1; at++)); do
        printf '2026-11-20T08:0%d:00Z\ta\tbroken\n' "$at" >>"$esp/sigmavault/failures.tsv"
        # Those of the other slot do not count.
        printf '2026-11-20T08:0%d:30Z\tb\tbroken too\n' "$at" >>"$esp/sigmavault/failures.tsv"
    done
    main emergency
}

test_a_preferred_slot_that_fails_in_a_row_falls_back() {
    raspberry_pi false
    autoboot 2
    for before in 0 1; do
        fails $before </dev/null
        is "$(<left) $(<"$try_flag")" 'reboot 0' "after $before failures it"
        has "$(<said)" 'starts again in'
    done
    for before in 2 3 4; do
        fails $before </dev/null
        is "$(<left) $(<"$try_flag")" 'reboot 1' "after $before failures it"
        has "$(<said)" 'starts the other slot (b) in'
    done
    is "$(sort -u loaded)" '-q sigmavault_tryboot'
    # By then the other slot was started three times, and failed too.
    fails 5 <<<p
    is "$(<left) $(<"$try_flag")" 'poweroff 0'
    hasnt "$(<said)" ' seconds'
    fails 5 <<<o
    is "$(<left) $(<"$try_flag")" 'reboot 1'
    [ ! -e "$efi_variables/LoaderEntryOneShot-$loader_guid" ] || fail "an EFI variable was set"
    # Keys come first.
    patience=1000
    fails 2 <<<p
    is "$(<left) $(<"$try_flag")" 'poweroff 0'
}

test_a_preferred_slot_without_another_waits() {
    raspberry_pi false
    rm "$esp/sigmavault/slot-b.version"
    fails 1 </dev/null
    is "$(<left)" reboot
    fails 2 <<<op
    is "$(<left) $(<"$try_flag")" 'poweroff 0'
}

test_failures_that_cannot_be_counted_wait() {
    raspberry_pi false
    rm "$esp/sigmavault/"*
    mkdir "$esp/sigmavault/failures.tsv"
    main emergency <<<p 2>/dev/null
    is "$(<left)" poweroff
}

test_a_raspberry_pi_without_the_kernel_module() {
    raspberry_pi false
    fails 1 </dev/null
    flag=$try_flag try_flag=$PWD/nowhere/flag
    rm left
    main emergency <<<op 2>/dev/null
    is "$(<left)" poweroff
    has "$(<said)" 'did not take the order. It waits for a key'
    has "$(<said)" 'did not take the order. Switch the machine off and on'
    is "$(<"$flag")" 0 'the flag'
}

test_a_boot_loader_that_knows_no_tries_gets_no_order() {
    raspberry_pi false
    # A second before and the first second of October 2022.
    printf '\x63\x37\x82\xff' >"$bootloader/build-timestamp"
    fails 2 <<<op
    is "$(<left) $(<"$try_flag")" 'poweroff 0'
    has "$(<said)" 'sudo rpi-eeprom-update -a'
    printf '\x63\x37\x83\x00' >"$bootloader/build-timestamp"
    fails 2 </dev/null
    is "$(<left) $(<"$try_flag")" 'reboot 1'
}

test_the_order_is_for_the_slot_that_a_restart_does_not_take() {
    # The firmware could not start slot b, and came to slot a, which it calls a try.
    raspberry_pi true a
    autoboot 2
    fails 5 <<<o
    is "$(<left) $(<"$try_flag")" 'reboot 1'
    hasnt "$(<said)" 'This start was a try'
    # It could not start the preferred slot b: that needs no order, which would mean slot a.
    raspberry_pi false a
    autoboot 3
    fails 5 <<<o
    is "$(<left) $(<"$try_flag")" 'reboot 0'
    # A try of slot b.
    raspberry_pi true b
    autoboot 2
    main emergency </dev/null
    is "$(<left) $(<"$try_flag")" $'reboot\nreboot 0'
    has "$(<said)" 'This start was a try'
}

test_the_preferred_slot_is_read_as_the_firmware_does() {
    raspberry_pi false
    autoboot 3
    is "$(prefers)" b
    printf '# boot_partition=2\r\nboot_partition=2\r\n[tryboot]\r\nboot_partition=3\r\n' >"$esp/autoboot.txt"
    is "$(prefers)" a
    for text in '' '[tryboot]\nboot_partition=3' '[pi4]\nboot_partition=2' '[all]\nboot_partition=1'; do
        printf "$text\n" >"$esp/autoboot.txt"
        is "$(prefers)" '' "the slot of $text"
    done
    rm "$esp/autoboot.txt"
    is "$(prefers)" ''
}

test_a_raspberry_pi_is_repaired_from_a_disk_of_another_kind() {
    raspberry_pi false
    fails 5 <<<p
    has "$(<said)" 'To repair the system, start from another disk with the image, of another kind (an SD card if this is a USB disk), and leave its installer for a shell; there are all tools.'
    broken
    main emergency <<<p
    has "$(<said)" 'To repair the system, start the installation medium, whose live session has a shell; there are all tools.'
}

test_a_slot_of_a_raspberry_pi_that_is_not_there_is_not_offered() {
    raspberry_pi false
    rm "$esp/sigmavault/slot-b.version"
    main emergency <<<or
    is "$(<left)" reboot
    is "$(<"$try_flag")" 0 'the flag'
    hasnt "$(<said)" 'other slot ('
}

test_a_try_that_found_no_disk_returns_too() {
    raspberry_pi true b
    rm "$run/boot.json"
    main emergency </dev/null
    is "$(<left)" reboot
    has "$(<said)" 'slot unknown did not start'
    # The preferred slot has no other to return to.
    printf '\0\0\0\0' >"$bootloader/tryboot"
    rm left
    main emergency <<<p
    is "$(<left)" poweroff
}

test_a_damaged_state_ends_a_try() {
    raspberry_pi true b
    : >"$run/state-failed"
    main emergency </dev/null
    is "$(<left)" reboot
}

test_tries_have_a_deadline() {
    raspberry_pi true b
    sed "s,/sys/firmware,$PWD/firmware,; s,/run/sigmavault,$run,; s,/proc/cmdline,$PWD/cmdline," "$top/units/boot/sigmavault-boot-generator" >generator
    echo quiet >cmdline
    sh generator out
    [ -L out/sysinit.target.wants/sigmavault-boot-deadline.timer ] || fail "the try has no deadline"
    rm -r out
    sed -i s/true/false/ "$run/boot.json"
    sh generator out
    [ ! -e out ] || fail "the preferred slot has a deadline"
    rm "$run/boot.json"
    sh generator out
    [ ! -e out ] || fail "a start without a record has a deadline"
    mkdir -p firmware/efi/efivars
    : >"firmware/efi/efivars/LoaderBootCountPath-$loader_guid"
    sh generator out
    [ -L out/sysinit.target.wants/sigmavault-boot-deadline.timer ] || fail "a counted entry has no deadline"
}

test_a_damaged_state_is_no_slots_fault() {
    broken sigmavault-a.conf sigmavault-b.conf
    : >"$run/state-failed"
    main emergency <<<p
    is "$(<left)" poweroff
    is "$(entries)" 'sigmavault-a.conf sigmavault-b.conf '
    has "$(<said)" 'the other one would not start either'
}

test_the_units_of_initrd_and_system_start_no_other_shell() {
    units=$top/initramfs-hooks/tree/usr/lib/systemd/system
    for unit in emergency rescue; do
        text=$(cat "$units/$unit".service.d/*.conf)
        is "$(grep -h '^ExecStart=' <<<"$text" | tr '\n' ' ')" "ExecStart= ExecStart=-/usr/lib/sigmavault/boot-failed $unit "
        hasnt "$text" 'Environment=SYSTEMD_SULOGIN_FORCE'
    done
    # The system has the same files.
    for file in sigmavault/boot-failed sigmavault/functions systemd/system/emergency.service.d/10-sigmavault.conf \
        systemd/system/rescue.service.d/10-sigmavault.conf systemd/system/debug-shell.service.d/10-sigmavault.conf; do
        has "$(<"$top/tools/cli/Cargo.toml")" "[\"../../initramfs-hooks/tree/usr/lib/$file\", \"usr/lib/${file%/*}/\","
    done
    grep -qx 'ConditionKernelCommandLine=sigmavault.live' "$units"/debug-shell.service.d/*.conf
}
