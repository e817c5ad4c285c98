#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: sudo scripts/lab.sh [--watch]
#
# Plays a flood and its end, with real traffic and no network: a server (HTTP, DNS, an SSH banner, iperf3) with flowguard
# on its interface, two users and an attacker, each in a network namespace. Exits with 0 only if everything that it tells
# really happened and nothing was left behind. Takes half a minute.
#   --watch   goes on until you press q, with a live 'flowguard top'
# FLOWGUARD names the program to play with, if it is not the one in build/release.
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export FLOWGUARD_INSTANCE=lab
flowguard=${FLOWGUARD:-$FG_BINARY}
python=/usr/bin/python3
prefix=fglab
pins=/sys/fs/bpf/flowguard/lab
run_dir=/run/flowguard/lab
state=/var/lib/flowguard/lab
hosts=(server alice bob mallory)
declare -rA addresses=([server]=10.77.0.1 [alice]=10.77.0.11 [bob]=10.77.0.12 [mallory]=10.77.0.66)
server=${addresses[server]}
server_v6=fd77::1
mallory=${addresses[mallory]}
work=''         # scratch directory
pids=()         # of processes that this script started
program_ids=()  # of the programs that flowguard attached
phases=()       # counts of each user at the turns of the story
watch=0

### Hosts

# on HOST COMMAND...: by nsenter, because 'ip netns exec' hides the BPF file system.
on() { nsenter --net="/run/netns/$prefix-$1" "${@:2}" 9>&-; }

# start HOST LOG COMMAND...: in the background; ends with this script, however that ends.
start()
{
    setpriv --pdeathsig TERM nsenter --net="/run/netns/$prefix-$1" "${@:3}" >"$work/$2" 2>&1 </dev/null 9>&- &
    pids+=($!)
}

net()
{
    ip "$@" 2>"$work/ip.log" || die 1 "cannot make the lab's network, because 'ip $*' says: $(tail -n 1 "$work/ip.log")"
}

make_host()
{
    local host=$1 last=${addresses[$1]##*.}
    net netns add "$prefix-$host"
    net link add eth0 netns "$prefix-$host" type veth peer name "$host" netns "$prefix-switch"
    net -n "$prefix-switch" link set "$host" master switch up
    net -n "$prefix-$host" link set lo up
    net -n "$prefix-$host" link set eth0 up
    net -n "$prefix-$host" address add "10.77.0.$last/24" dev eth0
    net -n "$prefix-$host" address add "fd77::$last/64" dev eth0 nodad
}

make_network()
{
    local host
    net netns add "$prefix-switch"
    net -n "$prefix-switch" link add switch type bridge
    net -n "$prefix-switch" link set switch up
    for host in "${hosts[@]}"; do
        make_host "$host"
    done
}

start_servers()
{
    start server servers.log "$python" "$FG_ROOT/scripts/lab/servers.py"
    start server iperf3.log iperf3 -s
    local try
    for ((try = 0; try < 100; try++)); do
        grep -q ready "$work/servers.log" && return
        pause 0.05
    done
    die 1 "the lab's servers did not start: $(tail -n 1 "$work/servers.log")"
}

start_users()
{
    start alice alice.log "$python" "$FG_ROOT/scripts/lab/client.py" "$server" "$work/alice.counts" 4500
    start bob bob.log "$python" "$FG_ROOT/scripts/lab/client.py" "$server_v6" "$work/bob.counts" 4500
    start bob iperf3-client.log iperf3 -c "$server" -R -b 5M -t 900
}

# attack SECONDS: a scan of 1,000 ports, then a flood.
attack()
{
    start mallory scan.log "$python" "$FG_ROOT/scripts/lab/attacker.py" scan "$server"
    start mallory flood.log "$python" "$FG_ROOT/scripts/lab/attacker.py" flood "$server" "$1"
}

reaches_page() { on "$1" timeout 2 bash -c "exec 3<>/dev/tcp/$server/80" 2>/dev/null; }

### Telling

# A sleep that a signal can end.
pause()
{
    sleep "$1" 9>&- &
    wait $! || true
}

scene() { printf '\n%s%s%s\n' "$bold" "$1" "$reset"; }
say() { printf '%s\n' "$@"; }

# quoted WORD...: as one would type them.
quoted()
{
    local word
    for word in "$@"; do
        [[ $word == *' '* ]] && printf " '%s'" "$word" || printf ' %s' "$word"
    done
}

# show ARGUMENT...: runs flowguard on the server for everybody to see.
show()
{
    printf '\n%sserver$%s flowguard%s%s\n' "$dim" "$reset$bold" "$(quoted "$@")" "$reset"
    on server "$flowguard" "$@"
}

# ask EXPRESSION ARGUMENT...: a Python expression over the JSON document d that flowguard prints.
ask() { on server "$flowguard" --json "${@:2}" | "$python" -c "import json, sys; d = json.load(sys.stdin); print($1)"; }

# claim SENTENCE COMMAND...: the story is told only if it is true.
claim()
{
    if "${@:2}"; then
        printf '  %syes%s  %s\n' "$green" "$reset" "$1"
    else
        printf '  %sno%s   %s\n' "$red" "$reset" "$1"
        die 1 "the lab did not go as it should, at: \"$1\"; please report it with what is above"
    fi
}

at_least() { (($1 >= $2)); }
equals() { [[ $1 == "$2" ]]; }

# Remembers the users' counts at a turn of the story: answered and failed of alice, then of bob.
turn() { phases+=("$(cat "$work/alice.counts" "$work/bob.counts" | paste -sd ' ')"); }

# in_phase PHASE COLUMN: how much a count grew in the phase, 1 to 3.
in_phase()
{
    local before after
    read -ra before <<<"${phases[$1 - 1]}"
    read -ra after <<<"${phases[$1]}"
    printf '%d' $((after[$2] - before[$2]))
}

# user_row NAME COLUMN: what became of a user's requests in each phase.
user_row()
{
    local phase
    printf '  %-8s' "$1"
    for phase in 1 2 3; do
        printf '%22s' "$(in_phase $phase "$2") ok, $(in_phase $phase $(($2 + 1))) failed"
    done
    printf '\n'
}

### The story

attach()
{
    scene "1. Attach flowguard to the server's interface"
    show attach eth0
    mapfile -t program_ids < <(ask '"\n".join(str(i[s]["program_id"]) for i in d["interfaces"] for s in ("ingress", "egress"))' status)
}

ordinary_day()
{
    scene "2. An ordinary moment: alice and bob use the web page, DNS, SSH and iperf3"
    turn
    pause 4
    show top --once --by service -n 5
    turn
}

busiest() { ask 'd["rows"][0]["ip"]' top --once --by remote -n 1; }

# names DETECTOR: an incident of it, with mallory as its source.
names() { on server "$flowguard" --json incidents | grep -F "\"detector\":\"$1\"" | grep -qF "\"src_ip\":\"$mallory\""; }

under_attack()
{
    scene "3. Mallory scans 1,000 ports, then floods HTTP and DNS"
    claim "mallory reaches the web page" reaches_page mallory
    attack 30
    pause 4
    say "" "Who is it?"
    show top --once --by remote -n 4
    claim "the busiest remote host is mallory, $mallory" equals "$(busiest)" "$mallory"
    say "" "What is she doing?"
    show top --once -n 6 --filter "host $mallory" --sort packets
    say "" "What does flowguard call it?"
    show incidents --open
    claim "the scan is named, and whose it is" names scan.port
    turn
}

dropped() { ask 'sum(b["packets"] for b in d["blocks"])' blocks; }

block_attacker()
{
    local before after
    scene "4. Block the attacker, in the kernel, before the stack sees a packet"
    show block "$mallory" --for 10m --reason flood
    # A request that was under way when the block came may still fail of the flood.
    pause 1.5
    phases[2]=$(cat "$work/alice.counts" "$work/bob.counts" | paste -sd ' ')
    show blocks
    before=$(dropped)
    say "" "Three seconds later:"
    pause 3
    show blocks
    after=$(dropped)
    turn
    say ""
    claim "drops rise while the flood goes on, by $((after - before)) packets in 3 s" at_least "$((after - before))" 1000
    claim "mallory gets no answer any more" eval '! reaches_page mallory'
}

went_on() { (($1 >= 20 && $2 == 0)); }

balance()
{
    local answered failed
    scene "5. What the users saw, and whether every packet was counted"
    printf '\n  %-8s%22s%22s%22s\n' requests "before" "under attack" "after the block"
    user_row alice 0
    user_row bob 2
    show status
    say ""
    answered=$(($(in_phase 3 0) + $(in_phase 3 2))) failed=$(($(in_phase 3 1) + $(in_phase 3 3)))
    claim "alice and bob go on: $answered requests answered since the block, $failed failed" went_on "$answered" "$failed"
    claim "every packet is accounted for" equals "$(ask 'd["interfaces"][0]["accounted"]' status)" 1.0
}

leave()
{
    scene "6. Lift the block, and take flowguard off"
    show unblock "$mallory"
    show detach
}

watch_live()
{
    attack 900
    scene "2. Mallory attacks; see for yourself"
    say "In another terminal, block her, and watch the drops rise:" "" \
        "  sudo $(realpath --relative-to=. "$flowguard") --instance lab block $mallory --for 10m" "" \
        "The live view starts in 5 seconds; q ends it and the lab."
    pause 5
    on server "$flowguard" top --by remote
    scene "3. Take flowguard off"
    show detach
}

### The end, whatever happens

end_processes()
{
    ((${#pids[@]} == 0)) && return
    kill "${pids[@]}" 2>/dev/null
    wait "${pids[@]}" 2>/dev/null
    pids=()
}

# Also clears away what a lab that was killed left, and then its daemon may be in a namespace without a name.
clean_up()
{
    local host
    end_processes
    [[ -e $pins || -e $run_dir ]] && "$flowguard" detach >/dev/null
    for host in "${hosts[@]}" switch; do
        [[ -e /run/netns/$prefix-$host ]] && ip netns delete "$prefix-$host"
    done
    rm -rf -- "$state"
    return 0
}

# Prints what should not be there any more.
leftovers()
{
    local id
    [[ -e $pins ]] && say "pins in $pins"
    [[ -e $run_dir ]] && say "files in $run_dir"
    for id in "${program_ids[@]}"; do
        bpftool prog show id "$id" >/dev/null 2>&1 && say "program $id"
    done
    find /run/netns -maxdepth 1 -name "$prefix-*" -printf 'namespace %f\n' 2>/dev/null
    return 0
}

at_exit()
{
    local code=$? left
    trap - EXIT
    trap '' INT TERM HUP PIPE
    set +e
    ((code == 0)) || tail -n 5 "$run_dir/daemon.log" 2>/dev/null >&2
    ((code > 128)) && printf '\nInterrupted; cleaning up.\n' 2>/dev/null
    clean_up
    rm -rf "$work"
    left=$(PATH=$PATH:/usr/sbin leftovers)
    if [[ -n $left ]]; then
        printf 'lab.sh: the lab left something behind: %s\n' "$(paste -sd ';' <<<"$left")" >&2
        exit 1
    fi
    if ((code == 0)); then
        printf '  %syes%s  nothing is left: no program, pin, process or namespace\n' "$green" "$reset"
        printf '\nThat was the lab, in %.0f seconds. On your own interface: %ssudo scripts/run.sh%s\n' \
            "$(seconds_since "$started")" "$bold" "$reset"
    fi
    exit "$code"
}

prepare()
{
    ((! watch)) || [[ -t 0 && -t 1 ]] ||
        die 2 "--watch needs a terminal; without the option the lab tells its story in plain lines"
    require_root
    require_bpffs /sys/fs/bpf
    [[ -x $flowguard ]] || die 1 "flowguard is not built yet; 'sudo scripts/run.sh --lab' builds it and comes back here"
    exec 9>/run/lock/flowguard-lab
    flock -n 9 || die 1 "a lab is running on this host already; end that one first"
    trap at_exit EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    work=$(mktemp -d)
    clean_up
}

main()
{
    case ${1:-} in
    '') ;;
    --watch) watch=1 ;;
    -h | --help) print_help && exit ;;
    *) die 2 "unknown argument '$1'; --help explains" ;;
    esac
    started=$(now)
    prepare
    scene "flowguard lab: a server, two users and an attacker, each in a network namespace"
    say "  server $server   alice ${addresses[alice]}   bob ${addresses[bob]}   mallory $mallory"
    make_network
    start_servers
    attach
    start_users
    pause 0.5
    if ((watch)); then
        watch_live
        return
    fi
    ordinary_day
    under_attack
    block_attacker
    balance
    leave
    say ""
}

main "$@"
