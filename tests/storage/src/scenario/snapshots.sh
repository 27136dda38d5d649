# Snapshots are made, kept, rolled back to and cloned.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
change dataset create tank/photos
change dataset create tank/photos/2026
cd /srv/sigmavault/tank/photos
echo one >file
change snapshot create tank/photos@first -r
same "snapshots of both" "$(zfs list -H -t snapshot -o name | wc -l)" 2
echo two >file
change snapshot create tank/photos@second
echo three >file
cd /
refused "" sigmavault snapshot rollback tank/photos@first --yes
sigmavault snapshot rollback tank/photos@first --confirm tank/photos </dev/null
same "the file" "$(cat /srv/sigmavault/tank/photos/file)" one
same "snapshots left" "$(zfs list -H -t snapshot -o name tank/photos)" tank/photos@first
change snapshot hold tank/photos@first keep
refused "" sigmavault snapshot destroy tank/photos@first --confirm tank/photos@first
change snapshot clone tank/photos@first tank/copy
same "the clone's file" "$(cat /srv/sigmavault/tank/copy/file)" one
change dataset promote tank/copy
same "the origin now" "$(zfs get -H -o value origin tank/photos)" tank/copy@first
change snapshot create tank/copy@locked --lock-days 7
refused "" sigmavault snapshot destroy tank/copy@locked --confirm tank/copy@locked
refused held zfs destroy tank/copy@locked
holds "the list" "$(sigmavault snapshot list tank/copy)" locked
destroy_locked=$(sigmavault pool destroy tank --confirm tank </dev/null 2>&1 || true)
echo "measured: with a locked snapshot the pool's destruction says: $destroy_locked"
zpool destroy -f tank 2>/dev/null || true
