# What zpool and zfs refuse, one refusal each.
wipe
p1=$(part 1) p2=$(part 2) p3=$(part 3) p4=$(part 4)
zpool create -f -o ashift=12 -O mountpoint=none tank mirror "$p1" "$p2"
zfs create -o mountpoint=/run/tank/photos tank/photos
zfs create tank/photos/below
zfs snapshot -r tank/photos@a
zfs hold keep tank/photos@a
zfs snapshot tank/photos/below@free
zfs clone -o mountpoint=none tank/photos/below@free tank/clone
truncate -s 32M /run/small.raw

refused() { record "refused-$@" </dev/null; }
refused no-such-pool zpool status -j nosuch
refused no-such-pool-list zpool list -j nosuch
refused no-such-pool-scrub zpool scrub nosuch
refused no-such-pool-export zpool export nosuch
refused no-such-pool-set zpool set comment=a nosuch
refused no-such-pool-destroy zpool destroy nosuch
refused pool-exists zpool create -f tank "$p3"
refused pool-name-reserved zpool create -f mirror "$p3"
refused pool-name-digit zpool create -f 9tank "$p3"
refused pool-name-letters zpool create -f 'tänk' "$p3"
refused same-disk zpool create -f other mirror "$p3" "$p3"
refused in-use zpool create other "$p1"
refused in-use-force zpool create -f other "$p1"
refused too-small zpool create -f other /run/small.raw
refused too-small-attach zpool attach -f tank "$p1" /run/small.raw
refused no-such-device zpool create -f other /dev/disk/by-id/nosuch
refused mixed-redundancy zpool create other mirror "$p3" "$p4" raidz2 "$(part 5)" "$(part 6)" "$(part 7)"
refused mirror-of-one zpool create -f other mirror "$p3"
refused raidz-of-one zpool create -f other raidz2 "$p3" "$p4"
mkfs.ext4 -q -F "$p4" 2>/dev/null
refused file-system zpool create other "$p4"
zpool labelclear -f "$p4"
zpool create -f -o ashift=12 -O mountpoint=none other "$p3"
zpool export other
refused exported-pool zpool create third "$p3"
zpool labelclear -f "$p3"
refused bad-property zpool create -f -o nosuch=1 other "$p4"
refused bad-ashift zpool create -f -o ashift=99 other "$p4"
refused set-read-only-property zpool set size=1 tank
refused detach-only zpool detach tank nosuch
refused offline-last bash -c "zpool offline tank $p1 && zpool offline tank $p2"
zpool online tank "$p1"
settle
refused remove-only zpool remove tank mirror-0
refused replace-no-such zpool replace tank nosuch "$p4"
refused add-redundancy zpool add tank "$p4"
refused scrub-stop-none zpool scrub -s tank
refused scrub-pause-none zpool scrub -p tank
refused trim-unsupported zpool trim tank
refused trim-cancel-none zpool trim -c tank
refused checkpoint-none zpool checkpoint -d tank
zpool checkpoint tank
refused checkpoint-exists zpool checkpoint tank
refused checkpoint-remove zpool remove tank mirror-0
zpool checkpoint -d -w tank
refused busy-export bash -c 'cd /run/tank/photos && exec zpool export tank'
refused busy-destroy-pool bash -c 'cd /run/tank/photos && exec zpool destroy tank'
refused import-imported zpool import tank

refused no-such-dataset zfs get -j used tank/nosuch
refused no-such-dataset-destroy zfs destroy tank/nosuch
refused no-such-dataset-list zfs list -j tank/nosuch
refused no-such-dataset-set zfs set quota=1G tank/nosuch
refused no-such-parent zfs create tank/nosuch/a
refused no-such-snapshot zfs destroy tank/photos@nosuch
refused no-such-snapshot-rollback zfs rollback tank/photos@nosuch
refused dataset-exists zfs create tank/photos
refused snapshot-exists zfs snapshot tank/photos@a
refused rename-exists zfs rename tank/photos tank/clone
refused has-children zfs destroy tank/photos
refused has-children-clones zfs destroy -r tank/photos
refused has-clones zfs destroy tank/photos/below@free
refused held zfs destroy tank/photos@a
refused hold-exists zfs hold keep tank/photos@a
refused release-none zfs release nosuch tank/photos@a
zfs create -o mountpoint=/run/tank/busy tank/busy
refused busy bash -c 'cd /run/tank/busy && exec zfs destroy tank/busy'
refused busy-unmount bash -c 'cd /run/tank/busy && exec zfs unmount tank/busy'
refused rollback-newer zfs rollback tank/photos/below@a
refused dataset-name zfs create 'tank/a*b'
refused dataset-name-utf-8 zfs create tank/ä
refused dataset-name-percent zfs create 'tank/100%'
refused dataset-name-long zfs create "tank/$(printf 'a%.0s' {1..260})"
refused dataset-property zfs set nosuch=1 tank/photos
refused dataset-property-value zfs set compression=nosuch tank/photos
refused dataset-property-read-only zfs set used=1 tank/photos
refused quota-too-small zfs set quota=1K tank/photos
refused reservation-too-large zfs set reservation=100G tank/photos
refused volume-too-large zfs create -V 100G tank/volume
refused promote-none zfs promote tank/photos
zfs create -o mountpoint=/run/tank/full -o quota=16M tank/full
refused quota-exceeded bash -c 'dd if=/dev/urandom of=/run/tank/full/a bs=1M count=32 status=none'
zfs snapshot tank/full@a
refused snapshot-of-full zfs snapshot tank/full@b
refused mount-again zfs mount tank/photos
refused send-refused zfs receive tank/photos
refused unknown-command zpool nosuch
refused unknown-option zpool list --nosuch

# Whether -- ends the options of each command; an option that follows it would be refused as a name.
dashes() { record "dashes-$@" </dev/null; }
dashes zpool-list zpool list -j -- tank
dashes zpool-status zpool status -j -- tank
dashes zpool-get zpool get -j size -- tank
dashes zpool-get-before zpool get -j -- size tank
dashes zpool-set zpool set -- comment=-x tank
dashes zpool-scrub zpool scrub -- tank
dashes zpool-sync zpool sync -- tank
dashes zpool-history zpool history -- tank
dashes zpool-clear zpool clear -- tank
dashes zpool-offline zpool offline -- tank "$p2"
dashes zpool-online zpool online -- tank "$p2"
dashes zpool-attach zpool attach -f -- tank "$p1" "$p4"
dashes zpool-detach zpool detach -- tank "$p4"
dashes zpool-replace zpool replace -f -- tank "$p2" "$p4"
settle
dashes zpool-add zpool add -n -f -- tank mirror "$(part 5)" "$(part 6)"
dashes zpool-remove zpool remove -n -- tank mirror-0
dashes zpool-trim zpool trim -c -- tank
dashes zpool-initialize zpool initialize -c -- tank
dashes zpool-upgrade zpool upgrade -- tank
dashes zpool-checkpoint zpool checkpoint -- tank
dashes zpool-checkpoint-discard zpool checkpoint -d -- tank
dashes zpool-reguid zpool reguid -- tank
dashes zpool-events zpool events -H -- tank
dashes zpool-create zpool create -n -f -- other "$(part 5)"
dashes zpool-wait zpool wait -t scrub -- tank
dashes zpool-export zpool export -- tank
dashes zpool-import zpool import -d /dev/disk/by-id -- tank
dashes zpool-labelclear zpool labelclear -f -- "$(part 5)"
dashes zpool-split zpool split -n -- tank other
dashes zfs-list zfs list -j -- tank
dashes zfs-get zfs get -j used -- tank
dashes zfs-set zfs set -- org.sigmavault:a=-x tank
dashes zfs-inherit zfs inherit -- org.sigmavault:a tank
dashes zfs-create zfs create -- tank/-dash
dashes zfs-snapshot zfs snapshot -- tank/-dash@-x
dashes zfs-hold zfs hold -- -tag tank/-dash@-x
dashes zfs-hold-bare zfs hold -tag tank/-dash@-x
dashes zfs-holds zfs holds -H -p -- tank/-dash@-x
dashes zfs-release zfs release -- -tag tank/-dash@-x
dashes zfs-rollback zfs rollback -- tank/-dash@-x
dashes zfs-clone zfs clone -- tank/-dash@-x tank/-clone
dashes zfs-bookmark zfs bookmark -- tank/-dash@-x tank/-dash#x
dashes zfs-promote zfs promote -- tank/-clone
dashes zfs-promote-bare zfs promote tank/-clone
dashes zfs-rename zfs rename -- tank/-clone tank/-renamed
dashes zfs-diff zfs diff -H -- tank/photos@a
dashes zfs-userspace zfs userspace -H -p -- tank/photos
dashes zfs-unload-key zfs unload-key -- tank
dashes zfs-load-key zfs load-key -- tank
dashes zfs-change-key zfs change-key -i -- tank
dashes zfs-mount zfs mount -- tank/photos
dashes zfs-unmount zfs unmount -- tank/photos
dashes zfs-destroy zfs destroy -n -- tank/-dash
dashes after-operand zfs destroy tank/-dash -n -v
dashes zpool-destroy zpool destroy -- tank
