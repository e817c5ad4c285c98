# SPDX-License-Identifier: Apache-2.0
"""Ordinary traffic. Each profile fills the whole scene with several hosts; nothing in it should be named."""

from . import people, servers, sharing, sites, things

PROFILES = {
    "web": people.web,
    "nat": people.nat_gateway,
    "video": people.video_calls,
    "game": people.games_and_calls,
    "speedtest": people.speed_tests,
    "p2p": sharing.torrents,
    "backup": sharing.backups,
    "updates": sharing.updates,
    "server": servers.web_server,
    "crawler": servers.crawlers,
    "dns": servers.mail_server,
    "database": servers.databases,
    "office": sites.office,
    "admin": sites.administration,
    "monitoring": sites.monitoring,
    "dead": sites.dead_servers,
    "iot": things.home,
    "industrial": things.plant,
}
