"""Works at a remote desktop in a headless browser, with noVNC.

Usage: desktop.py URL SCREENSHOT PROFILE ROUNDS

The desktop shows one terminal whose program paints the screen in the colour that a key names. Presses r, g and b ROUNDS
times and waits each time until the picture shows it, then p for a page of text that changes as fast as it can. PROFILE
is the browser's home folder, whose certificate store trusts the CA: certificate errors are not ignored. Prints what
went through the WebSocket in each direction.
"""

import sys
import time
from urllib.parse import urlparse

from playwright.sync_api import sync_playwright

from chromium import launch

URL, SCREENSHOT, PROFILE, ROUNDS = sys.argv[1:]
# An unoptimised build on a slow machine takes its time.
LIMIT = 120_000
COLOURS = {"r": [1, 0, 0], "g": [0, 1, 0], "b": [0, 0, 1]}
# The colour in the middle of the desktop, as zeros and ones: noVNC draws into the one canvas of its container.
SHOWN = """wanted => {
    const canvas = document.querySelector('#noVNC_container canvas');
    const at = [canvas.width / 2, canvas.height / 2].map(Math.floor);
    const pixel = canvas.getContext('2d').getImageData(at[0], at[1], 1, 1).data;
    return wanted.every((part, index) => part === (pixel[index] > 128 ? 1 : 0));
}"""


class Traffic:
    """What went through the WebSockets of a page."""

    def __init__(self, page) -> None:
        self.urls = []
        self.sent = self.received = self.bytes = 0
        page.on("websocket", self.watch)

    def watch(self, socket) -> None:
        self.urls.append(socket.url)
        socket.on("framesent", lambda _frame: self.count(sent=1))
        socket.on("framereceived", lambda frame: self.count(received=1, size=len(frame)))

    def count(self, sent: int = 0, received: int = 0, size: int = 0) -> None:
        self.sent += sent
        self.received += received
        self.bytes += size


def work(page) -> None:
    page.goto(f"{URL}vnc.html?autoconnect=true&reconnect=false", wait_until="domcontentloaded")
    page.locator("#noVNC_container canvas").click()
    waits = []
    for _ in range(int(ROUNDS)):
        for key, colour in COLOURS.items():
            start = time.monotonic()
            page.keyboard.press(key)
            page.wait_for_function(SHOWN, arg=colour, timeout=LIMIT)
            waits.append(time.monotonic() - start)
    waits.sort()
    print(f"{len(waits)} keys showed their colour, in the middle after {waits[len(waits) // 2] * 1000:.0f} ms")
    # A page that scrolls fast, and after it, when the terminal reads again, one more colour.
    page.keyboard.press("p")
    page.keyboard.press("g")
    page.wait_for_function(SHOWN, arg=COLOURS["g"], timeout=LIMIT)


def main() -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright, PROFILE, viewport={"width": 1000, "height": 700})
        page = browser.new_page()
        page.set_default_timeout(LIMIT)
        traffic = Traffic(page)
        try:
            work(page)
        finally:
            page.screenshot(path=SCREENSHOT)
        browser.close()

    external = urlparse(URL)
    scheme = {"https": "wss", "http": "ws"}[external.scheme]
    assert len(traffic.urls) == 1 and traffic.urls[0].startswith(f"{scheme}://{external.netloc}/"), traffic.urls
    print(f"{traffic.urls[0]}: {traffic.sent} frames sent, {traffic.received} received with {traffic.bytes} bytes")


main()
