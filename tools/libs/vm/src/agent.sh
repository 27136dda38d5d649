# Runs inside the booted machine, which gets it from outside as a systemd credential, with report.sh before it. Takes
# orders from the report port, one per line, and reports how each ended.
#
#   NUMBER SECONDS BASE64    runs the bash script in BASE64, for at most SECONDS
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
