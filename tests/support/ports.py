"""Ports for servers that are stopped and started again on the same one."""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 20_000, 32_000
"""Below what the system gives to whoever asks for any port: nobody is handed ours while its server is down."""


def free_ports(count: int) -> list[int]:
    """`count` different ports nobody listens on."""
    found: dict[int, socket.socket] = {}
    try:
        while len(found) < count:
            port = random.randrange(LOWEST, HIGHEST)  # two processes rarely try the same
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                one.close()
                continue
            found[port] = one
        return list(found)
    finally:
        for one in found.values():
            one.close()


def free_port() -> int:
    """A port nobody listens on."""
    return free_ports(1)[0]
