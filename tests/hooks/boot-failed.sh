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
