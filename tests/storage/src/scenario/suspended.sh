# A pool waits for its only disk: the service answers at once, says so, and refuses what would hang.
change pool create waits "$(disk 6)" --layout single --accept-no-redundancy
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
pull 6
(echo x >/srv/sigmavault/waits/file; zpool sync waits) >/dev/null 2>&1 </dev/null &
until_true 60 bash -c '[[ $(zpool list -H -o health waits) == SUSPENDED ]]'
until_true 30 bash -c 'sigmavault pool show waits | grep -qi suspended'
slowest=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    began=$(now_ms)
    busctl call org.sigmavault.Storage1 /org/sigmavault/Storage1 org.sigmavault.Storage1 GetState >/dev/null
    took=$(($(now_ms) - began))
    ((took > slowest)) && slowest=$took
done
echo "measured: slowest of 10 calls while a pool is suspended $slowest ms, with the start of busctl"
refused "" timeout 20 sigmavault pool scrub waits --yes
change dataset create tank/works
same "a change of another pool" "$(zfs list -H -o name tank/works)" tank/works
