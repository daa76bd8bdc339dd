"""Whether the process beside us answers 200 on a path: `python -I -S healthcheck.py /readyz`.

Only a socket: a health check runs for ever, so it must cost next to nothing.
"""

import socket
import sys

with socket.create_connection(("127.0.0.1", 8000), timeout=3) as connection:
    connection.sendall(f"GET {sys.argv[1]} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    sys.exit(0 if connection.recv(32).startswith(b"HTTP/1.1 200") else 1)
