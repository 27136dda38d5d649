# shellcheck shell=bash disable=SC2034,SC2154
# Which ports the firewall opens.

firewall() { # a firewall with the ports of the image; `active` lists the units that run
    . "$top/image/overlay/usr/lib/sigmavault/firewall"
    set -eE
    vendor=$PWD/vendor admin=$PWD/admin
    cp -r "$top/image/overlay/usr/lib/sigmavault" "$vendor"
    mkdir -p "$admin/firewall.d"
    : >active
    systemctl() { grep -qxF "${*: -1}" active; }
    nft() { if [ "$1" = --file ]; then cat; else printf '%s\n' "$*"; fi >ruleset; }
}

test_a_unit_opens_its_ports_only() {
    firewall
    main open smbd.service
    is "$(<ruleset)" $'add element inet sigmavault tcp-open { 445 }\nadd element inet sigmavault tcp-open { 139 }'
    main open unknown.service
    is "$(<ruleset)" ''
}

test_a_port_stays_open_while_another_unit_needs_it() {
    firewall
    printf '%s\n' ssh.socket avahi-daemon.service ssh.service >active
    main close ssh.service
    is "$(<ruleset)" $'flush set inet sigmavault tcp-open\nflush set inet sigmavault udp-open\nadd element inet sigmavault udp-open { 5353 }\nadd element inet sigmavault tcp-open { 22 }'
    echo ssh.service >active
    main close ssh.service
    hasnt "$(<ruleset)" 'add element'
}

test_the_table_is_loaded_with_what_runs() {
    firewall
    echo nfs-server.service >active
    main load
    has "$(<ruleset)" 'policy drop'
    is "$(tail -n 1 ruleset)" 'add element inet sigmavault tcp-open { 2049 }'
    hasnt "$(<ruleset)" 'flush ruleset'
}

test_the_administrator_changes_ports() {
    firewall
    printf '# another port\n\ntcp 2222\nudp 5000-5010 # calls' >"$admin/firewall.d/ssh.service"
    main open ssh.service
    is "$(<ruleset)" $'add element inet sigmavault tcp-open { 2222 }\nadd element inet sigmavault udp-open { 5000-5010 }'
    echo 'add rule inet sigmavault input accept' >"$admin/firewall.d/own.nft"
    hasnt "$(units)" own
}

test_a_line_that_is_no_port_is_refused() {
    firewall
    for line in 'tcp 22; flush ruleset' 'tcp ssh' 'sctp 22' 'tcp 22 23' 'tcp' 'tcp $(touch evaluated)' 'tcp 123456'; do
        printf '%s\n' "$line" >"$admin/firewall.d/ssh.service"
        if (ports ssh.service) 2>message; then fail "'$line' was taken"; fi
        has "$(<message)" 'is no port; try: tcp 8443'
    done
}

test_every_unit_with_ports_opens_them() {
    for file in "$top"/image/overlay/usr/lib/sigmavault/firewall.d/*; do
        unit=${file##*/}
        text=$(<"$top/image/overlay/usr/lib/systemd/system/$unit.d/10-sigmavault-firewall.conf")
        has "$text" "ExecStartPost=-+/usr/lib/sigmavault/firewall open $unit"
        has "$text" "ExecStopPost=-+/usr/lib/sigmavault/firewall close $unit"
    done
}

test_what_nobody_asked_for_is_off() {
    overlay=$top/image/overlay
    for line in LLMNR=no MulticastDNS=no; do
        grep -qx $line "$overlay"/usr/lib/systemd/resolved.conf.d/*.conf
    done
    grep -qx 'enable-wide-area=no' "$overlay/etc/avahi/avahi-daemon.conf"
    preset=$overlay/usr/lib/systemd/system-preset/10-sigmavault-os.preset
    grep -qx 'enable sigmavault-firewall.service' "$preset"
    # The service of that name loads an empty set of rules.
    for unit in bluetooth nftables ssh smbd nfs-server rpcbind; do
        if grep -q "^enable $unit" "$preset"; then fail "$unit is enabled"; fi
    done
}
