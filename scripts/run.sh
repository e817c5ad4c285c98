#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/run.sh [INTERFACE]
#        sudo scripts/run.sh --lab [--watch]
#
# Installs what is missing, builds flowguard, installs it to /usr/local, attaches it to INTERFACE (default: the one of
# the default route) and shows how it stands. Running it again is fine.
#   --lab     needs no network: plays an attack and its end in network namespaces, and leaves nothing behind
#   --watch   with --lab: goes on until you press q, with a live 'flowguard top'
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

interfaces() { awk 'NR > 2 { sub(/:.*/, ""); print $1 }' /proc/self/net/dev; }

# The interface of the default route: IPv4 first, else IPv6; the route with the lowest metric.
default_interface()
{
    local name
    name=$(awk 'NR > 1 && $2 == "00000000" && $8 == "00000000" { print $7, $1 }' /proc/self/net/route 2>/dev/null |
        sort -n | awk 'NR == 1 { print $2 }')
    if [[ -z $name && -r /proc/self/net/ipv6_route ]]; then
        # Unreachable defaults stand on lo. Metrics are hexadecimal of fixed width, so they sort as text.
        name=$(awk '$1 ~ /^0+$/ && $2 == "00" && $10 != "lo" { print $6, $10 }' /proc/self/net/ipv6_route |
            sort | awk 'NR == 1 { print $2 }')
    fi
    printf '%s' "$name"
}

choose_interface()
{
    local wanted=$1 known
    known=$(interfaces | paste -sd ' ')
    if [[ -z $wanted ]]; then
        wanted=$(default_interface)
        [[ -n $wanted ]] ||
            die 2 "this host has no default route, so the interface must be named: 'sudo $0 NAME', with NAME one of: $known"
    fi
    interfaces | grep -qxF -- "$wanted" ||
        die 2 "there is no network interface '$wanted'; this host has: $known"
    printf '%s' "$wanted"
}

configure()
{
    # A first build leaves the tests out; scripts/test.sh adds them.
    local tests=(-DFLOWGUARD_TESTS=OFF)
    [[ -e build/release/CMakeCache.txt ]] && tests=()
    as_owner cmake --preset release "${tests[@]}"
}

build()
{
    cd "$FG_ROOT"
    step "Configure" "$FG_LOGS/configure.log" configure
    step "Build" "$FG_LOGS/build.log" as_owner cmake --build --preset release --target flowguard
}

# The pid of the daemon; JSON may or may not be on one line.
daemon_pid() { flowguard status --json | tr -d '\n' | sed -n 's/.*"daemon": *{[^}]*"pid": *\([0-9]*\).*/\1/p'; }

next_steps()
{
    cat <<TEXT

${bold}What to type next${reset}
  sudo flowguard top                    live view: who talks to whom, how fast (q ends it)
  sudo flowguard flows -n 20            the biggest flows
  sudo flowguard block ADDRESS          drop everything from and to ADDRESS ('--for 1h' lifts it by itself)
  sudo flowguard blocks                 what is blocked, and how much it dropped
  sudo flowguard detach                 take everything off again
TEXT
}

attach()
{
    local interface=$1
    printf '\n%s$ flowguard attach %s%s\n' "$bold" "$interface" "$reset"
    flowguard attach "$interface"
    if [[ $(readlink "/proc/$(daemon_pid)/exe") == *' (deleted)' ]]; then
        printf '  The daemon that runs is an earlier build; to change over: sudo flowguard detach && sudo %s %s\n' \
            "$0" "$interface"
    fi
    printf '\n%s$ flowguard status%s\n' "$bold" "$reset"
    flowguard status
}

main()
{
    local interface='' lab=0 watch=()
    while (($# > 0)); do
        case $1 in
        --lab) lab=1 ;;
        --watch) watch=(--watch) ;;
        -h | --help) print_help && exit ;;
        -*) die 2 "unknown option '$1'; --help lists them" ;;
        *)
            [[ -z $interface ]] || die 2 "one interface at a time; 'flowguard attach A B' takes several"
            interface=$1
            ;;
        esac
        shift
    done
    ((lab || ${#watch[@]} == 0)) || die 2 "--watch belongs to --lab; 'flowguard top' shows a real interface live"
    require_root
    ((lab)) || interface=$(choose_interface "$interface")

    printf '%sflowguard%s: getting ready\n' "$bold" "$reset"
    "$FG_ROOT/scripts/setup.sh" "$( ((lab)) && echo lab || echo run)"
    build
    if ((lab)); then
        exec "$FG_ROOT/scripts/lab.sh" "${watch[@]}"
    fi
    step "Install to /usr/local" "$FG_LOGS/install.log" cmake --install build/release --prefix /usr/local --strip
    export PATH=/usr/local/bin:$PATH
    attach "$interface"
    next_steps
}

main "$@"
