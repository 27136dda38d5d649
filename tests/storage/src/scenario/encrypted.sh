# Encrypted datasets are locked and unlocked, with a passphrase and with a key that the system keeps.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
printf 'correct horse battery' >/run/good
printf 'wrong horse battery' >/run/bad
change dataset create tank/diary --encrypt passphrase --key-file /run/good
echo secret >/srv/sigmavault/tank/diary/file
change dataset lock tank/diary
same "its key" "$(zfs get -H -o value keystatus tank/diary)" unavailable
test ! -e /srv/sigmavault/tank/diary/file
refused "" sigmavault dataset unlock tank/diary --key-file /run/bad --yes
same "its key" "$(zfs get -H -o value keystatus tank/diary)" unavailable
change dataset unlock tank/diary --key-file /run/good
same "the file" "$(cat /srv/sigmavault/tank/diary/file)" secret
change dataset change-key tank/diary passphrase --key-file /run/bad
change dataset lock tank/diary
refused "" sigmavault dataset unlock tank/diary --key-file /run/good --yes
change dataset unlock tank/diary --key-file /run/bad

change dataset create tank/kept --encrypt stored
key=/etc/sigmavault/keys/tank%kept.key
same "the key's file" "$(stat -c '%a %U %s' "$key")" "600 root 64"
echo kept >/srv/sigmavault/tank/kept/file
change dataset lock tank/kept
change dataset unlock tank/kept
same "the file" "$(cat /srv/sigmavault/tank/kept/file)" kept
sigmavault dataset destroy tank/kept --confirm tank/kept </dev/null
test ! -e "$key"
test -e "$key.destroyed"
# A key that is there may be another pool's: it is not overwritten.
echo another >"$key"
refused "it is a key already" sigmavault dataset create tank/kept --encrypt stored --yes
same "the other key" "$(cat "$key")" another
destroy tank
