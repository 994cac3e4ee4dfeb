"""Calls the methods of grpc_server.py through the gateway, each kind of call that gRPC has.

Usage: grpc_calls.py ADDRESS HOST CA

Prints a line for what held; ends with a failure at the first that did not.
"""

import queue
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

ADDRESS, HOST, CA = sys.argv[1:]
LIMIT = 60


def channel():
    credentials = grpc.ssl_channel_credentials(open(CA, "rb").read())
    options = [
        ("grpc.ssl_target_name_override", HOST),
        ("grpc.default_authority", HOST),
        ("grpc.max_receive_message_length", -1),
        ("grpc.enable_http_proxy", 0),
        # Channels of one process share a connection otherwise.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    return grpc.secure_channel(ADDRESS, credentials, options)


def unary(on) -> None:
    metadata = [("x-mark", "one"), ("x-mark", "two"), ("x-data-bin", b"\x00\xff"), ("x-forwarded-for", "6.6.6.6")]
    reply, call = on.unary_unary("/adit.Test/Echo").with_call(b"hello", metadata=metadata, timeout=LIMIT)
    assert reply == b"hello", reply
    assert ("x-initial", "first") in call.initial_metadata(), call.initial_metadata()
    trailing = list(call.trailing_metadata())
    assert ("x-last-bin", bytes(range(256))) in trailing, trailing
    came = sorted(value for name, value in trailing if name == "x-came-x-mark")
    assert came == ["one", "two"], trailing
    assert not any("6.6.6.6" in str(value) for _, value in trailing), trailing
    large = bytes(5 * 1024 * 1024)
    assert on.unary_unary("/adit.Test/Echo")(large, timeout=LIMIT) == large
    assert on.unary_unary("/adit.Test/Echo")(b"", timeout=LIMIT) == b""
    print("unary calls, with metadata at both ends")


def streams(on) -> None:
    numbers = list(on.unary_stream("/adit.Test/Count")(b"2000", timeout=LIMIT))
    assert numbers == [str(number).encode() for number in range(2000)], len(numbers)
    print("server streaming")
    sent = (str(number).encode() for number in range(2000))
    assert on.stream_unary("/adit.Test/Add")(sent, timeout=LIMIT) == b"1999000"
    print("client streaming")


def conversation(on) -> None:
    """Each message waits for the answer to the one before: whoever buffers would hang it."""
    to_send = queue.Queue()
    replies = on.stream_stream("/adit.Test/Talk")(iter(to_send.get, None), timeout=LIMIT)
    for number in range(300):
        to_send.put(f"message {number}".encode())
        assert next(replies) == f"re: message {number}".encode()
    to_send.put(None)
    assert next(replies, None) is None
    assert replies.code() == grpc.StatusCode.OK
    print("bidirectional streaming, one message at a time")


def errors(on) -> None:
    for after in (0, 3):
        call = on.unary_stream("/adit.Test/Fail")(str(after).encode(), timeout=LIMIT)
        seen = 0
        try:
            for _ in call:
                seen += 1
        except grpc.RpcError:
            pass
        assert (seen, call.code()) == (after, grpc.StatusCode.NOT_FOUND), (seen, call.code())
        assert call.details() == "no such thing: schön & 100 %", call.details()
    try:
        on.unary_unary("/adit.Test/NoSuchMethod")(b"", timeout=LIMIT)
        raise AssertionError("an unknown method was answered")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
    print("errors, before the first message and after some")


def deadline(on) -> None:
    start = time.monotonic()
    try:
        on.unary_unary("/adit.Test/Sleep")(b"deadline", timeout=1)
        raise AssertionError("a call outlived its deadline")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    assert time.monotonic() - start < 30
    given_up = on.unary_unary("/adit.Test/Sleep").future(b"cancelled", timeout=LIMIT)
    time.sleep(0.5)
    given_up.cancel()
    print("a deadline and a cancellation")


def many_at_once() -> None:
    def one(number: int) -> None:
        with channel() as on:
            for round in range(5):
                message = f"{number}/{round}".encode()
                assert on.unary_unary("/adit.Test/Echo")(message, timeout=LIMIT) == message

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(one, range(20)))
    print("100 calls over 20 connections")


with channel() as on:
    unary(on)
    streams(on)
    conversation(on)
    errors(on)
    deadline(on)
    many_at_once()
    connections = int(on.unary_unary("/adit.Test/Peers")(b"", timeout=LIMIT))
    print(f"connections to the server: {connections}")
