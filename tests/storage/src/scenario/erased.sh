# Disks that hold a pool which is not imported are erased only when that is said, and what is destroyed is typed.
change pool create old "$(disk 1)" "$(disk 2)" --layout mirror
echo hello >/srv/sigmavault/old/file
change pool export old
until_true 30 bash -c 'sigmavault pool disks | grep -q old'
refused "" sigmavault pool create tank "$(disk 1)" "$(disk 2)" --layout mirror --yes
create=(sigmavault pool create tank "$(disk 1)" "$(disk 2)" --layout mirror --erase "$(disk 1)" --erase "$(disk 2)")
refused "" "${create[@]}" --yes
confirm=$("${create[@]}" --dry-run --json | grep -oE '"confirm": ?"[^"]*"' | cut -d'"' -f4)
"${create[@]}" --confirm "$confirm" </dev/null
same "pools that could be imported" "$(zpool import -d /dev/disk/by-id 2>/dev/null | grep -c 'pool: old')" 0
same health "$(health tank)" ONLINE
same "what is in the new pool" "$(ls /srv/sigmavault/tank)" ""
destroy tank
