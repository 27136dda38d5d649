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
    is "$(<"$run/boot.json")" '{"slot":"b","disk":"vdb","esp":"'$ESP_GUID'","entry":"sigmavault-b+2-1.conf","chain":"systemd-boot","trying":false}'
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

# pi PARTITION TRYBOOT MODE: what the firmware of a Raspberry Pi says about the start.
pi() {
    installed
    bootloader=$PWD/bootloader uefi=$PWD/no-uefi
    mkdir -p "$bootloader"
    for pair in "partition=$1" "tryboot=$2" "boot-mode=$3"; do
        # shellcheck disable=SC2059
        printf "\\0\\0\\0\\$(printf %o "${pair#*=}")" >"$bootloader/${pair%%=*}"
    done
    local hash
    hash=$(printf 'ab%.0s' {1..32})
    command_line="quiet roothash=$hash sigmavault.wait=1"
    # The files `hashes/PARTITION` hold the root hashes of hash trees.
    mkdir -p hashes
    verity_root_hash() { cat "hashes/${1#/dev/}" 2>/dev/null; }
    same=$hash
}

usb_disk() { # NAME: puts the disk behind a USB controller
    mkdir -p "$sys/devices/pci0/usb2/2-1"
    mv "$sys/block/$1" "$sys/devices/pci0/usb2/2-1/"
    ln -s "../devices/pci0/usb2/2-1/$1" "$sys/block/$1"
}

CARD='boot=c1 boot-a=c2 boot-b=c3 root-a=a1 root-a-verity=a2'

test_the_card_that_a_raspberry_pi_started_from() {
    pi 3 1 1
    # shellcheck disable=SC2086
    disk mmcblk0 $CARD root-b=b1 root-b-verity=b2 state=5
    # shellcheck disable=SC2086
    disk sda $CARD root-b=b1 root-b-verity=b2 state=5
    echo "$same" | tee hashes/mmcblk07 >hashes/sda7
    (main)
    is "$(sort adopted | tr '\n' ' ')" 'boot-a=/dev/mmcblk02 boot-b=/dev/mmcblk03 esp=/dev/mmcblk01 root-verity=/dev/mmcblk07 root=/dev/mmcblk06 state=/dev/mmcblk08 '
    is "$(<"$run/boot.json")" '{"slot":"b","disk":"mmcblk0","esp":"c1","entry":"","chain":"tryboot","trying":true}'
}

test_the_first_start_of_a_raspberry_pi_has_no_state() {
    pi 2 0 6
    # shellcheck disable=SC2086
    disk nvme0n1 $CARD
    echo "$same" >hashes/nvme0n15
    if (main); then fail "it has no state partition"; fi
    has "$(<"$run/boot-failure")" 'the disk nvme0n1 lacks the partition state'
    rm "$run/boot-failure"
    command_line="$command_line sigmavault.live sigmavault.setup"
    (main)
    is "$(sort adopted | tr '\n' ' ')" 'boot-a=/dev/nvme0n12 boot-b=/dev/nvme0n13 esp=/dev/nvme0n11 root-verity=/dev/nvme0n15 root=/dev/nvme0n14 '
    has "$(<"$run/boot.json")" '"trying":false'
}

test_two_disks_with_one_system_are_refused() {
    pi 2 0 4
    for name in sda sdb sdc sdd; do
        # shellcheck disable=SC2086
        disk $name $CARD state=5
        # The last one is a SATA disk.
        [ $name = sdd ] || usb_disk $name
        echo ID_BUS=ata >udev/$name
        echo "$same" >hashes/${name}5
    done
    echo other >hashes/sdc5
    if (main); then fail "one of two equal disks was taken"; fi
    has "$(<"$run/boot-failure")" 'several disks have this system: sda sdb; remove'
    rm "$run/boot-failure"
    echo other >hashes/sda5
    (main)
    has "$(<"$run/boot.json")" '"disk":"sdb"'
}

test_a_raspberry_pi_that_started_from_the_network() {
    pi 2 0 2
    if (main); then fail "there is no disk"; fi
    has "$(<"$run/boot-failure")" 'boot mode 2'
    pi 1 0 1
    if (main); then fail "that is no slot"; fi
    has "$(tail -1 "$run/boot-failure")" 'the firmware started from partition 1'
}

test_the_root_hash_of_a_hash_tree() {
    installed
    # Superblock, then the top block; what follows does not matter.
    { printf 'verity\0\0'; head -c 72 /dev/zero; printf '\4\0'; head -c 6 /dev/zero; printf salt; head -c 4004 /dev/zero; } >tree
    printf 'top%.0s' {1..2000} >>tree
    is "$(stat -c %s tree)" 10096
    is "$(verity_root_hash tree)" "$({ printf salt; tail -c +4097 tree | head -c 4096; } | sha256sum | cut -d ' ' -f 1)"
}
