"""Serving at an address that somebody else has: said before anything starts."""

import socket

from portal import serving


def test_a_port_that_another_program_listens_on_is_refused_in_a_sentence():
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as a second portal would
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert serving.why_not("127.0.0.1", port) == (
            f"Port {port} is in use. Stop what listens there, or choose another one with --port."
        )

    assert serving.why_not("127.0.0.1", port) == ""


def test_an_address_of_another_machine_is_refused_in_a_sentence():
    assert serving.why_not("192.0.2.1", 8000).startswith("Nothing can be served at 192.0.2.1:8000")
