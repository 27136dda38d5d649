# A hot spare takes the place of a disk that fails.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
change pool add tank "$(disk 3)" --class spare
head -c 8M /dev/urandom >/srv/sigmavault/tank/random
pull 2
until_true 90 bash -c 'zpool status tank | grep -q "spare-"'
zpool wait -t resilver tank
holds "the pool" "$(sigmavault pool show tank)" pare
destroy tank
push
