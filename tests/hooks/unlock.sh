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

test_a_tpm_without_a_pin_comes_first() {
    locked right
    echo '{"type":"systemd-tpm2","tpm2-pin":false}' >>"$device"
    : >tpm
    unlock "$device"
    is "$(<attached)" 'none tpm2-device=auto'
    is "$(<asked)" ''
    rm tpm attached
    unlock "$device"
    is "$(tr '\n' ' ' <attached)" "none tpm2-device=auto $run/passphrase "
    has "$(<said)" 'the TPM did not open'
}

# sealed MESSAGE TYPED...: a locked disk that a TPM opens with the PIN 271828; for others the TPM's answer is MESSAGE.
sealed() {
    local message=$1
    locked "${@:2}"
    printf '{"type":"systemd-tpm2","tpm2-pin":true}' >>"$device"
    mkdir -p "$sys/class/tpm/tpm0"
    printf '%s\n' "$message" >tpm-says
    : >journal
    systemd-cat() { "${@:2}" >>journal; }
    attach() {
        printf '%s\n' "${*:2}" >>attached
        if [ "$2" != none ]; then
            [ "$(<"$2")" = right ]
        elif [ "$PIN" = 271828 ]; then
            cat tpm-says >&2
        else
            cat tpm-says >&2
            return 1
        fi
    }
}

# Messages of systemd-cryptsetup 257, as the scenario `tpm` has them from a software TPM.
wrong_pin='Failed to unseal HMAC key in TPM: tpm:session(2):the authorization HMAC check failed and DA counter incremented'
locked_out='Failed to unseal HMAC key in TPM: tpm:warn(2.0): authorizations for objects subject to DA protection are not allowed at this time because the TPM is in DA lockout mode'
pin_prompt='Enter the PIN of this system, or nothing to enter the passphrase or the recovery key (keyboard: us):'
passphrase_prompt='Enter the passphrase or the recovery key of this system (keyboard: us):'

test_the_pin_of_the_tpm_is_asked_for_until_it_is_right() {
    sealed "$wrong_pin" 123456 111111 271828
    unlock "$device"
    is "$(<asked)" "$pin_prompt
That was wrong. $pin_prompt
That was wrong. $pin_prompt"
    is "$(sort -u attached)" 'none tpm2-device=auto headless=1'
    is "$(ls "$run")" '' 'what is left of the PIN'
}

test_an_empty_pin_leads_to_the_passphrase() {
    sealed "$wrong_pin" '' right
    unlock "$device"
    is "$(<asked)" "$pin_prompt
$passphrase_prompt"
    is "$(<attached)" "$run/passphrase" 'what the TPM was not asked'
    is "$(<said)" ''
}

test_a_locked_tpm_leads_to_the_passphrase() {
    for message in "$locked_out" 'TPM2 device is in dictionary attack lockout mode.'; do
        sealed "$message" 123456 right
        : >said
        unlock "$device"
        is "$(<asked)" "$pin_prompt
$passphrase_prompt"
        has "$(<said)" 'too many wrong PINs'
        rm attached
        rm -r left
    done
}

test_a_changed_tpm_leads_to_the_recovery_key() {
    sealed 'Failed to load key into TPM: tpm:parameter(1):integrity check failed' 123456 right
    unlock "$device"
    is "$(<asked)" "$pin_prompt
$passphrase_prompt"
    has "$(<said)" 'whatever the PIN'
    has "$(<journal)" 'integrity check failed'
    is "$(ls "$run")" '' 'what is left of the PIN'
}

test_without_a_tpm_no_pin_is_asked_for() {
    sealed "$wrong_pin" right
    rmdir "$sys/class/tpm/tpm0"
    unlock "$device"
    is "$(<asked)" "$passphrase_prompt"
    has "$(<said)" 'this machine shows no TPM'
}

test_a_prompt_that_nobody_can_answer_ends() {
    locked nobody nobody nobody nobody nobody right
    if (unlock "$device"); then fail "it cannot be open"; fi
    has "$(<gave_up)" 'nobody could be asked'
    is "$(wc -l <asked)" 5
}
