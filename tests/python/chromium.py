"""Debian's Chromium without a window, as the other scripts here use it."""

import os


def launch(playwright, home: str, profile: str = "profile", flags: tuple = (), **options):
    """A browser context whose settings are in the folder `profile` of `home`.

    `home` is the browser's home folder: its certificate store says which CAs are believed, and certificate errors are
    not ignored. `flags` are more of the browser's flags, `options` more of Playwright's.
    """
    return playwright.chromium.launch_persistent_context(
        os.path.join(home, profile),
        executable_path="/usr/bin/chromium",
        headless=True,
        args=["--no-sandbox", "--disable-gpu", "--no-proxy-server", *flags],
        env={**os.environ, "HOME": home},
        **options,
    )
