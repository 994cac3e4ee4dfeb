"""Opens a WebSocket from a page in a headless browser, and looks at how the browser asked for it.

Usage: websocket.py URL PROFILE

PROFILE is the browser's home folder, whose certificate store trusts the CA. `websocket` below URL echoes text.
"""

import os
import sys

from playwright.sync_api import sync_playwright

from chromium import launch

URL, PROFILE = sys.argv[1:]
LOG = os.path.join(PROFILE, "net-log.json")

TALK = """
async (url) => {
  const socket = new WebSocket(url, ["chat", "superchat"]);
  await new Promise((opened, failed) => { socket.onopen = opened; socket.onerror = () => failed(new Error("not opened")); });
  for (let number = 0; number < 100; number++) {
    const message = `message ${number} `.repeat(number + 1);
    const answer = new Promise((came) => { socket.onmessage = (event) => came(event.data); });
    socket.send(message);
    if (await answer !== message) throw new Error(`message ${number} came back changed`);
  }
  const closed = new Promise((done) => { socket.onclose = done; });
  socket.close();
  await closed;
  return 100;
}
"""

with sync_playwright() as playwright:
    context = launch(playwright, PROFILE, flags=(f"--log-net-log={LOG}", "--net-log-capture-mode=Everything"))
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(URL)
    protocol = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    print(f"the page came over {protocol}")
    count = page.evaluate(TALK, URL.replace("https://", "wss://") + "websocket")
    print(f"{count} messages came back")
    context.close()

with open(LOG, encoding="utf-8") as log:
    print("asked for on a stream of HTTP/2:", ":protocol: websocket" in log.read())
