# The service at rest: processor, memory, and how much of the system it is exposed to.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
sleep 5
used() { systemctl show sigmavault-storage.service -P CPUUsageNSec; }
before=$(used)
sleep 30
echo "measured: processor at rest $((($(used) - before) / 30000)) millionths"
echo "measured: memory $(($(systemctl show sigmavault-storage.service -P MemoryCurrent) >> 20)) MiB"
level=$(systemd-analyze security --no-pager sigmavault-storage.service | tail -n 1 | grep -oE '[0-9]+\.[0-9]+')
echo "measured: exposure $level"
awk -v level="$level" 'BEGIN { exit level > 2.5 }'
arc=$(</sys/module/zfs/parameters/zfs_arc_max) memory=$(awk '/^MemTotal/ { print $2 * 1024 }' /proc/meminfo)
same "the largest ARC" "$arc" $((memory / 4))
destroy tank
