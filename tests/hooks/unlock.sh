# shellcheck shell=bash disable=SC2034,SC2154
# How an encrypted state partition is opened.

locked() { # TYPED...: a locked disk whose passphrase is `right`, and what a person types, one answer a prompt
    . "$hooks/functions"
    . "$hooks/unlock"
    machine
    left=$PWD/left console=$PWD/console device=$PWD/disk
    mkdir "$left"
    printf 'LUKS\xba\xbe' >"$device"
    printf '%s\n' "$@" >typed
    : >asked
    loadkeys() { printf '%s\n' "$*" >>loaded; }
    ask() {
        local answer
        printf '%s\n' "$1" >>asked
        answer=$(head -n 1 typed)
        sed -i 1d typed
        [ "$answer" != nobody ] && printf '%s' "$answer" >"$2"
    }
    attach() {
        printf '%s\n' "${*:2}" >>attached
        if [ "$2" = none ]; then [ -e tpm ]; else [ "$(<"$2")" = right ]; fi
    }
    sleep() { :; }
    give_up() {
        printf '%s\n' "$1" >gave_up
        exit 1
    }
}

test_a_wrong_passphrase_is_called_wrong() {
    locked wrong wronger right
    unlock "$device"
    is "$(<asked)" 'Enter the passphrase or the recovery key of this system (keyboard: us):
That was wrong. Enter the passphrase or the recovery key of this system (keyboard: us):
That was wrong. Enter the passphrase or the recovery key of this system (keyboard: us):'
    is "$(ls "$run")" '' 'what is left of the passphrase'
}

test_the_keymap_of_the_installation_is_loaded() {
    locked right
    printf '# keyboard: de (nodeadkeys)\nkeymaps 0\n' >"$left/sigmavault.keymap.cred"
    unlock "$device"
    is "$(<loaded)" "--quiet --console=$console $left/sigmavault.keymap.cred"
    has "$(<asked)" '(keyboard: de (nodeadkeys))'
}

test_the_key_that_switches_to_the_second_layout_is_named() {
    locked right
    printf '# keyboard: us; Alt+Shift switches to ru (phonetic)\nkeymaps 0\n' >"$left/sigmavault.keymap.cred"
    unlock "$device"
    has "$(<asked)" '(keyboard: us; Alt+Shift switches to ru (phonetic)):'
}

test_a_name_that_somebody_else_wrote() {
    locked
    printf '# keyboard: d\033[2Je$(id)\nkeymaps 0\n' >"$left/sigmavault.keymap.cred"
    is "$(keyboard)" 'd2Je(id)'
    printf 'keymaps 0\n' >"$left/sigmavault.keymap.cred"
    is "$(keyboard)" unknown
}

test_a_keymap_that_does_not_load() {
    locked
    echo damaged >"$left/sigmavault.keymap.cred"
    loadkeys() { return 1; }
    is "$(keyboard)" us
    : >"$left/sigmavault.keymap.cred"
    is "$(keyboard)" us
}

test_the_tpm_comes_first() {
    locked right
    echo '{"type":"systemd-tpm2"}' >>"$device"
    : >tpm
    unlock "$device"
    is "$(<attached)" 'none tpm2-device=auto'
    is "$(<asked)" ''
    rm tpm attached
    unlock "$device"
    is "$(tr '\n' ' ' <attached)" "none tpm2-device=auto $run/passphrase "
    has "$(<said)" 'the TPM did not open'
}

test_a_prompt_that_nobody_can_answer_ends() {
    locked nobody nobody nobody nobody nobody right
    if (unlock "$device"); then fail "it cannot be open"; fi
    has "$(<gave_up)" 'nobody could be asked'
    is "$(wc -l <asked)" 5
}
