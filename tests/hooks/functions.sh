# shellcheck shell=bash disable=SC2034,SC2154
# The functions that all hooks share.

shared() {
    . "$hooks/functions"
    machine
}

test_numbers_are_digits_only() {
    shared
    for text in 'a[$(touch evaluated)]' '$(touch evaluated)' '`touch evaluated`' '1+1' '-1' '0x10' '' ' ' '123456' '٣'; do
        command_line="quiet sigmavault.wait=$text"
        is "$(seconds sigmavault.wait 60)" 60 "'$text'"
    done
    [ ! -e evaluated ] || fail "a word of the kernel command line was evaluated"
    # Not an octal number, and the last of several.
    command_line='sigmavault.wait=5 sigmavault.wait=0090'
    is "$(seconds sigmavault.wait 60)" 90
    command_line='sigmavault.waits=5'
    is "$(seconds sigmavault.wait 60)" 60
}

test_every_console_is_spoken_to_once() {
    . "$hooks/functions"
    sys=$PWD/sys
    mkdir -p "$sys/class/tty/console"
    # The last one is /dev/console.
    echo 'ttyS0 ttyS1 tty0' >"$sys/class/tty/console/active"
    is "$(consoles | tr '\n' ' ')" '/dev/ttyS0 /dev/ttyS1 '
    echo tty0 >"$sys/class/tty/console/active"
    is "$(consoles)" ''
    consoles() { printf '%s\n' "$PWD/one" "$PWD/two"; }
    is "$(say hello)" hello
    is "$(cat one two)" $'hello\r\nhello\r'
}

test_words_are_not_expanded() {
    shared
    touch one two
    command_line='* sigmavault.medium=* x?y'
    is "$(option sigmavault.medium)" '*'
    command_line='sigmavault.medium=$HOME'
    is "$(option sigmavault.medium)" '$HOME'
}

test_a_live_session_is_told_by_the_whole_word() {
    shared
    for command_line in 'quiet sigmavault.live' 'sigmavault.live=yes quiet'; do
        live || fail "'$command_line' is a live session"
    done
    for command_line in '' 'sigmavault.lively' 'x=sigmavault.live' 'sigmavaultXlive' 'no-sigmavault.live'; do
        if live; then fail "'$command_line' is no live session"; fi
    done
}

test_a_root_hash_is_64_digits() {
    shared
    hash=$(printf '%064d' 7)
    command_line="roothash=$hash"
    is "$(root_hash)" "$hash"
    for text in "${hash}0" "${hash%?}" "../../$hash" "${hash//0/g}" ''; do
        command_line="roothash=$text"
        if root_hash; then fail "'$text' is no root hash"; fi
    done
}

test_every_partition_with_a_guid_is_found() {
    shared
    disk sda esp=11 state=12
    disk sdb esp=11 state=13
    is "$(partitions 11 | tr '\n' ' ')" '/dev/sda1 /dev/sdb1 '
    is "$(partitions 13)" /dev/sdb2
    is "$(partitions 99)" ''
}

test_two_paths_to_a_disk_are_one_disk() {
    shared
    disk sda esp=11 state=12
    disk sdb esp=11 state=12
    for name in sda sdb; do printf 'ID_BUS=scsi\nID_SERIAL=3500\nID_WWN=0x5000\n' >udev/$name; done
    is "$(one_of /dev/sda1 /dev/sdb1)" /dev/sda1
    # Another partition of the same disk with a copied GUID is another partition.
    if one_of /dev/sda1 /dev/sda2; then fail "two partitions were taken for one"; fi
    # A USB stick can claim any serial number.
    sed -i 's/scsi/usb/' udev/sdb
    if one_of /dev/sda1 /dev/sdb1; then fail "a stick was taken for a path to the disk"; fi
    printf 'ID_BUS=scsi\nID_SERIAL=3500\nID_WWN=0x5001\n' >udev/sdb
    if one_of /dev/sda1 /dev/sdb1; then fail "two disks were taken for one"; fi
    for name in sda sdb; do printf 'ID_BUS=scsi\n' >udev/$name; done
    if one_of /dev/sda1 /dev/sdb1; then fail "disks without serial numbers were taken for one"; fi
    if one_of; then fail "nothing was taken for a disk"; fi
}

test_variables_of_the_firmware_are_read_and_set() {
    shared
    variable LoaderEntrySelected sigmavault-a+3.conf
    is "$(efi_variable LoaderEntrySelected)" sigmavault-a+3.conf
    if efi_variable LoaderEntryOneShot; then fail "there is no such variable"; fi
    set_efi_variable LoaderEntryOneShot 'b*.c'
    is "$(written LoaderEntryOneShot)" 0700000062002a002e0063000000
    is "$(ls "$run")" '' 'what is left'
}
