# SPDX-License-Identifier: Apache-2.0
"""Attacks of chosen strength. One for each detector of the catalogue that needs no history; see ATTACKS."""

from . import access, control, flood, leak, news
from .attack import Attack

ATTACKS = {each.name: each for module in (flood, access, leak, control, news) for each in module.ATTACKS}

__all__ = ["ATTACKS", "Attack"]
