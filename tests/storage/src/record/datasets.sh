# Datasets of every kind.
wipe
zpool create -f -o ashift=12 -O mountpoint=none -O compression=lz4 -O atime=off tank $(parts 1 2)
zfs create -o mountpoint=/run/tank/photos -o org.sigmavault:policy=hourly -o quota=512M -o refquota=256M tank/photos
zfs create -o reservation=64M -o recordsize=1M 'tank/photos/family trip'
zfs create tank/photos/sub
zfs create tank/-x
zfs create -p -u tank/deep/er/down
zfs create -s -V 64M -o volblocksize=16K tank/volume
zfs create -V 32M tank/thick
zfs set userquota@1000=100M userquota@nobody=1G groupquota@100=200M projectquota@7=50M tank/photos
for owner in 0 1000 65534; do
    dd if=/dev/urandom of="/run/tank/photos/of $owner" bs=64K count=$((owner % 7 + 3)) status=none
    chown "$owner:100" "/run/tank/photos/of $owner"
done
zpool sync tank
record dataset-names zfs list -j --json-int -p -t filesystem,volume -r tank </dev/null
record snapshot zfs snapshot tank/photos@before 'tank/photos/family trip@a b' </dev/null
zfs snapshot -r -o org.sigmavault:kind=hourly tank@auto-1
printf 'new' >'/run/tank/photos/new file'
printf 'tab' >$'/run/tank/photos/tab\there'
printf 'x' >'/run/tank/photos/sub → b'
mv '/run/tank/photos/of 1000' '/run/tank/photos/moved'
rm '/run/tank/photos/of 0'
printf 'more' >>'/run/tank/photos/of 65534'
mkdir /run/tank/photos/folder
ln -s moved /run/tank/photos/link
zpool sync tank
record diff zfs diff -H -F -t tank/photos@before tank/photos </dev/null
record diff-plain zfs diff -H -F -h tank/photos@before </dev/null
record hold zfs hold -- -keep tank/photos@before </dev/null
zfs hold 'keep it' tank/photos@before
zfs hold -r sigmavault tank@auto-1
record holds zfs holds -H -p -r tank@auto-1 tank/photos@before </dev/null
record holds-json zfs holds -j -r tank </dev/null
record clone zfs clone -o mountpoint=none tank/photos@before tank/clone </dev/null
zfs bookmark tank/photos@before tank/photos#mark
zfs snapshot tank/clone@c
record list-of-all zfs list -j --json-int -p -t all -r \
    -o name,type,guid,createtxg,creation,used,available,referenced,usedbysnapshots,usedbydataset,usedbychildren,usedbyrefreservation,logicalused,compressratio,quota,refquota,reservation,refreservation,volsize,origin,mountpoint,mounted,encryption,keystatus,userrefs,org.sigmavault:policy tank </dev/null
record list-exact zfs list -j -p -t all -r -o name,type,guid,createtxg,used,quota,compressratio,creation tank </dev/null
record guids zfs list -H -p -t all -r -o name,guid tank </dev/null
record list-plain zfs list -j tank/photos </dev/null
record list-snapshots zfs list -j --json-int -p -t snapshot -o name,used,referenced,creation,createtxg,guid,userrefs,clones,defer_destroy,org.sigmavault:kind -r tank/photos </dev/null
record list-none zfs list -j --json-int -p -t bookmark -r tank/volume </dev/null
record get-all-of-a-dataset zfs get -j --json-int -p all tank/photos </dev/null
record get-all-of-a-volume zfs get -j --json-int -p all tank/volume </dev/null
record get-all-of-a-snapshot zfs get -j --json-int -p all tank/photos@before </dev/null
record get-sources zfs get -j --json-int -p -t filesystem,volume -r compression,mountpoint,atime,quota,org.sigmavault:policy tank </dev/null
record get-exact zfs get -j -p all tank/photos </dev/null
record get-plain zfs get -j used,creation,compressratio tank/photos </dev/null
zfs unmount tank/photos/sub
zfs mount -o noexec tank/photos/sub
record get-temporary zfs get -j --json-int -p exec,setuid,mounted tank/photos/sub </dev/null
zfs create -o compression=zstd -o org.sigmavault:policy=daily tank/source
zfs snapshot tank/source@s
zfs send -p tank/source@s | zfs receive -u tank/received
zfs inherit compression tank/received
record get-received zfs get -j --json-int -p compression,org.sigmavault:policy,mountpoint tank/received </dev/null
record inherit-received zfs inherit -S compression tank/received </dev/null
record get-received-again zfs get -j --json-int -p compression tank/received </dev/null
record userspace zfs userspace -H -p -o type,name,used,quota,objused,objquota tank/photos </dev/null
record userspace-numeric zfs userspace -H -p -n -o type,name,used,quota,objused,objquota tank/photos </dev/null
record groupspace zfs groupspace -H -p -n -o type,name,used,quota,objused,objquota tank/photos </dev/null
record projectspace zfs projectspace -H -p -o type,name,used,quota,objused,objquota tank/photos </dev/null
record userspace-json zfs userspace -j tank/photos </dev/null
record get-userquotas zfs get -j --json-int -p userquota@1000,userused@1000,groupquota@100 tank/photos </dev/null
record destroy-plan zfs destroy -n -v -p -r tank/deep </dev/null
record destroy-plan-with-clones zfs destroy -n -v -p -r tank/photos </dev/null
record destroy-plan-snapshot zfs destroy -n -v -p tank/photos/sub@auto-1 </dev/null
record destroy-plan-range zfs destroy -n -v -p tank/photos@before%auto-1 </dev/null
record promote zfs promote tank/clone </dev/null
record get-origin zfs get -j --json-int -p origin,clones tank/photos tank/clone tank/clone@before </dev/null
record rename zfs rename -u tank/deep tank/depth </dev/null
record rollback zfs rollback -r tank/source@s </dev/null
record mounted zfs mount -j </dev/null
