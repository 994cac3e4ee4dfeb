"""Signs in to an application with NTLM in a headless browser, as two users one after the other.

Usage: bound_sign_in.py URL PROFILE

PROFILE is the browser's home folder, whose certificate store trusts the CA. Prints, for each page that was opened, the
user, what the page says and the protocol that carried it.
"""

import sys

from playwright.sync_api import sync_playwright

from chromium import launch

URL, PROFILE = sys.argv[1:]


def open_as(playwright, user: str) -> None:
    context = launch(playwright, PROFILE, user, http_credentials={"username": user, "password": "any"})
    page = context.new_page()
    page.set_default_timeout(120_000)
    for path in ("open", "", "again", "and/again"):
        page.goto(URL + path)
        protocol = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        print(f"{user} /{path}: {page.inner_text('body')} over {protocol}")
    context.close()


with sync_playwright() as playwright:
    open_as(playwright, "alice")
    open_as(playwright, "bob")
