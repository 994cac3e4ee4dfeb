"""Signs in to applications in a headless browser as a person would.

Usage: sign_in.py PROVIDER NAME PASSWORD PORT SCREENSHOTS HOME

PROVIDER says whose pages are filled in. The gateway is at PORT: `wiki.localhost` and `notes.localhost` are open to the
person, `secret.localhost` is not, `login.localhost` is the sign-in host. HOME is the browser's home folder, whose
certificate store trusts the CA: certificate errors are not ignored. Prints what was seen, a line for each step.
"""

import os
import sys
from urllib.parse import urlparse

from playwright.sync_api import expect, sync_playwright

from chromium import launch

PROVIDER, NAME, PASSWORD, PORT, SCREENSHOTS, HOME = sys.argv[1:]
LIMIT = 60_000
# Gateways hear of a sign-out within a second; five times that is waited for.
SOON = 5_000
OURS = [f"{name}.localhost" for name in ("wiki", "notes", "secret", "login")]


def url(host: str, rest: str = "/") -> str:
    return f"https://{host}.localhost:{PORT}{rest}"


def at_oidc_provider(page) -> None:
    page.get_by_placeholder("Enter any login").fill(NAME)
    page.get_by_placeholder("and password").fill(PASSWORD)
    page.get_by_role("button", name="Sign-in").click()
    # It asks whether the client may know all that.
    page.get_by_role("button", name="Continue").click()


def out_of_oidc_provider(page) -> None:
    page.get_by_role("button", name="Yes, sign me out").click()


def at_keycloak(page) -> None:
    page.locator("#username").fill(NAME)
    page.locator("#password").fill(PASSWORD)
    page.locator("#kc-login").click()


def out_of_keycloak(page) -> None:
    page.locator("#kc-logout").click()


def at_built_in(page) -> None:
    page.get_by_label("User name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def out_of_built_in(page) -> None:
    """It keeps no session, so nobody is sent there."""


WAYS = {
    "oidc-provider": (at_oidc_provider, out_of_oidc_provider),
    "keycloak": (at_keycloak, out_of_keycloak),
    "built-in": (at_built_in, out_of_built_in),
}


def main() -> None:
    sign_in, sign_out = WAYS[PROVIDER]

    def shot(page, what: str) -> None:
        for width in (1200, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=os.path.join(SCREENSHOTS, f"{PROVIDER}-{what}-{width}.png"))

    def is_open(page, host: str, rest: str = "/") -> None:
        expect(page).to_have_url(url(host, rest))
        expect(page.locator("body")).to_contain_text("A private application")

    def is_sent_to_the_provider(page, host: str, rest: str = "/") -> None:
        page.goto(url(host, rest))
        page.wait_for_url(lambda at: urlparse(at).hostname not in OURS)

    with sync_playwright() as playwright:
        browser = launch(playwright, HOME, PROVIDER)
        page = browser.new_page()
        page.set_default_timeout(LIMIT)
        expect.set_options(timeout=LIMIT)

        deep = "/page?a=1&b=%C3%A9#part"
        is_sent_to_the_provider(page, "wiki", deep)
        shot(page, "sign-in")
        sign_in(page)
        is_open(page, "wiki", deep)
        print(f"signed in, and at {deep}")

        status = page.evaluate("() => fetch('/again', {method: 'POST', body: 'text'}).then(answer => answer.status)")
        assert status == 200, status
        print("a script of the application is served")

        page.goto(url("notes"))
        is_open(page, "notes")
        print("the second application opens without another sign-in")

        answer = page.goto(url("secret"))
        assert answer.status == 403, answer.status
        expect(page.locator("body")).to_contain_text("You are not allowed to use this application")
        shot(page, "refusal")
        print("the third refuses")

        page.goto(url("login"))
        expect(page.get_by_role("link", name="wiki")).to_be_visible()
        expect(page.get_by_role("link", name="notes")).to_be_visible()
        expect(page.get_by_role("link", name="secret")).to_have_count(0)
        shot(page, "portal")
        page.get_by_role("link", name="notes").click()
        is_open(page, "notes")
        print("the portal shows what is open, and nothing else")

        page.goto(url("wiki", "/.adit/sign-out"))
        shot(page, "sign-out")
        page.get_by_role("button", name="Sign out everywhere").click()
        sign_out(page)
        expect(page.locator("body")).to_contain_text("You are signed out")
        shot(page, "signed-out")
        page.wait_for_timeout(SOON)
        is_sent_to_the_provider(page, "wiki")
        is_sent_to_the_provider(page, "notes")
        print("signed out of everything")
        browser.close()


main()
