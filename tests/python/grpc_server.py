"""A gRPC server: echoes, counts and fails. Messages are plain bytes, so no generated code is needed.

Usage: grpc_server.py [CERTIFICATE KEY]

Without a certificate it listens without TLS. Prints its port, and each call that its client gave up.
"""

import sys
import threading
from concurrent import futures

import grpc

PEERS = set()


def note(context) -> None:
    PEERS.add(context.peer())
    context.add_callback(lambda: None)


def echo(message: bytes, context) -> bytes:
    """Unary: the message, with the metadata that came in the metadata that goes."""
    note(context)
    came = [(name, value) for name, value in context.invocation_metadata() if name.startswith("x-")]
    context.send_initial_metadata([("x-initial", "first")])
    context.set_trailing_metadata([("x-last-bin", bytes(range(256))), *((f"x-came-{n}", v) for n, v in came)])
    return message


def count(message: bytes, context):
    """Server streaming: as many messages as the message says."""
    note(context)
    for number in range(int(message)):
        yield str(number).encode()


def add(messages, context) -> bytes:
    """Client streaming: the sum of the messages."""
    note(context)
    return str(sum(int(message) for message in messages)).encode()


def talk(messages, context):
    """Bidirectional: each message is answered before the next is read."""
    note(context)
    for message in messages:
        yield b"re: " + message


def fail(message: bytes, context):
    """Server streaming that fails after as many messages as the message says."""
    note(context)
    for number in range(int(message)):
        yield str(number).encode()
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: schön & 100 %")


def sleep(message: bytes, context) -> bytes:
    """Unary: answers when its client has given up, which nobody sees but this log."""
    note(context)
    gone = threading.Event()
    context.add_callback(gone.set)
    gone.wait(60)
    print(f"gone: {message.decode()}", flush=True)
    return b"too late"


def peers(_message: bytes, _context) -> bytes:
    """Unary: how many connections calls have come over."""
    return str(len(PEERS)).encode()


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=[("grpc.max_receive_message_length", -1)])
    methods = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Add": grpc.stream_unary_rpc_method_handler(add),
        "Talk": grpc.stream_stream_rpc_method_handler(talk),
        "Fail": grpc.unary_stream_rpc_method_handler(fail),
        "Sleep": grpc.unary_unary_rpc_method_handler(sleep),
        "Peers": grpc.unary_unary_rpc_method_handler(peers),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("adit.Test", methods)])
    if len(sys.argv) > 1:
        certificate, key = (open(path, "rb").read() for path in sys.argv[1:])
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"port: {port}", flush=True)
    server.wait_for_termination()


main()
