# shellcheck shell=bash disable=SC2034,SC2154
# Which disk and which slot an installed system starts from.

ESP_GUID=c12a7328-0000-0000-0000-000000000001

installed() {
    . "$hooks/find-system"
    machine
    command_line='quiet sigmavault.wait=1'
    modprobe() { :; }
    mountpoint() { :; }
    adopt() { printf '%s\n' "$@" >adopted; }
    variable LoaderDevicePartUUID "${ESP_GUID^^}"
    variable LoaderEntrySelected sigmavault-b+2-1.conf
}

parts() { # STATE: the partitions of an installed disk, its state partition with this GUID
    echo "esp=$ESP_GUID root-a=a1 root-a-verity=a2 root-b=b1 root-b-verity=b2 state=$1"
}

test_the_slot_of_the_entry_is_taken() {
    installed
    disk vda other=1
    # shellcheck disable=SC2046
    disk vdb $(parts 5)
    (main)
    is "$(sort adopted | tr '\n' ' ')" 'esp=/dev/vdb1 root-verity=/dev/vdb5 root=/dev/vdb4 state=/dev/vdb6 '
    is "$(<"$run/boot.json")" '{"slot":"b","disk":"vdb","esp":"'$ESP_GUID'","entry":"sigmavault-b+2-1.conf"}'
}

test_a_clone_of_the_disk_is_refused() {
    installed
    # shellcheck disable=SC2046
    disk vda $(parts 5)
    # shellcheck disable=SC2046
    disk vdb $(parts 6)
    if (main); then fail "one of two equal disks was taken"; fi
    [ ! -e adopted ] || fail "partitions were named"
    has "$(<"$run/boot-failure")" "several EFI system partitions have the GUID $ESP_GUID: /dev/vda1 /dev/vdb1"
}

test_the_wait_for_the_disk_is_a_number() {
    installed
    command_line='sigmavault.wait=a[$(touch evaluated)]'
    sleep() { SECONDS=$((SECONDS + 30)); }
    if (main); then fail "there is no disk"; fi
    [ ! -e evaluated ] || fail "a word of the kernel command line was evaluated"
    has "$(<"$run/boot-failure")" 'did not appear within 60 seconds'
}

test_names_of_entries() {
    installed
    for pair in a:sigmavault-a.conf b:sigmavault-b+3.conf a:sigmavault-a+0-3.conf :sigmavault-c.conf \
        ':sigmavault-a+3".conf' ':sigmavault-a.conf.bak' :; do
        is "$(started_slot "${pair#*:}")" "${pair%%:*}" "the slot of '${pair#*:}'"
    done
    variable StubImageIdentifier '\EFI\sigmavault\slot-b.efi'
    is "$(started_slot auto-efi-default)" b
}

test_a_firmware_that_names_no_disk() {
    installed
    variable LoaderDevicePartUUID '../../sda'
    if (main); then fail "that is no GUID"; fi
    has "$(<"$run/boot-failure")" 'no LoaderDevicePartUUID'
}
