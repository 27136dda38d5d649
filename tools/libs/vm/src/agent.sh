# Runs inside the booted machine, given to it from outside as a systemd credential; report.sh stands before it. Takes
# orders from the report port, one per line, and tells how each came out.
#
#   NUMBER SECONDS BASE64    runs the bash script that BASE64 holds, at most so long
#   poweroff                 switches the machine off

if [[ $check == gone ]]; then
    tell_gone
    exit
fi

open_port
while read -r check limit script <&3; do
    if [[ $check == poweroff ]]; then
        systemctl --no-block poweroff
        continue
    fi
    printf '{"type":"begin","check":"%s"}\n' "$check" >&3
    milliseconds
    started=$now_ms
    script=$(base64 -d <<<"$script")
    output=$(timeout --kill-after=10 "$limit" bash -c "$script" 2>&1 </dev/null 3>&-)
    status=$?
    milliseconds
    fact output "$output"
    printf '{"type":"end","check":"%s","status":%d,"ms":%d}\n' "$check" "$status" "$((now_ms - started))" >&3
done
