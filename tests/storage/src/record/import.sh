# Pools on disks that are not imported: zpool import prints text only.
wipe
zpool create -f -o ashift=12 -O mountpoint=none tank mirror $(parts 1 2)
zpool create -f -o ashift=12 -O mountpoint=none 'big pool' raidz1 $(parts 3 4 5) spare "$(part 6)"
zpool create -f -o ashift=12 -O mountpoint=none lost "$(part 7)" "$(part 8)"
record export zpool export tank </dev/null
zpool export 'big pool'
zpool export lost
record importable zpool import -d /dev/disk/by-id </dev/null
record importable-json zpool import -j </dev/null
zpool labelclear -f "$(part 3)"
zpool labelclear -f "$(part 7)"
record importable-damaged zpool import -d /dev/disk/by-id </dev/null
record import-damaged zpool import -d /dev/disk/by-id lost </dev/null
guid=$(zdb -l "$(part 1)" | awk '$1 == "pool_guid:" { print $2; exit }')
record import-renamed zpool import -d /dev/disk/by-id -N "$guid" depot </dev/null
status renamed depot
record import-name-taken zpool import -d /dev/disk/by-id -N 'big pool' depot </dev/null
record import-read-only zpool import -d /dev/disk/by-id -N -o readonly=on -R /run/alt 'big pool' </dev/null
status read-only 'big pool'
record list-two zpool list -j --json-int -p </dev/null
record read-only-create zfs create 'big pool/a' </dev/null
zpool destroy depot
record import-destroyed zpool import -D -d /dev/disk/by-id </dev/null
record import-nothing zpool import -d /sys/kernel </dev/null
record import-no-such zpool import -d /dev/disk/by-id nosuch </dev/null
record import-rewind zpool import -d /dev/disk/by-id -F -n lost </dev/null
zpool export 'big pool'
