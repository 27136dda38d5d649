# Limits hold, and a full pool says so.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
change dataset create tank/small -o quota=16M -o compression=off
refused "quota exceeded" dd if=/dev/urandom of=/srv/sigmavault/tank/small/file bs=1M count=32 status=none
change dataset set tank/small quota=none
change dataset create tank/home -o compression=off
change dataset quota tank/home user:65534 8M
install -d -o nobody /srv/sigmavault/tank/home/nobody
user_writes() { runuser -u nobody -- dd if=/dev/urandom of=/srv/sigmavault/tank/home/nobody/file bs=1M count=4 oflag=append conv=notrunc,fsync status=none; }
for _ in 1 2 3 4 5 6 7 8; do
    user_writes 2>/run/said || break
    zpool sync tank
done
holds "what the user was told" "$(cat /run/said)" "quota exceeded"
refused "No space" dd if=/dev/urandom of=/srv/sigmavault/tank/full bs=1M status=none
refused "" sigmavault dataset create tank/more -o reservation=500M --yes
rm /srv/sigmavault/tank/full
zpool sync tank
destroy tank
