"""Uses JupyterLab in a headless browser as a person would.

Usage: jupyter.py URL SCREENSHOT PROFILE

Opens the notebook `sum.ipynb`, runs its one cell, and waits for the result. PROFILE is the browser's home folder,
whose certificate store trusts the CA: certificate errors are not ignored. Prints the WebSockets that carried the work.
"""

import sys
from urllib.parse import urlparse

from playwright.sync_api import expect, sync_playwright

from chromium import launch

URL, SCREENSHOT, PROFILE = sys.argv[1:]
# Starting a kernel in an unoptimised build on a slow machine takes its time.
LIMIT = 120_000


def main() -> None:
    sockets = {}

    def watch(socket) -> None:
        sockets[socket.url] = 0

        def count(_frame) -> None:
            sockets[socket.url] += 1

        socket.on("framereceived", count)

    with sync_playwright() as playwright:
        browser = launch(playwright, PROFILE, viewport={"width": 1200, "height": 800})
        page = browser.new_page()
        page.set_default_timeout(LIMIT)
        page.on("websocket", watch)
        try:
            page.goto(f"{URL}lab/tree/sum.ipynb", wait_until="domcontentloaded")
            cell = page.locator(".jp-Notebook .jp-CodeCell").first
            expect(cell).to_be_visible(timeout=LIMIT)
            # A kernel that is not connected yet ignores the cell.
            expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=LIMIT)
            cell.locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")
            expect(cell.locator(".jp-OutputArea-output")).to_have_text("42", timeout=LIMIT)
        finally:
            page.screenshot(path=SCREENSHOT)
        browser.close()

    external = urlparse(URL)
    scheme = {"https": "wss", "http": "ws"}[external.scheme]
    ours = {url: frames for url, frames in sockets.items() if url.startswith(f"{scheme}://{external.netloc}/")}
    assert any(frames > 0 for frames in ours.values()), f"no WebSocket frame through {URL}: {sockets}"
    for url, frames in ours.items():
        print(f"{frames} frames from {urlparse(url).path}")
    print("the notebook shows 42")


main()
