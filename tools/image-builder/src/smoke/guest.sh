# Runs inside the booted machine, which gets it from outside as a systemd credential. It runs the checks and reports
# what it observes, one JSON object per line; whether that is right is judged outside.
# It uses bash, coreutils, util-linux, systemctl, journalctl and the programs under test, nothing else.
# The reporting functions (report.sh of the vm library) precede it in the credential.
#
#   bash guest.sh          everything, then wait for an order
#   bash guest.sh CHECK    one check, the report port open as descriptor 3
#   bash guest.sh gone     report how the first of these ended

# -- Observing ---------------------------------------------------------------------------------------------------

# What a unit is, and its last words when it does not run.
unit_fact() {
    local state
    state=$(systemctl is-active "$1")
    if [[ $state != active ]]; then
        state+=$'\n'$(systemctl show -p LoadState,Result,ExecMainStatus "$1")
        state+=$'\n'$(journalctl -b -u "$1" -n 6 --no-pager -o cat)
    fi
    fact unit "$state"
}

# Every failed unit with its last journal lines.
failed_units() {
    local unit
    systemctl list-units --state=failed --plain --no-legend --full --all | while read -r unit _; do
        printf '%s\n' "$unit"
        journalctl -b -u "$unit" -n 6 --no-pager -o cat | cut -c1-300 | while read -r line; do
            printf '  %s\n' "$line"
        done
    done
}

# Every service that systemd started again because it had ended.
restarted_units() {
    local key value id= count=0
    {
        systemctl show -p Id -p NRestarts '*.service'
        printf '\n'
    } | while IFS='=' read -r key value; do
        case $key in
        Id) id=$value ;;
        NRestarts) count=$value ;;
        '')
            ((count == 0)) || printf '%s restarted %s times\n' "$id" "$count"
            count=0
            ;;
        esac
    done
}

# -- Checks ----------------------------------------------------------------------------------------------------

check_firmware-to-kernel() {
    if [[ -d /sys/firmware/efi ]]; then fact firmware uefi; else fact firmware bios; fi
    fact kernel "$(uname -r)"
}

check_boot-target() {
    local target state job deadline=$((SECONDS + SMOKE_BOOT_LIMIT))
    target=$(systemctl get-default)
    fact target "$target"
    state=$(systemctl is-system-running)
    # "degraded" also ends the wait: failed units are another check.
    while [[ $state != @(running|degraded|maintenance|stopping) ]] && ((SECONDS < deadline)); do
        job=$(systemctl list-jobs --no-legend --plain --full | while read -r _ unit _ what; do
            [[ $what == running ]] && printf '%s ' "$unit"
        done)
        phase "waiting for $target${job:+: ${job% }}"
        sleep 3
        state=$(systemctl is-system-running)
    done
    fact state "$state"
    fact active "$(systemctl is-active "$target")"
    if ((SECONDS >= deadline)); then
        fact jobs "$(systemctl list-jobs --no-legend --plain --full)"
    fi
}

check_failed-units() {
    fact failed "$(failed_units)"
    # A service that restarts again and again never counts as failed.
    fact restarts "$(restarted_units)"
}

# The whole disk that a block device ends on, with its place in the device tree.
backing() {
    local name=$1 slave found=
    for slave in "/sys/class/block/$name/slaves/"*; do
        [[ -e $slave ]] || continue
        found=1
        backing "${slave##*/}"
    done
    [[ -n $found ]] && return
    local at
    at=$(readlink -f "/sys/class/block/$name")
    if [[ -e $at/partition ]]; then
        backing "$(basename "$(dirname "$at")")"
    elif [[ -e $at/loop/backing_file ]]; then
        local file
        file=$(<"$at/loop/backing_file")
        # A device that was opened in the initrd is named without its /dev.
        name=${file#/dev}
        name=${name#/}
        if [[ -e /sys/class/block/$name ]]; then backing "$name"; else printf 'file %s\n' "$file"; fi
    else
        printf 'disk %s %s\n' "$name" "$at"
    fi
}

check_verity-root() {
    local at name uuid disks disk devices=
    fact cmdline "$(</proc/cmdline)"
    fact root "$(findmnt -nro FSTYPE /)"
    for at in /sys/block/dm-*; do
        [[ -e $at/dm/uuid ]] || continue
        uuid=$(<"$at/dm/uuid")
        name=$(<"$at/dm/name")
        devices+="${at##*/} $name $uuid"$'\n'
        [[ $uuid == CRYPT-VERITY-* ]] || continue
        # The erofs that the overlay stands on is mounted from this device.
        [[ -e /sys/fs/erofs/${at##*/} ]] || continue
        fact device "$uuid"
        fact read-only "$(<"$at/ro")"
        if command -v veritysetup >/dev/null; then
            fact status "$(veritysetup status "$name" 2>&1)"
        fi
        disks=$(backing "${at##*/}" | sort -u)
        fact disks "$disks"
        disk=${disks#disk }
        disk=${disk%% *}
        if [[ -b /dev/$disk ]]; then
            fact volume "$(dd if="/dev/$disk" bs=2048 skip=16 count=1 status=none | dd bs=1 skip=40 count=32 status=none)"
            fact size "$(($(<"/sys/class/block/$disk/size") * 512))"
        fi
    done
    fact devices "$devices"
}

check_detector-tier() {
    local report=/run/sigmavault/hardware.json
    if [[ -r $report ]]; then fact hardware "$(<"$report")"; else unit_fact sigmavault-detect.service; fi
}

check_api-ready() {
    local answer= tries
    for ((tries = 0; tries < 30; tries++)); do
        answer=$(
            exec 4<>/dev/tcp/127.0.0.1/3000 || exit
            printf 'GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&4
            timeout 10 head -c 4000 <&4
        ) 2>/dev/null
        [[ $answer == "HTTP/1.1 200"* ]] && break
        sleep 1
    done
    fact answer "$answer"
    if [[ $answer != "HTTP/1.1 200"* ]]; then unit_fact sigmavault-api.service; fi
}

# The service's answer over D-Bus; it may still be reading for the first time.
check_storage() {
    local answer= tries name=org.sigmavault.Storage1 path=/org/sigmavault/Storage1
    for ((tries = 0; tries < 30; tries++)); do
        answer=$(busctl --json=short call $name $path $name GetState 2>&1)
        [[ $answer == '{'* && $answer != *'"stale'* ]] && break
        sleep 1
    done
    fact answer "$answer"
    if [[ $answer != '{'* ]]; then unit_fact sigmavault-storage.service; fi
}

check_zfs-mirror() {
    local pool=svsmoke dir=/run/svsmoke first second written
    step "modprobe zfs" modprobe zfs
    fact version "$(</sys/module/zfs/version)"
    first=/dev/disk/by-id/virtio-$SMOKE_DISK_A
    second=/dev/disk/by-id/virtio-$SMOKE_DISK_B
    step "find the disks" test -b "$first" -a -b "$second"
    step "create" zpool create -o ashift=12 -O compression=zstd -O atime=off -m "$dir" $pool mirror "$first" "$second"
    step "create a dataset" zfs create $pool/data
    step "write" dd if=/dev/urandom of="$dir/data/random" bs=1M count=24 conv=fsync status=none
    written=$(sha256sum <"$dir/data/random")
    # Out of memory and in again, so that what is read next comes from the disks.
    step "export" zpool export $pool
    step "import" zpool import -d /dev/disk/by-id $pool
    fact written "${written%% *}"
    fact read "$(sha256sum <"$dir/data/random" | cut -d' ' -f1)"
    step "scrub" zpool scrub -w $pool
    fact health "$(zpool list -H -o health $pool)"
    fact status "$(zpool status -p $pool)"
    step "destroy" zpool destroy $pool
    fact left "pools: $(zpool list -H -o name 2>&1)"
}

check_wireguard() {
    local key peer_key peer tries handshake
    peer() { ip netns exec svsmoke "$@"; }
    key=$(wg genkey)
    peer_key=$(wg genkey)
    step "network namespace" ip netns add svsmoke
    step "interface" ip link add svsmoke0 type wireguard
    step "second interface" ip link add svsmoke1 type wireguard
    step "key" wg set svsmoke0 listen-port 51901 private-key <(printf %s "$key") \
        peer "$(wg pubkey <<<"$peer_key")" allowed-ips 10.213.7.2/32
    step "second key" wg set svsmoke1 listen-port 51902 private-key <(printf %s "$peer_key") \
        peer "$(wg pubkey <<<"$key")" allowed-ips 10.213.7.1/32 endpoint 127.0.0.1:51901
    # Its socket stays in the first namespace, so the two meet over the loopback interface.
    step "move" ip link set svsmoke1 netns svsmoke
    step "address" ip address add 10.213.7.1/24 dev svsmoke0
    step "second address" peer ip address add 10.213.7.2/24 dev svsmoke1
    step "up" ip link set svsmoke0 up
    step "second up" peer ip link set svsmoke1 up
    fact link "$(ip -o link show svsmoke0)"
    fact key "$(wg show svsmoke0 public-key)"
    fact expected-key "$(wg pubkey <<<"$key")"
    for ((tries = 0; tries < 10; tries++)); do
        peer bash -c 'printf x >/dev/udp/10.213.7.1/9'
        sleep 1
        handshake=$(wg show svsmoke0 latest-handshakes)
        handshake=${handshake##*[[:space:]]}
        ((handshake > 0)) && break
    done
    fact handshake "$handshake"
    step "remove" ip link delete svsmoke0
    step "remove the namespace" ip netns delete svsmoke
}

# talk PORT COUNT BYTES: sends BYTES (printf escapes) to a local TCP port, prints COUNT bytes of the answer in hex.
talk() {
    (
        exec 4<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf "$3" >&4
        timeout 15 head -c "$2" <&4 | od -An -v -tx1 | tr -d ' \n'
    ) 2>/dev/null
}

# Asks until an answer comes; a service may listen a moment after its unit is active.
ask() {
    local answer= tries
    for ((tries = 0; tries < 20; tries++)); do
        answer=$(talk "$@")
        [[ -n $answer ]] && break
        sleep 1
    done
    fact answer "$answer"
}

zeros() {
    local count
    for ((count = 0; count < $1; count++)); do printf '\\0'; done
}

check_samba() {
    step "start" systemctl start smbd.service
    unit_fact smbd.service
    # SMB2 NEGOTIATE with the dialects 2.1 and 3.0: length, header (64 bytes), request (36 bytes and the dialects).
    ask 445 74 "\0\0\0\x68\xfeSMB\x40\0$(zeros 8)\x1f\0$(zeros 48)\x24\0\x02\0\x01\0$(zeros 6)SigmaVault-smoke$(zeros 8)\x10\x02\0\x03"
}

check_nfs() {
    step "start" systemctl start nfs-server.service
    unit_fact nfs-server.service
    # ONC RPC over TCP (RFC 5531): a NULL call to program 100003 (NFS), version 4, no credentials.
    ask 2049 28 "\x80\0\0\x28SVNF$(zeros 7)\x02\0\x01\x86\xa3\0\0\0\x04$(zeros 20)"
}

check_kernel-taint() {
    local at flags modules=
    fact tainted "$(</proc/sys/kernel/tainted)"
    for at in /sys/module/*/taint; do
        [[ -e $at ]] || continue
        flags=$(<"$at")
        [[ -n $flags ]] || continue
        at=${at%/taint}
        modules+="${at##*/} $flags"$'\n'
    done
    fact modules "$modules"
    fact warnings "$(journalctl -b -k -p warning --no-pager -o cat | while read -r line; do
        case $line in *WARNING:* | *BUG:* | *Oops* | *taint*) printf '%s\n' "$line" ;; esac
    done | head -n 12)"
}

# -- Order of things -------------------------------------------------------------------------------------------

if [[ $check == gone ]]; then
    tell_gone
    exit
fi

if [[ -n $check ]]; then
    "check_$check"
    exit
fi

open_port

run firmware-to-kernel 30
run verity-root 60
run boot-target $((SMOKE_BOOT_LIMIT + 60))
run detector-tier 30
run api-ready 120
run storage 90
run zfs-mirror 180
run wireguard 60
run samba 120
run nfs 120
# Last, so that they see what the checks before them did.
run kernel-taint 60
run failed-units 60
printf '{"type":"done"}\n' >&3

while read -r order <&3; do
    case $order in
    poweroff) systemctl --no-block poweroff ;;
    esac
done
