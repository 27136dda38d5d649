# Pools of the other kinds, each with a little data.
kind() {
    local name=$1
    shift
    wipe
    zpool create -f -o ashift=12 -O mountpoint=none tank "$@"
    status "$name"
}
kind stripe $(parts 1 2)
kind raidz1 raidz1 $(parts 1 2 3) spare "$(part 4)"
kind raidz2 raidz2 $(parts 1 2 3 4 5)
kind draid draid1:2d:6c:1s $(parts 1 2 3 4 5 6)
kind single "$(part 1)"
wipe
record no-pool-list zpool list -j --json-int -p </dev/null
record no-pool-status zpool status -j --json-int -p </dev/null
