# Encrypted datasets: their keys come from files and from standard input.
wipe
zpool create -f -o ashift=12 -O mountpoint=none tank "$(part 1)"
head -c 32 /dev/urandom >/run/raw.key
printf 'correct horse battery' >/run/tank.pass
record key-create-prompt zfs create -o encryption=on -o keyformat=passphrase -o keylocation=prompt tank/diary </run/tank.pass
record key-create-file zfs create -o encryption=aes-256-gcm -o keyformat=raw -o keylocation=file:///run/raw.key tank/vault </dev/null
zfs create tank/vault/inner
record key-list zfs list -j --json-int -p -o name,encryption,encryptionroot,keyformat,keylocation,keystatus,pbkdf2iters -r tank </dev/null
zfs unload-key tank/diary
record key-unload zfs unload-key -r tank/vault </dev/null
record key-list-locked zfs list -j --json-int -p -o name,encryption,encryptionroot,keyformat,keylocation,keystatus -r tank </dev/null
record key-mount-locked zfs mount tank/diary </dev/null
record key-snapshot-locked zfs snapshot tank/diary@a </dev/null
record key-create-below-locked zfs create tank/diary/a </dev/null
record key-load-none zfs load-key tank/diary </dev/null
printf 'incorrect horse' >/run/wrong.pass
record key-load-wrong zfs load-key tank/diary </run/wrong.pass
record key-load-short bash -c 'printf short | zfs load-key tank/diary'
record key-try zfs load-key -n tank/diary </run/tank.pass
record key-load zfs load-key tank/diary </run/tank.pass
zfs unload-key tank/diary
record key-load-passphrase-from-stdin-as-file zfs load-key -L file:///dev/stdin tank/diary </run/tank.pass
record key-load-again zfs load-key tank/diary </run/tank.pass
record key-load-from-stdin-as-file zfs load-key -L file:///dev/stdin tank/vault </run/raw.key
zfs unload-key tank/vault
record key-load-from-descriptor bash -c 'zfs load-key -L file:///dev/fd/3 tank/vault 3</run/raw.key'
zfs unload-key tank/vault
record key-load-file-missing zfs load-key -L file:///run/nosuch.key tank/vault </dev/null
record key-load-file-wrong-size zfs load-key -L file:///run/tank.pass tank/vault </dev/null
record key-load-of-plain zfs load-key tank </dev/null
record key-load-of-child zfs load-key tank/vault/inner </dev/null
zfs load-key tank/vault
printf 'another horse battery' >/run/new.pass
record key-change-with-location zfs change-key -o keyformat=passphrase -o keylocation=prompt tank/diary </run/new.pass
record key-change zfs change-key tank/diary </run/new.pass
record key-change-to-file zfs change-key -o keyformat=raw -o keylocation=file:///run/raw.key tank/diary </dev/null
record key-change-inherit zfs change-key -i tank/vault/inner </dev/null
zfs create -o mountpoint=/run/tank/busy tank/vault/busy
record key-unload-busy zfs unload-key tank/vault </dev/null
