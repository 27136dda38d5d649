# A pool is exported on one machine and imported on another one, also under another name.
hostid=/sys/module/spl/parameters/spl_hostid
before=$(<$hostid)
echo 3735928559 >$hostid
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
change dataset create tank/photos
echo hello >/srv/sigmavault/tank/photos/file
change pool export tank
same pools "$(zpool list -H -o name)" ""
echo 195894762 >$hostid
until_true 30 bash -c 'sigmavault pool list | grep -q tank'
holds "what could be imported" "$(sigmavault pool show tank)" "SV-DISK-02"
change pool import tank
same "the file" "$(cat /srv/sigmavault/tank/photos/file)" hello
change pool export tank
until_true 30 bash -c 'sigmavault pool list | grep -q tank'
change pool import tank --name moved
same "its name" "$(zpool list -H -o name)" moved
destroy moved
echo "$before" >$hostid
