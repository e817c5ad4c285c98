# SPDX-License-Identifier: Apache-2.0
"""
What flowguard promises to scripts: names and types of its JSON, written down once more, so that a change shows.

A shape is a dictionary of names (a trailing ? marks those that may be absent), a list of one shape, or a predicate.
Names that are not written down are free.
"""
import ipaddress
import re

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def count(value):
    return type(value) is int and value >= 0


def number(value):
    return type(value) in (int, float)


def text(value):
    return type(value) is str


def truth(value):
    return type(value) is bool


def time(value):
    return text(value) and TIME.fullmatch(value)


def address(value):
    return text(value) and str(ipaddress.ip_address(value)) == value


def port(value):
    return count(value) and value < 1 << 16


def octet(value):
    return count(value) and value < 1 << 8


def flags(value):
    return text(value) and re.fullmatch(r"[0-9a-f]{2}", value)


def community(value):
    return text(value) and re.fullmatch(r"1:[A-Za-z0-9+/]{27}=", value)


def one_of(*values):
    return lambda value: value in values


def only(value):
    return lambda other: type(other) is type(value) and other == value


DIRECTION = one_of("in", "out", "forwarded")
STATE = one_of("new", "established", "closed")
HOOK = {"hook": one_of("xdp-native", "xdp-generic", "tcx", "clsact", "off"), "program_id?": count}
SIDE = {"packets": count, "bytes": count, "dropped_packets": count, "dropped_bytes": count}
BOTH = {"rx_packets": count, "rx_bytes": count, "tx_packets": count, "tx_bytes": count}
RATES = {"2s": number, "10s": number, "40s": number}

VERSION = {"version": text, "abi": count}
ATTACH = {"changed": truth,
          "interfaces": [{"name": text, "ingress": HOOK, "egress": HOOK, "tunnels": truth, "note": text}]}
DETACH = {"changed": truth, "interfaces": [text], "ending": truth}
STATUS = {
    "version": text,
    "daemon": {"pid": count, "since": time, "tick_ms": count, "ticks": count},
    "interfaces": [{"name": text, "ifindex": count, "ingress": HOOK, "egress": HOOK, "tunnels": truth,
                    "rx": SIDE, "tx": SIDE, "flows": BOTH, "overflow": BOTH, "non_ip": BOTH,
                    "accounted": only(1.0), "losses": {}}],
    "flow_table": {"active": count, "capacity": count},
    "policy": {"blocks": count, "allows": count, "limits": count},
    "incidents": {"open": count},
}
FLOW_NAMES = {"src_ip": address, "src_port?": port, "dest_ip": address, "dest_port?": port, "proto": text,
              "icmp_type?": octet, "icmp_code?": octet, "vlan?": [count], "in_iface": text}
FLOW = FLOW_NAMES | {
    "timestamp": time, "event_type": only("flow"), "flow_id": count, "community_id": community,
    "flow": {"pkts_toserver": count, "pkts_toclient": count, "bytes_toserver": count, "bytes_toclient": count,
             "start": time, "end": time, "age": count, "state": STATE,
             "reason": one_of("active", "timeout", "fin", "rst", "evicted")},
    "tcp?": {"tcp_flags_ts": flags, "tcp_flags_tc": flags, "syn": truth, "fin": truth, "rst": truth},
    "flowguard": {"direction": DIRECTION, "dropped_packets": count, "dropped_bytes": count, "rate_bps": number,
                  "rate_pps": number, "tunneled?": truth},
}
BLOCK = {"changed": truth, "id": count, "target": address, "dry_run": truth}
UNBLOCK = {"changed": truth, "target?": address, "id?": count, "dry_run": truth}
RULE = {"id": count, "action": one_of("allow", "block", "limit"), "priority": count, "target": text,
        "directions": one_of("in", "out", "both"), "proto?": text, "port?": text, "source_port?": text, "tcp_flags?": text,
        "interface?": text, "rate?": text, "burst?": count, "unit?": one_of("packets", "bytes", "connections"),
        "per?": one_of("source", "total"), "shared_packets?": count, "text": text, "reason": text, "uid": count,
        "created": time, "expires?": time, "remaining_s?": number, "last_hit?": time, "packets": count, "bytes": count,
        "dropped_packets": count, "dropped_bytes": count}
RULES = {"rules": [RULE], "count": count, "capacity": count, "blocklist": {"count": count, "priority": count}}
RULE_ADDED = {"changed": truth, "id": count, "action": text, "target": text, "text": text, "dry_run": truth}
RULES_REMOVED = {"changed": truth, "removed": [count], "target?": text, "id?": count, "dry_run": truth}
BLOCKS = {"blocks": [{"id": count, "target": address, "directions": one_of("in", "out", "both"), "reason": text,
                      "uid": count, "created": time, "expires?": time, "remaining_s?": number, "packets": count,
                      "bytes": count}],
          "count": count, "capacity": count}

TOP_SIDE = {"bps": RATES, "pps": RATES, "dropped_pps": RATES} | SIDE
TOP_ROW = {"rx_bps": RATES, "tx_bps": RATES, "pps": RATES, "packets": count, "bytes": count, "dropped_packets": count,
           "flows": count, "start": time}
TOP_ROWS = {
    "flow": TOP_ROW | FLOW_NAMES | {"state": STATE, "direction": DIRECTION, "age": count},
    "remote": TOP_ROW | {"ip": address, "peers": count},
    "local": TOP_ROW | {"ip": address, "peers": count},
    "service": TOP_ROW | {"proto": text, "port?": port, "peers": count},
}


def top(view):
    return {"timestamp": time, "tick": count, "tick_ms": count, "by": only(view),
            "sort": one_of("rate", "bytes", "packets", "start"), "filter": text,
            "totals": {"rx": TOP_SIDE, "tx": TOP_SIDE},
            "interfaces": [{"name": text, "ingress": text, "egress": text, "present": truth, "rx_bps": RATES,
                            "tx_bps": RATES, "rx_pps": RATES, "tx_pps": RATES, "dropped_pps": RATES,
                            "accounted": only(1.0), "note": text}],
            "active_flows": count, "blocks": count, "matching": count, "rows": [TOP_ROWS[view]]}


def check(value, shape, where="document"):
    """Fails with the place that is not as promised."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), f"{where} is no object: {value!r}"
        for name, part in shape.items():
            key = name.removesuffix("?")
            assert key in value or name.endswith("?"), f"{where} has no {key}"
            if key in value:
                check(value[key], part, f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), f"{where} is no list: {value!r}"
        for i, part in enumerate(value):
            check(part, shape[0], f"{where}[{i}]")
    else:
        assert shape(value), f"{where} is not as promised: {value!r}"
