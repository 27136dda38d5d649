# A raidz grows by a disk, and holds more then.
change pool create tank "$(disk 1)" "$(disk 2)" "$(disk 3)" --layout raidz1
head -c 24M /dev/urandom >/srv/sigmavault/tank/random
sum=$(sha256sum </srv/sigmavault/tank/random)
before=$(zpool list -H -p -o size tank)
change pool expand tank raidz1-0 "$(disk 4)"
zpool wait -t raidz_expand tank
until_true 30 bash -c "((\$(zpool list -H -p -o size tank) > $before))"
same devices "$(zpool status tank | grep -c SV-DISK)" 4
same "what was written" "$(sha256sum </srv/sigmavault/tank/random)" "$sum"
zpool wait -t scrub tank
destroy tank
