#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/test-kernels.sh [--fresh] [VERSION...]
#
# Tests flowguard on Debian's kernels, each in a virtual machine, and prints a table. VERSION is such as 6.1, or
#   newest    the newest one that the mirror has, in whatever suite
#   running   this host itself, without a virtual machine
# Without any: 5.10 (which must be refused), 6.1, 6.12, newest and running. Exits with 0 only if all of them pass.
#   --fresh   downloads kernels again that were downloaded before
# The binaries are those of FG_BUILD (build/release). Kernels stay in FG_KERNEL_CACHE (build/kernels).
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build=$(realpath -m "${FG_BUILD:-$FG_ROOT/build/release}")
cache=$(realpath -m "${FG_KERNEL_CACHE:-$FG_ROOT/build/kernels}")
apt=$cache/apt  # lists and state of an apt that knows all suites, apart from the host's
suites=(bullseye bookworm bookworm-backports trixie trixie-backports sid)
modules=(virtio_pci 9pnet_virtio 9p veth sch_ingress cls_bpf)
timeout_s=300
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
layout='%-26s %-6s %-8s %-10s %-8s %-38s %7s  %s\n'
mirror=''       # once known
troubles=()
passed=1

### Downloads

# debian_mirror: the one that this host's apt uses.
debian_mirror()
{
    apt-get indextargets --format "\$(ORIGIN)|\$(LABEL)|\$(REPO_URI)" "Created-By: Packages" 2>/dev/null |
        sed -n 's/^Debian|Debian|//p' | head -n 1
}

private_apt()
{
    "$1" -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$apt/state" \
        -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User="$(id -un)" \
        -o APT::Architecture=amd64 -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=20 \
        -o Acquire::https::Timeout=20 "${@:2}"
}

# fetch_lists: once a run. A suite that the mirror does not have is no error: the others may do.
fetch_lists()
{
    [[ -n $mirror ]] && return
    mirror=$(debian_mirror)
    [[ -n $mirror ]] || { echo "apt knows no Debian mirror; see to its sources, and run 'apt-get update'" && return 1; }
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    printf "deb [signed-by=$keyring] $mirror %s main\n" "${suites[@]}" >"$apt/sources.list"
    private_apt apt-get update || true
    compgen -G "$apt/state/lists/*_Packages*" >/dev/null || { echo "the mirror does not answer" && return 1; }
}

# package_version WORD: of linux-image-amd64.
package_version()
{
    local pattern="^${1//./\\.}\\."
    [[ $1 == newest ]] && pattern=.
    private_apt apt-cache madison linux-image-amd64 | awk -F ' *[|] *' '{ print $2 }' | { grep "$pattern" || true; } |
        sort -V | tail -n 1
}

# kernel_packages VERSION: what linux-image-amd64 of this version consists of, as NAME=VERSION.
kernel_packages()
{
    local todo=(linux-image-amd64) seen=' ' name
    while ((${#todo[@]} > 0)); do
        name=${todo[0]}
        todo=("${todo[@]:1}")
        [[ $seen == *" $name "* ]] && continue
        seen+="$name "
        echo "$name=$1"
        mapfile -t -O "${#todo[@]}" todo < <(private_apt apt-cache show "$name=$1" | sed -n 's/^Depends: //p' |
            grep -oE '\blinux-(image|base|binary|modules)-[a-z0-9.+-]+')
    done
}

# take_modules TREE DIRECTORY: the modules needed, uncompressed, and the order to load them in.
take_modules()
{
    local release path file name
    release=$(basename "$1"/lib/modules/*)
    depmod -b "$1" "$release"
    mkdir -p "$2"
    for name in "${modules[@]}"; do
        modprobe -d "$1" -S "$release" --show-depends "$name"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
        file=$(basename "$path")
        case $file in
        *.xz) xz -dc "$path" >"$2/${file%.xz}" ;;
        *.zst) zstd -qdc "$path" >"$2/${file%.zst}" ;;
        *) cp "$path" "$2/" ;;
        esac
        file=${file%.xz}
        echo "/modules/${file%.zst}" >>"$2/order"
    done
}

# download WORD: a kernel and its modules, to $cache/WORD. Complete or not at all.
download()
{
    local version work=$cache/$1.new packages
    rm -rf "$work"
    mkdir -p "$work/deb" "$work/tree"
    version=$(package_version "$1")
    [[ -n $version ]] || { echo "no suite (${suites[*]}) has it" && return 1; }
    mapfile -t packages < <(kernel_packages "$version")
    (cd "$work/deb" && private_apt apt-get download "${packages[@]}") || return 1
    for package in "$work"/deb/*.deb; do
        dpkg-deb -x "$package" "$work/tree" || return 1
    done
    [[ -e $work/tree/lib ]] || ln -s usr/lib "$work/tree/lib"
    take_modules "$work/tree" "$work/modules" || return 1
    find "$work/tree" -name 'vmlinuz*' -type f -exec mv '{}' "$work/vmlinuz" ';'
    [[ -e $work/vmlinuz ]] || { echo "there is no vmlinuz in ${packages[*]}" && return 1; }
    rm -rf "$work/deb" "$work/tree"
    mv "$work" "$cache/$1"
}

# have_kernel WORD: in the cache; if not, says why.
have_kernel()
{
    local log=$cache/$1.log
    [[ -e $cache/$1/vmlinuz ]] && return
    mkdir -p "$cache"
    { fetch_lists && download "$1"; } >"$log" 2>&1 && return
    troubles+=("$(printf '%s: cannot fetch this kernel from %s, because: %s; %s (%s has the details)' "$1" \
        "${mirror:-the mirror}" "$(tail -n 1 "$log")" 'connect this host, or ask for another version' "$log")")
    return 1
}

### Virtual machines

# make_initrd KERNEL FILE
make_initrd()
{
    local root
    root=$(mktemp -d)
    mkdir -p "$root"/{dev,proc,sys,run,tmp,usr,source,build,etc}
    cp -r "$1/modules" "$root/modules"
    cp "$(command -v busybox)" "$root/busybox"
    cp "$FG_ROOT/tests/vm/init" "$root/init"
    chmod 755 "$root/init"
    for directory in bin sbin lib lib64; do
        ln -s "usr/$directory" "$root/$directory"
    done
    echo 'root:x:0:0:root:/tmp:/bin/sh' >"$root/etc/passwd"
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$2"
    rm -rf "$root"
}

# shared TAG DIRECTORY: read-only in the machine; sets "machine".
shared()
{
    machine+=(-fsdev "local,id=$1,path=$2,readonly=on,security_model=none,multidevs=remap"
        -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# run_machine WORD RESULTS CONSOLE: patient RCU would make each run of a packet wait for 20 ms.
run_machine()
{
    local machine=(qemu-system-x86_64 -accel "tcg,thread=multi" -nodefaults -no-user-config -display none -no-reboot
        -smp 2 -m 2048 -kernel "$cache/$1/vmlinuz" -initrd "$cache/$1/initrd"
        -append "console=ttyS0 panic=-1 nopti loglevel=4 rcupdate.rcu_expedited=1" -serial "file:$3" -serial "file:$2")
    make_initrd "$cache/$1" "$cache/$1/initrd"
    shared usr /usr
    shared source "$FG_ROOT"
    shared build "$build"
    timeout -k 5 "$timeout_s" "${machine[@]}" </dev/null
}

### Rows

# value RESULTS NAME
value() { sed -n "s/^$2=//p" "$1" | tr -d '\r' | tail -n 1; }

hooks()
{
    local auto off
    auto=$(value "$1" hooks_auto)
    off=$(value "$1" hooks_off)
    [[ -n $auto$off ]] && echo "$auto; off: $off"
}

# explain WORD RESULTS CONSOLE CODE: why a row failed. Without a word on the console, qemu itself did.
explain()
{
    local qemu=$FG_LOGS/kernel-$1.qemu
    mapfile -t -O "${#troubles[@]}" troubles < <(sed -n "s/^trouble=/$1: /p" "$2" | tr -d '\r')
    if grep -qa 'Kernel panic' "$3"; then
        troubles+=("$1: $(grep -am 1 'Kernel panic' "$3" | tr -d '\r') ($3)")
    elif (($4 >= 124)); then
        troubles+=("$1: was not done within $timeout_s s ($3 ends with what it did last)")
    elif [[ ! -s $3 && -s $qemu ]]; then
        troubles+=("$1: qemu did not start it: $(tail -n 1 "$qemu") ($qemu)")
    elif [[ -z $(value "$2" end) ]]; then
        troubles+=("$1: ended before its checks did ($3 says more)")
    fi
}

# test_kernel WORD: a row.
test_kernel()
{
    local results=$FG_LOGS/kernel-$1.results console=$FG_LOGS/kernel-$1.log start code=0 verdict=ok
    start=$(now)
    : >"$results"
    : >"$console"
    if [[ $1 == running ]]; then
        timeout -k 5 "$timeout_s" python3 "$FG_ROOT/tests/vm/checks.py" "$build" >"$results" 2>"$console" || code=$?
    elif have_kernel "$1"; then
        start=$(now)
        run_machine "$1" "$results" "$console" 2>"$FG_LOGS/kernel-$1.qemu" || code=$?
    else
        code=fetch
    fi
    if [[ $code != 0 ]] || [[ $(value "$results" end) != ok ]]; then
        verdict=FAILED
        passed=0
        [[ $code == fetch ]] || explain "$1" "$results" "$console" "$code"
    fi
    row "$(value "$results" kernel)" "$1" "$results" "$(seconds_since "$start")" "$verdict"
}

# row KERNEL WORD RESULTS SECONDS VERDICT
row()
{
    local tests live hooks loads boots=no
    tests=$(value "$3" tests) live=$(value "$3" live) hooks=$(hooks "$3") loads=$(value "$3" loads)
    [[ -n $1 ]] && boots=yes
    # shellcheck disable=SC2059 # the layout
    printf "$layout" "${1:-$2}" "$boots" "${loads:-no}" "${tests:--}" "${live:--}" "${hooks:--}" "$4" "$5"
}

main()
{
    local words=() word fresh=0
    for word in "$@"; do
        case $word in
        -h | --help) print_help && exit ;;
        --fresh) fresh=1 ;;
        newest | running | [1-9]*.[0-9]*) words+=("$word") ;;
        *) die 2 "unknown argument '$word'; use a version such as 6.1, or newest or running, as --help explains" ;;
        esac
    done
    ((${#words[@]} > 0)) || words=(5.10 6.1 6.12 newest running)
    require_root
    [[ $(uname -m) == x86_64 ]] || die 1 "the machines run this host's own binaries, and are known for x86_64 only"
    "$FG_ROOT/scripts/setup.sh" vm
    [[ -x $build/tests/bpf/bpf_test && -x $build/userspace/cli/flowguard ]] ||
        die 1 "there is nothing to test in $build; build it with FLOWGUARD_TESTS=ON, as scripts/test.sh does"
    as_owner mkdir -p "$FG_LOGS"
    # shellcheck disable=SC2059 # the layout
    printf "$layout" KERNEL BOOTS LOADS 'BPF TESTS' LIVE 'HOOKS' SECONDS ''
    for word in "${words[@]}"; do
        ((fresh)) && rm -rf "${cache:?}/$word"
        test_kernel "$word"
    done
    printf 'BPF tests: passed/failed/skipped. Hooks: ingress/egress, by themselves and with --xdp-mode off.\n'
    ((passed)) && return
    printf '%s\n' "${troubles[@]}" >&2
    die 1 "not all kernels pass; the reasons are above, the output in $FG_LOGS"
}

main "$@"
