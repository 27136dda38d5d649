# A pool with vdevs of every class, on whole disks. ZFS gives up when udev takes more than 30 seconds to show a partition that
# it has just made, as it may while the machine starts: then once more.
for tries in 1 2 3 4 5 6; do
    zpool create -f -o ashift=12 -o comment='the big one' -O compression=lz4 -O mountpoint=none tank \
        mirror $(disks 1 2) special mirror $(disks 3 4) log mirror $(disks 5 6) cache "$(disk 7)" spare "$(disk 8)" \
        dedup mirror $(disks 9 10) && break
    sleep 10
    udevadm settle
done
record list zpool list -j --json-int -p </dev/null
record list-of-all-columns zpool list -j --json-int -p -o all </dev/null
status classes
record classes-status-flat zpool status -j --json-int -p -P --json-flat-vdevs tank </dev/null
record classes-status-plain zpool status -j tank </dev/null
record get-all zpool get -j --json-int -p all tank </dev/null
record get-two zpool get -j --json-int -p size,comment tank </dev/null
record get-exact-of-a-pool zpool get -j -p guid,size,dedupratio,health,fragmentation tank </dev/null
record list-exact-of-pools zpool list -j -p -o all </dev/null
record get-of-vdevs zpool get -j --json-int -p state,guid,size,allocated,path,read_errors tank all-vdevs </dev/null
record label zdb -l "$(disk 1)-part1" </dev/null
record label-of-a-spare zdb -l "$(disk 8)-part1" </dev/null
record label-of-a-cache zdb -l "$(disk 7)-part1" </dev/null
record label-of-none zdb -l "$(disk 12)" </dev/null
record cached-configuration zdb -C tank </dev/null
record history zpool history -il tank </dev/null
record version zfs version -j </dev/null
record events bash -c 'zpool events -v -H | tail -n 400'
record events-short bash -c 'zpool events -H | tail -n 20'
zpool destroy tank
