# shellcheck shell=bash disable=SC2034,SC2154
# What a factory reset keeps, and that a power cut in it loses nothing.

used_state() { # a state partition with settings, two keys, and what the installer left
    . "$hooks/reset"
    state=$PWD/state
    sync() { :; }
    give_up() {
        printf '%s\n' "$1" >gave_up
        exit 1
    }
    mkdir -p "$state"/{factory/etc/sigmavault/keys,factory/etc/zfs,etc/upper/sigmavault/keys,etc/upper/zfs,etc/upper/ssh,var/cache,lost+found}
    chmod 700 "$state/factory/etc/sigmavault/keys" "$state/etc/upper/sigmavault/keys"
    echo first >"$state/factory/etc/sigmavault/keys/tank.key"
    echo factory >"$state/factory/etc/hostname"
    echo changed >"$state/etc/upper/sigmavault/keys/tank.key"
    echo later >"$state/etc/upper/sigmavault/keys/backup.key"
    chmod 400 "$state/factory/etc/sigmavault/keys/"* "$state/etc/upper/sigmavault/keys/"*
    echo pools >"$state/etc/upper/zfs/zpool.cache"
    echo id >"$state/etc/upper/machine-id"
    echo host >"$state/etc/upper/hostid"
    echo mine >"$state/etc/upper/hostname"
    echo secret >"$state/etc/upper/ssh/ssh_host_key"
    echo talk >"$state/var/cache/conversation"
}

pools_are_kept() {
    is "$(<"$state/etc/upper/sigmavault/keys/tank.key")" changed 'the key that the pool has now'
    is "$(<"$state/etc/upper/sigmavault/keys/backup.key")" later 'the key of a later pool'
    is "$(stat -c %a "$state/etc/upper/sigmavault/keys" "$state/etc/upper/sigmavault/keys/backup.key" | paste -s -d ' ')" '700 400' 'modes'
    is "$(<"$state/etc/upper/zfs/zpool.cache")" pools 'the list of pools'
    is "$(<"$state/etc/upper/hostid")" host 'the host id'
    is "$(<"$state/etc/upper/hostname")" factory 'the host name'
    [ ! -e "$state/etc/upper/ssh" ] || fail 'a setting is left'
    [ ! -e "$state/.keep" ] || fail 'what was set aside is left'
}

test_a_reset_of_the_configuration_keeps_pools_and_their_keys() {
    used_state
    reset_configuration
    pools_are_kept
    is "$(<"$state/etc/upper/machine-id")" id
    is "$(<"$state/var/cache/conversation")" talk
}

test_a_reset_of_the_system_keeps_pools_and_their_keys() {
    used_state
    reset_system
    pools_are_kept
    [ ! -e "$state/etc/upper/machine-id" ] || fail 'the machine id is left'
    [ ! -e "$state/var" ] || fail 'conversations are left'
}

test_a_reset_that_was_cut_off_keeps_the_keys() {
    local cut
    for cut in 1 2 3 4 5 6; do
        rm -rf state
        (
            used_state
            # The power goes at the rm or mv of this number.
            steps=0
            step() {
                steps=$((steps + 1))
                [ "$steps" -lt "$cut" ] || exit 0
            }
            rm() { step && command rm "$@"; }
            mv() { step && command mv "$@"; }
            reset_configuration
        )
        (
            . "$hooks/reset"
            state=$PWD/state
            sync() { :; }
            reset_configuration
            pools_are_kept
        )
    done
}

test_without_keys_a_reset_goes_on() {
    used_state
    rm -rf "$state"/{factory/etc,etc/upper}/{sigmavault,zfs}
    reset_configuration
    is "$(<"$state/etc/upper/hostname")" factory
    [ ! -e "$state/etc/upper/sigmavault" ] || fail 'a folder of keys was made'
}

test_what_cannot_be_put_back_stays_aside() {
    used_state
    cp() { case $* in *.keep/.*) return 1 ;; *) command cp "$@" ;; esac; }
    if (reset_system); then fail 'it went on'; fi
    has "$(<gave_up)" 'could not be put back'
    is "$(<"$state/.keep/sigmavault/keys/backup.key")" later
    unset -f cp
    reset_system
    pools_are_kept
}

test_a_full_state_resets_nothing() {
    used_state
    cp() { return 1; }
    if (reset_system); then fail 'it went on'; fi
    has "$(<gave_up)" 'nothing was reset'
    is "$(<"$state/etc/upper/hostname")" mine
}

boot_partition() { # the first partition of a Raspberry Pi with secrets, a PC has only the folder `EFI`
    . "$hooks/reset"
    names=$PWD/names
    sync() { :; }
    mkdir -p "$names" esp/EFI esp/sigmavault
    echo 'password = "secret"' >esp/answers.toml
    for name in S_1 S_1-2; do echo "key of $name" >"esp/recovery-key-$name.txt"; done
    : >esp/recovery-key-empty.txt
    ln esp/answers.toml answers
    ln esp/recovery-key-S_1-2.txt key
    dd if=/dev/urandom of="$names/boot-a" bs=1M count=2 status=none
    cp "$names/boot-a" "$names/boot-b"
    cp "$names/boot-a" whole
}

test_a_reset_of_everything_overwrites_what_starts_a_raspberry_pi() {
    boot_partition
    erase_slots
    erase_boot esp
    is "$(ls -A esp)" ''
    is "$(tr -d '\0' <answers | wc -c) $(stat -c %s answers)" '0 20' 'the answers'
    is "$(tr -d '\0' <key | wc -c) $(stat -c %s key)" '0 13' 'the recovery key'
    for slot in a b; do
        is "$(stat -c %s "$names/boot-$slot")" 2097152 'the size'
        cmp -n 1048576 "$names/boot-$slot" /dev/zero
        cmp -i 1048576 "$names/boot-$slot" whole
    done
    # Where it cannot, it says so, and does the rest.
    boot_partition
    rm "$names/boot-a"
    mkdir "$names/boot-a"
    if erase_slots 2>/dev/null; then fail 'nobody noticed'; fi
    cmp -n 1048576 "$names/boot-b" /dev/zero
}

test_a_reset_of_everything_empties_the_boot_partition_of_a_pc() {
    boot_partition
    rm "$names"/*
    erase_slots
    erase_boot esp
    is "$(ls -A esp) $(ls -A "$names")" ' '
}

test_a_reset_says_how_to_use_the_machine_again() {
    text=$(<"$hooks/mount-state")
    has "$text" 'erase_boot /run/sigmavault/esp'
    has "$text" 'Write the image to the card or disk again'
}
