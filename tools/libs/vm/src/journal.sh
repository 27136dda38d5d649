# shellcheck shell=bash
# Writes the journal of this start to the port that the argument names, up to the machine's end: systemd-shutdown ends
# every process with SIGTERM.
set -u

# In braces, so that the whole script is read before the file can be gone.
{
    until [[ -c $1 ]]; do sleep 0.2; done
    exec >"$1"
    trap : TERM
    read_journal=(journalctl -b -o short-monotonic --no-hostname)
    "${read_journal[@]}" -f --no-tail &
    wait # until the signal
    wait # until journalctl has ended by it
    # journald tells those who follow it of new lines up to 250 ms late, and a machine may be off sooner: the last lines
    # are read from the files, once journald has written everything and ended.
    journald=/sys/fs/cgroup/system.slice/systemd-journald.service/cgroup.procs
    for ((tries = 0; tries < 50; tries++)); do
        [[ -n $(cat "$journald" 2>/dev/null) ]] || break
        sleep 0.1
    done
    echo "-- The last lines once more, read as the machine ends --"
    "${read_journal[@]}" -n 20
    exit
}
