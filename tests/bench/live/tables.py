# SPDX-License-Identifier: Apache-2.0
"""Rounds become medians, ratios and text."""
import statistics


def median(rounds, value):
    return statistics.median(value(each) for each in rounds)


def ratio(numerators, denominators, value):
    """The median of the ratios round by round: what slows a whole round down cancels out. None if one side is empty."""
    pairs = [value(over) / value(under) for over, under in zip(numerators, denominators) if value(under)]
    return statistics.median(pairs) if pairs else None


def text(head, rows):
    """The first column to the left, the others to the right. A row that is shorter ends in a remark."""
    widths = [len(title) for title in head]
    for row in rows:
        cells = row if len(row) == len(head) else row[:-1]
        widths[:len(cells)] = map(max, widths, map(len, cells))
    for row in [head] + rows:
        aligned = [cell.rjust(width) for cell, width in zip(row, widths)]
        aligned[0] = row[0].ljust(widths[0])
        if len(row) < len(head):
            aligned[-1] = row[-1]
        yield "  ".join(aligned).rstrip()


def number(value, digits=2, unit=""):
    return "-" if value is None else f"{value:.{digits}f}{unit}"


def percent(share):
    """Rounded towards 0, so that 100 % means all."""
    return "-" if share is None else f"{int(share * 1e4 + 1e-6) / 100:.2f}%"
