"""Asking a system outside over HTTPS for JSON, so that nobody can make the portal ask anything else.

Only hosts on the installation's own list, over TLS with a checked certificate, on addresses that are public unless the
provider is said to be inside; the address that was checked is the one that is connected to. Redirects are not followed,
and neither a slow nor a long answer is waited for to its end.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

LARGEST_ANSWER = 64 * 1024


class NoAnswer(Exception):
    """The provider could not be asked, or what it said cannot be used; the text says why, for the log."""


class _Pinned(http.client.HTTPSConnection):
    """A connection to an address that was looked at, with the certificate of the name that stands for it."""

    def __init__(self, host: str, port: int, address: str, until: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=_left(until), context=context)
        self._address, self._until, self._tls = address, until, context
        self._plug: socket.socket | None = None
        self._clock: threading.Timer | None = None

    def connect(self) -> None:
        """Open it; the name is not looked up again. When the time is over it is cut, whatever still drips in."""
        plain = socket.create_connection((self._address, self.port), _left(self._until))
        self._plug = socket.socket(fileno=os.dup(plain.fileno()))
        self._clock = threading.Timer(_left(self._until), self._cut)
        self._clock.daemon = True
        self._clock.start()
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def unplug(self) -> None:
        """Let go of everything."""
        if self._clock is not None:
            self._clock.cancel()
        if self._plug is not None:
            self._plug.close()
        self.close()

    def _cut(self) -> None:
        if self._plug is not None:
            with contextlib.suppress(OSError):
                self._plug.shutdown(socket.SHUT_RDWR)


def ask_json(
    url: str,
    question: Mapping[str, Any],
    *,
    hosts: frozenset[str],
    timeout: float,
    inside: bool = False,
    token: str = "",
    context: ssl.SSLContext | None = None,
) -> Any:
    """POST a question and give the JSON that came back within ``timeout`` seconds. Raises NoAnswer otherwise."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" or host not in hosts:
        raise NoAnswer(f"{host or url} is not on the list of hosts, or is not asked over HTTPS.")
    until = time.monotonic() + timeout
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "Portico"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    path = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
    try:
        port = parts.port or 443
        address = _address_of(host, port, inside)
        connection = _Pinned(host, port, address, until, context or ssl.create_default_context())
        try:
            connection.request("POST", path, json.dumps(question).encode(), headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise NoAnswer(f"{host} answered {answer.status}.")
            return json.loads(_read(answer, until))
        finally:
            connection.unplug()
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as problem:
        raise NoAnswer(f"{host}: {type(problem).__name__}: {str(problem)[:200]}") from problem


def _address_of(host: str, port: int, inside: bool) -> str:
    """An address of this host; one that is not public only where the provider may be inside."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not inside and not all(ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses):
        raise NoAnswer(f"{host} has an address that is not public.")
    return addresses[0]


def _read(answer: http.client.HTTPResponse, until: float) -> bytes:
    """The whole answer, if it is short and comes in time."""
    content = b""
    while piece := answer.read1(LARGEST_ANSWER):
        content += piece
        if len(content) > LARGEST_ANSWER:
            raise NoAnswer("The answer is too long.")
    _left(until)  # what was cut is no answer, even where it can be read
    return content


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time is left")
    return left
