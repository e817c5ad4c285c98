# SPDX-License-Identifier: Apache-2.0
"""What the system tests stand on: namespaces, traffic, raw frames, and flowguard inside a namespace."""
