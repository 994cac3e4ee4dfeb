"""Opens connections and says nothing.

Usage: silent_clients.py COUNT HOST:PORT

Prints "held" once all were opened, and holds those that are not closed until it is ended.
"""

import resource
import socket
import sys
import time


def main() -> None:
    count, address = int(sys.argv[1]), sys.argv[2]
    host, port = address.rsplit(":", 1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held = [socket.create_connection((host, int(port)), timeout=30) for _ in range(count)]
    print("held", flush=True)
    while held:
        time.sleep(3600)


if __name__ == "__main__":
    main()
