# shellcheck shell=bash disable=SC2034,SC2154
# Which medium a live session starts from.

HASH=00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef
ROOT_GUID=00112233-4455-6677-8899-aabbccddeeff
TREE_GUID=01234567-89ab-cdef-0123-456789abcdef

medium() {
    . "$hooks/find-medium"
    machine
    command_line="roothash=$HASH sigmavault.live sigmavault.medium=SV sigmavault.wait=1"
    adopt() { printf '%s\n' "$@" >adopted; }
    attach() { return 1; }
    has_partitions() { :; }
    modules=$PWD/modules
    mkdir -p modules/6.12
    echo 'kernel/drivers/scsi/hpsa.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz' >modules/6.12/modules.dep
}

test_the_medium_is_found_by_its_hash() {
    medium
    disk sda other=1
    disk sdb esp=7 root=$ROOT_GUID verity=$TREE_GUID
    (main)
    is "$(tr '\n' ' ' <adopted)" 'root=/dev/sdb2 root-verity=/dev/sdb3 esp=/dev/sdb1 '
    is "$(<"$run/initrd-modules")" kernel/drivers/scsi/hpsa.ko.xz
}

test_two_equal_media_are_refused() {
    medium
    disk sda esp=7 root=$ROOT_GUID verity=$TREE_GUID
    disk sdb esp=7 root=$ROOT_GUID verity=$TREE_GUID
    if (main); then fail "one of two equal media was taken"; fi
    [ ! -e adopted ] || fail "partitions were named"
    has "$(<said)" 'two boot media are alike'
    has "$(<said)" 'sda'
}

test_the_wait_for_the_medium_is_a_number() {
    medium
    command_line="roothash=$HASH sigmavault.medium=SV sigmavault.wait=a[\$(touch evaluated)]"
    sleep() { SECONDS=$((SECONDS + 60)); }
    if (main); then fail "there is no medium"; fi
    [ ! -e evaluated ] || fail "a word of the kernel command line was evaluated"
    has "$(<said)" 'not found within 120 seconds'
}

test_a_medium_needs_a_root_hash() {
    medium
    command_line='roothash=../sda sigmavault.medium=SV sigmavault.wait=0'
    if (main); then fail "that is no root hash"; fi
    has "$(<said)" 'no root hash'
}
