#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/setup.sh [run|lab|vm|test|bench]...
#
# Makes this host ready: checks the kernel, mounts the BPF file system, installs the Debian packages that are missing.
#   run     what it takes to build and run flowguard
#   lab     and to play the lab
#   vm      and to test other kernels in virtual machines
#   test    and to pass the tests
#   bench   and to compare it with other tools, some of which bring services
# Without a word: what the tests need. Does not touch the network when nothing is missing.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run_packages=(
    clang llvm libbpf-dev bpftool g++ cmake ninja-build pkg-config iproute2 libcli11-dev libspdlog-dev libfmt-dev
    libtomlplusplus-dev nlohmann-json3-dev robin-map-dev libboost-dev libncurses-dev nettle-dev libxxhash-dev libpcap-dev
    libsqlite3-dev zlib1g-dev libpsl-dev
)
lab_packages=(python3 iperf3)
test_packages=(
    libgtest-dev libbenchmark-dev python3-pytest python3-scapy iputils-ping ethtool tcpdump tshark clang-format clang-19
    clang-tidy-19 libclang-rt-19-dev shellcheck nftables iptables
)
bench_packages=(xdp-tools ipset softflowd pmacct nfdump)
vm_packages=(
    qemu-system-x86 busybox-static cpio kmod xz-utils zstd debian-archive-keyring python3 iputils-ping ethtool
)
log=$FG_LOGS/setup.log

# missing PACKAGE...: those that are not installed.
missing()
{
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' || true)
    comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$installed")
}

apt_get()
{
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 \
        -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

# The lists may be old, or not there yet; asking for new ones takes a while.
fetch()
{
    apt_get install --no-install-recommends "$@" && return
    apt_get update || true
    apt_get install --no-install-recommends "$@"
}

logged() { grep -qi "$1" "$log"; }

explain_failure()
{
    if logged 'could not resolve\|could not connect\|cannot initiate the connection\|unreachable'; then
        die 1 "cannot fetch packages, because the Debian mirror does not answer; connect this host, then run this again" \
            "($log has the details)"
    elif logged 'unable to locate package\|has no installation candidate'; then
        die 1 "apt does not know all of these packages: $*; they are in Debian 12 and newer ($log says which are missing)"
    elif logged 'could not get lock'; then
        die 1 "another program has been holding the package database for two minutes; wait for it, then run this again"
    fi
    tail -n 20 "$log" >&2
    die 1 "apt could not install these packages: $*; the reason is above, the whole output in $log"
}

install_packages()
{
    printf '  Missing: %s\n' "$*" | fold -s -w 78 | sed '2,$s/^/    /'
    run_quietly "Install $# Debian packages" "$log" fetch "$@" || explain_failure "$@"
}

main()
{
    local wanted=() packages=() set
    for set in "${@:-test}"; do
        case $set in
        run) wanted+=("${run_packages[@]}") ;;
        lab) wanted+=("${run_packages[@]}" "${lab_packages[@]}") ;;
        vm) wanted+=("${run_packages[@]}" "${vm_packages[@]}") ;;
        test) wanted+=("${run_packages[@]}" "${lab_packages[@]}" "${vm_packages[@]}" "${test_packages[@]}") ;;
        bench) wanted+=("${run_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}") ;;
        -h | --help) print_help && exit ;;
        *) die 2 "unknown word '$set'; use run, lab, vm, test or bench, as --help explains" ;;
        esac
    done
    require_root
    require_kernel "$(uname -r)"
    require_btf /sys/kernel/btf/vmlinux
    require_bpffs /sys/fs/bpf
    { command -v apt-get && command -v dpkg-query; } >/dev/null ||
        die 1 "this host has no apt, and only Debian's packages are known here; install what docs/kernels.md lists by hand"
    mapfile -t packages < <(missing "${wanted[@]}")
    ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
}

main "$@"
