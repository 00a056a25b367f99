"""Ports for servers that cannot choose one themselves."""

import itertools
import os
import socket

# Nobody gets one of these by chance: the system hands out higher ones. A process of tests has its
# own hundred.
_ports = itertools.count(20_000 + os.getpid() % 110 * 100)


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port of an address that is free, and stays free for a while."""
    for port in _ports:
        try:
            socket.create_server((address, port)).close()
        except OSError:
            continue
        return port
    raise AssertionError
