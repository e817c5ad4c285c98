# SPDX-License-Identifier: Apache-2.0
"""The list of measurements, and the tables of their results."""
from typing import Callable, NamedTuple

import dropping
import machine
import monitoring
import resting
from tables import median, number, percent, ratio, text

DROPPING_HEAD = ["subject", "entries", "case", "ns/frame", "Mpps", f"{dropping.PEER}/it", "own count"]
MONITORING_HEAD = ["subject", "flows", "Mpps asked", "sent", "device got", "of that seen", "in flows", "CPU s/Mpkt",
                   f"{monitoring.PEER}/it"]
RESTING_HEAD = ["flowguard's daemon", "CPU", "RSS MiB", "own memory", "mapped: program, tables"]


class Measurement(NamedTuple):
    name: str
    table: str
    subject: str
    load: tuple  # what it has in common with its peer
    run: Callable
    cases: tuple = ()


def _dropping(seconds):
    for subject, sizes, cases in dropping.SUBJECTS:
        for entries in sizes:
            yield Measurement(f"dropping/{subject.name}/{entries}", "dropping", subject.name, (entries,),
                              lambda *_, s=subject, n=entries, c=cases: dropping.measure(s, n, c, seconds), cases)


def _monitoring(seconds, long):
    for flows in (monitoring.FEW_FLOWS, monitoring.MANY_FLOWS)[:2 if long else 1]:
        for rate in monitoring.RATES:
            for subject in monitoring.SUBJECTS:
                name = f"monitoring/{flows}/{rate}/{subject.name}"
                yield Measurement(name, "monitoring", subject.name, (flows, rate),
                                  lambda *_, s=subject, r=rate, f=flows: monitoring.measure(s, r, f, seconds))


def plan(seconds, long):
    yield from _dropping(seconds["dropping"])
    yield from _monitoring(seconds["monitoring"], long)
    yield Measurement("resting", "resting", "flowguard", (), lambda: resting.measure(seconds["resting"]))


def _peers(measurement, plan_, results, peer):
    """The rounds of the peer under the same load."""
    return next((results[other.name] for other in plan_ if other.table == measurement.table
                 and other.subject == peer and other.load == measurement.load), [])


def _load_cells(measurement):
    """The columns that say what a subject had to do."""
    if measurement.table == "monitoring":
        flows, rate = measurement.load
        return [f"{flows:,}", number(rate / 1e6)]
    return [f"{entries:,}" if entries else "-" for entries in measurement.load]


def _own_count(rounds, case):
    """Dropped frames by the subject's own counter; the measurement has checked that it is all or none."""
    return f"{sum(each[case]['dropped'] for each in rounds):,}"


def _dropping_rows(measurement, rounds, peers):
    for case in measurement.cases:
        ns = median(rounds, lambda each: each[case]["ns"])
        faster = ratio([each[case] for each in peers], [each[case] for each in rounds], lambda each: each["ns"])
        yield [measurement.subject, *_load_cells(measurement), case, number(ns, 0), number(1e3 / ns),
               number(faster, 2, "x"), _own_count(rounds, case)]


def _cpu_per_million(measured):
    return measured["cpu_seconds"] / measured["seen"] * 1e6 if measured["seen"] else 0


def _share(rounds, part, whole):
    """None if nobody counts the part."""
    if any(each[part] is None for each in rounds):
        return None
    return median(rounds, lambda each: each[part] / each[whole] if each[whole] else 0)


def _monitoring_rows(measurement, rounds, peers):
    watched = measurement.subject != monitoring.NOBODY
    cheaper = ratio(peers, rounds, _cpu_per_million) if watched else None
    yield [measurement.subject, *_load_cells(measurement), number(median(rounds, lambda each: each["mpps"])),
           percent(_share(rounds, "received", "offered")),
           percent(_share(rounds, "seen", "received")) if watched else "-",
           percent(_share(rounds, "in_flows", "received")),
           number(median(rounds, _cpu_per_million) if watched else None, 4), number(cheaper, 2, "x")]


def _resting_rows(_, rounds, __):
    for key, title in (("idle", "idle"), ("light", f"{resting.FLOWS:,} flows, {resting.RATE:,} packets/s")):
        cpu, *memory = (median(rounds, lambda each: each[key][field])
                        for field in ("cpu_share", "rss_mib", "own_mib", "mapped_mib"))
        yield [title, number(cpu * 100, 2, "%"), *(number(mib, 1) for mib in memory)]
    yield ["target", f"< {resting.TARGET_CPU_SHARE:.0%}", f"<= {resting.TARGET_RSS_MIB}", "", ""]


TABLES = {
    "dropping": ("Dropping: 64-byte UDP frames from 1,000 sources; generator and stack on the same processor are part "
                 "of each number", DROPPING_HEAD, dropping.PEER, _dropping_rows),
    "monitoring": (f"Monitoring: CPU is user and system time of the monitor's processes; what XDP or packet sockets do "
                   f"in softirq shows in none of them, but takes from the same processor for all; packet sockets have "
                   f"{monitoring.BUFFER_MIB} MiB", MONITORING_HEAD, monitoring.PEER, _monitoring_rows),
    "resting": ("flowguard at rest and with little to do", RESTING_HEAD, None, _resting_rows),
}


def _table(name, plan_, results, reasons):
    title, head, peer, rows_of = TABLES[name]
    rows = []
    for measurement in plan_:
        if measurement.table != name:
            continue
        if measurement.name in reasons:
            rows.append([measurement.subject, *_load_cells(measurement), reasons[measurement.name]])
        else:
            rows += rows_of(measurement, results[measurement.name], _peers(measurement, plan_, results, peer))
    if rows:
        yield from ("", title, *text(head, rows))


def lines(described, plan_, results, reasons):
    yield from machine.lines(described)
    for name in TABLES:
        yield from _table(name, plan_, results, reasons)


def document(described, plan_, results, reasons):
    """Every round as it was measured."""
    return {"machine": described,
            "measurements": [{"name": each.name, "table": each.table, "subject": each.subject,
                              **({"unavailable": reasons[each.name]} if each.name in reasons
                                 else {"rounds": results[each.name]})} for each in plan_]}
