# A block is damaged on the disk: the scrub finds it and names the file.
change pool create tank "$(disk 1)" --layout single --accept-no-redundancy
change dataset create tank/photos -o compression=off
head -c 16M /dev/zero | tr '\0' x >"/srv/sigmavault/tank/photos/my holiday.jpg"
change pool export tank
part=$(disk 1)-part1
at=$({ grep -obUaP 'x{4096}' "$part" || true; } 2>/dev/null | head -n 1 | cut -d: -f1)
printf y | dd of="$part" bs=1 seek=$((at + 2000)) conv=notrunc,fsync status=none
until_true 30 sigmavault pool show tank
change pool import tank
change pool scrub tank
zpool wait -t scrub tank
until_true 20 bash -c 'sigmavault pool show tank | grep -q "my holiday.jpg"'
holds "the pool" "$(sigmavault pool show tank)" "my holiday.jpg"
destroy tank
