"""`make test`: finds a browser, runs pytest, and ends with pytest's own exit status.

Temporal's native library can abort while the interpreter shuts down, after all is done; ending without that
shutdown keeps such an abort from passing for a failed test. Nothing else is hidden: the status is pytest's.
"""

import os
import shutil
import subprocess
import sys

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLE = "CHROMIUM"


def find_browser() -> str | None:
    """The browser named by ``CHROMIUM``, or the first known one on the path."""
    names = (asked,) if (asked := os.environ.get(VARIABLE)) else BROWSERS
    return next((found for name in names if (found := shutil.which(name))), None)


def install_browser() -> None:
    """Install Chromium where that needs nobody's permission: as root, with apt."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print("No browser found; installing Chromium for the tests of the pages ...", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ("apt-get", "update"),
        ("apt-get", "install", "-y", "--no-install-recommends", "chromium"),
    ):
        subprocess.run([*command, "-q"], env=quiet, stdin=subprocess.DEVNULL, check=False)


def provide_browser() -> None:
    """Name a browser in ``CHROMIUM`` for the tests of the pages, or say aloud that they are skipped."""
    if find_browser() is None and VARIABLE not in os.environ:
        install_browser()
    if browser := find_browser():
        os.environ[VARIABLE] = browser
        return
    print(
        "NO BROWSER: the tests of the pages are skipped. Install Chromium (Debian: apt-get install chromium) "
        f"or name a browser's program in {VARIABLE}.",
        file=sys.stderr,
        flush=True,
    )


def main(arguments: list[str]) -> int:
    """Run the tests that ``arguments`` pick, on up to four cores; pytest's exit status."""
    provide_browser()
    return int(pytest.main(["-n", "logical", "--maxprocesses", "4", *arguments]))


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
