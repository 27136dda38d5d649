# Names with blanks and hyphens survive, and are never taken for options.
change pool create "tank" "$(disk 1)" "$(disk 2)" --layout mirror
change dataset create "tank/-r" -o compression=zstd
change dataset create "tank/-r/with blank"
change dataset create "tank/a:b.c_d"
echo hello >"/srv/sigmavault/tank/-r/with blank/file"
change snapshot create "tank/-r@-R" -r
change snapshot create "tank/-r/with blank@-f"
refused "" sigmavault snapshot rollback "tank/-r/with blank@-f" --yes
change dataset rename "tank/-r/with blank" "tank/-r/-p"
same "the file" "$(cat "/srv/sigmavault/tank/-r/-p/file")" hello
sigmavault dataset destroy "tank/-r/-p" --confirm "tank/-r/-p" </dev/null
same datasets "$(zfs list -H -o name -r tank | sort | tr '\n' '|')" "tank|tank/-r|tank/a:b.c_d|"
sigmavault dataset list --json | grep -q '"name":"tank/-r"\|"name": "tank/-r"'
destroy tank
