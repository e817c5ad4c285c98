# SPDX-License-Identifier: Apache-2.0
"""Labelled traffic with seeds: hours of ordinary use, and attacks of chosen strength within them."""
