# A mirror is made by a plan, mounted for everybody, used, and destroyed only by its name.
same "the service" "$(systemctl is-active sigmavault-storage.service)" active
audited=$(wc -l 2>/dev/null </var/lib/sigmavault/storage/audit-outbox.jsonl || echo 0)
holds "the list of disks" "$(sigmavault pool disks)" vd
sigmavault pool create tank "$(disk 1)" "$(disk 2)" --layout mirror --dry-run
same "pools after a dry run" "$(zpool list -H -o name)" ""
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
same health "$(health tank)" ONLINE
holds vdevs "$(zpool status tank)" mirror-0
same "where it is mounted" "$(findmnt -nro TARGET -S tank)" /srv/sigmavault/tank
test -s /etc/zfs/zpool.cache
holds "the list of pools" "$(sigmavault pool list)" tank
change dataset create tank/photos
echo hello >/srv/sigmavault/tank/photos/file
change dataset set tank/photos compression=zstd
same compression "$(zfs get -H -o value compression tank/photos)" zstd
change dataset rename tank/photos tank/pictures
same "the file" "$(cat /srv/sigmavault/tank/pictures/file)" hello
refused "" sigmavault pool destroy tank --yes
refused "" sigmavault pool destroy tank --confirm tan
same health "$(health tank)" ONLINE
refused tank sigmavault pool create tank "$(disk 3)" "$(disk 4)" --yes
destroy tank
same "pools after all" "$(zpool list -H -o name)" ""
lines=$(tail -n "+$((audited + 1))" /var/lib/sigmavault/storage/audit-outbox.jsonl)
holds "the audit records" "$lines" '"operation":"pool-destroy"'
same "changes without an approval" "$(grep -c '"what":"began"' <<<"$lines")" "$(grep -c '"what":"approved"' <<<"$lines")"
