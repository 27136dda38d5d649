# Functions that report from inside a booted machine: one JSON object per line, to descriptor 3, which the script
# after this one opens on the report port. They use bash and coreutils, nothing else.

export LC_ALL=C
port=/dev/virtio-ports/org.sigmavault.smoke
check=${1-}

# Escapes the inside of a JSON string into $escaped.
escape() {
    escaped=${1:0:20000}
    escaped=${escaped//\\/\\\\}
    escaped=${escaped//\"/\\\"}
    escaped=${escaped//$'\n'/\\n}
    escaped=${escaped//$'\t'/\\t}
    escaped=${escaped//[[:cntrl:]]/ }
}

phase() {
    escape "$1"
    printf '{"type":"phase","name":"%s"}\n' "$escaped" >&3
}

fact() {
    escape "$2"
    printf '{"type":"fact","check":"%s","key":"%s","value":"%s"}\n' "$check" "$1" "$escaped" >&3
}

# Runs a command as one step of a check. When it fails, reports which step and why, and ends the check.
step() {
    local name=$1 said status
    shift
    said=$("$@" 2>&1)
    status=$?
    if ((status != 0)); then
        fact failed-step "$name: status $status: $said"
        exit 1
    fi
}

milliseconds() {
    local now=${EPOCHREALTIME//[.,]/}
    now_ms=$((now / 1000))
}

# run NAME LIMIT: runs one check in a process of its own, so that one that hangs does not stop the others.
run() {
    local started status
    milliseconds
    started=$now_ms
    printf '{"type":"begin","check":"%s"}\n' "$1" >&3
    timeout --kill-after=10 "$2" bash "${BASH_SOURCE[0]}" "$1"
    status=$?
    milliseconds
    # The empty line ends a line that a killed check may have left unfinished.
    printf '\n{"type":"end","check":"%s","status":%d,"ms":%d}\n' "$1" "$status" "$((now_ms - started))" >&3
}


# Opens the report port as descriptor 3, as soon as it exists.
open_port() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        [[ -c $port ]] && break
        sleep 0.2
    done
    exec 3<>"$port" || exit 1
    printf '{"type":"hello"}\n' >&3
}

# Reports how the unit's process ended, as systemd tells its ExecStopPost=.
tell_gone() {
    printf '\n{"type":"gone","result":"%s","status":"%s"}\n' "$SERVICE_RESULT" "$EXIT_STATUS" >"$port"
}

