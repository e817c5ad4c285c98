# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by the scripts beside it; to be sourced.
# shellcheck disable=SC2034 # used there

FG_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FG_LOGS=$FG_ROOT/build/log
FG_BINARY=$FG_ROOT/build/release/userspace/cli/flowguard

bold='' dim='' green='' red='' reset=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' reset=$'\e[0m'
fi

# die CODE SENTENCE: what went wrong, why, and what to do next.
die()
{
    printf '%s: %s\n' "$(basename "$0")" "${*:2}" >&2
    exit "$1"
}

# The comment block at the head of a script is its help.
print_help()
{
    sed -n '/^#!/d; /^# SPDX/d; /^#/!q; s/^# \{0,1\}//p' "$0"
}

now() { printf '%s' "${EPOCHREALTIME/,/.}"; }

seconds_since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f", to - from }'; }

# show_progress NAME LOG: how far the build that writes LOG is, until killed or left alone.
show_progress()
{
    local progress
    while kill -0 $$ 2>/dev/null; do
        progress=$(tail -c 4096 "$2" 2>/dev/null | grep -aoE '^\[[0-9]+/[0-9]+\]' | tail -n 1 || true)
        printf '\r  %s..%s  %-56s %9s' "$dim" "$reset" "$1" "$progress"
        sleep 0.5
    done
}

# run_quietly NAME LOG COMMAND...: one line with the time it took, the output to LOG; returns the exit code.
run_quietly()
{
    local name=$1 log=$2 start code=0 progress=''
    shift 2
    start=$(now)
    as_owner mkdir -p "$(dirname "$log")"
    : >"$log"
    if [[ -t 1 ]]; then
        show_progress "$name" "$log" &
        progress=$!
    fi
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if [[ -n $progress ]]; then
        kill "$progress"
        wait "$progress" 2>/dev/null || true
        printf '\r'
    fi
    if ((code == 0)); then
        printf '  %sok%s  %-56s %7s s\n' "$green" "$reset" "$name" "$(seconds_since "$start")"
    else
        printf '  %sfailed%s  %s, after %s s%20s\n' "$red" "$reset" "$name" "$(seconds_since "$start")" ''
    fi
    return "$code"
}

# step NAME LOG COMMAND...: the same; a failure also shows the end of LOG.
step()
{
    local code=0
    run_quietly "$@" || code=$?
    ((code == 0)) && return
    tail -n 40 "$2" >&2
    printf '%s: "%s" failed; the whole output is in %s\n' "$(basename "$0")" "$1" "$2" >&2
    return "$code"
}

require_root()
{
    ((EUID == 0)) || die 3 "this needs root, because it loads programs into the kernel; run 'sudo $0'"
}

# require_kernel RELEASE
require_kernel()
{
    local major minor
    IFS=.- read -r major minor _ <<<"$1"
    ((major > 6 || (major == 6 && ${minor%%[!0-9]*} >= 1))) ||
        die 1 "Linux $1 is too old, because flowguard needs 6.1 or newer; Debian 12 and later have it"
}

# require_btf FILE
require_btf()
{
    [[ -r $1 ]] ||
        die 1 "this kernel does not describe its types in $1; boot one built with CONFIG_DEBUG_INFO_BTF, as Debian's are"
}

# require_bpffs DIRECTORY: mounts it if need be.
require_bpffs()
{
    [[ $(stat -f -c %T "$1" 2>/dev/null) == bpf_fs ]] && return
    mount -t bpf bpf "$1" 2>/dev/null ||
        die 1 "cannot mount the BPF file system on $1; in a container, start it with '-v $1:$1' and with CAP_SYS_ADMIN"
}

# Root would leave files in the clone that its owner cannot change: builds run as the owner.
as_owner()
{
    local owner
    owner=$(stat -c %U "$FG_ROOT")
    if ((EUID != 0)) || [[ $owner == root || $owner == UNKNOWN ]]; then
        "$@"
    else
        runuser -u "$owner" -- "$@"
    fi
}
