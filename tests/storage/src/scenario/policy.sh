# A policy makes its snapshots when it is due, without anybody.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
change dataset create tank/photos
change policy set often --datasets tank --recursive --every hour --hourly 3 --daily 2
until_true 60 bash -c '(($(zfs list -H -t snapshot -o name | wc -l) == 2))'
name=$(zfs list -H -t snapshot -o name tank/photos)
[[ $name =~ ^tank/photos@GMT-[0-9]{4}\.[0-9]{2}\.[0-9]{2}-[0-9]{2}\.[0-9]{2}\.[0-9]{2}$ ]]
same "the policy that made it" "$(zfs get -H -o value org.sigmavault:policy "$name")" often
holds "the audit records" "$(cat /var/lib/sigmavault/storage/audit-outbox.jsonl)" '"by":"standing-order"'
systemctl restart sigmavault-storage.service
until_true 20 bash -c 'sigmavault policy list | grep -q often'
sigmavault policy remove often --yes </dev/null
destroy tank
