"""Administers a running server with the unmodified msgraph-beta-sdk.

Usage: sdk.py SERVER TOKEN READER CA NAME [STORY...]

Only the base URL and the tokens are ours: TOKEN may change the directory, READER may only read it. Each story of
`graph_sdk` uses request builders as a script of a user would and checks what comes back; anything unexpected is an
error. NAME keeps the objects of several runs on one server apart. The server has one connector, `sdk-machine`, which
is active. Prints a line for each story that ended well; without STORY all of them are told.
"""

import asyncio
import os
import sys
import time

sys.dont_write_bytecode = True
SERVER, TOKEN, READER, CA, NAME, *WANTED = sys.argv[1:]
# The CA must be named before the SDK makes its HTTP client.
os.environ["SSL_CERT_FILE"] = CA

from graph_sdk import access, administer, application, batch, connector  # noqa: E402
from graph_sdk import error, history, profile, query, segment  # noqa: E402
from graph_sdk.client import Session  # noqa: E402

STORIES = {
    "administer": administer.tell,
    "connectors": connector.tell,
    "queries": query.tell,
    "errors": error.tell,
    "batch": batch.tell,
    "profile": profile.tell,
    "applications": application.tell,
    "segments": segment.tell,
    "access": access.tell,
    "history": history.tell,
}


async def tell_all() -> None:
    session = Session(SERVER, TOKEN, READER, NAME)
    for story in WANTED or STORIES:
        start = time.monotonic()
        await STORIES[story](session)
        print(f"{story}: as expected, in {time.monotonic() - start:.1f} s")


asyncio.run(tell_all())
