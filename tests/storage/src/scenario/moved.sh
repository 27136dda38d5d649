# A pool is taken to another machine and back.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
change dataset create tank/photos
echo hello >/srv/sigmavault/tank/photos/file
change pool export tank
same pools "$(zpool list -H -o name)" ""
until_true 30 bash -c 'sigmavault pool list | grep -q tank'
change pool import tank
same "the file" "$(cat /srv/sigmavault/tank/photos/file)" hello
change pool export tank
until_true 30 bash -c 'sigmavault pool list | grep -q tank'
change pool import tank --name moved
same "its name" "$(zpool list -H -o name)" moved
# The other machine did not export it.
zgenhostid -f 0xdeadbeef
zpool export moved
echo 3735928559 >/sys/module/spl/parameters/spl_hostid
zpool import -d /dev/disk/by-id -N moved
zpool sync moved
echo 1 >/sys/module/zfs/parameters/zfs_txg_timeout || true
destroy moved
