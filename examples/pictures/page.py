"""Pictures of the page of a run, a second after a layer was killed by its button.

A browser drives the page: it needs `chromium`, and the packages playwright and Pillow.

    python examples/pictures/page.py [folder]     # beside this file by default
"""

import re
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
TRAIN = ("train", "digits", "--epochs", "4000", "--batch-size", "192", "--runtime", "processes", "--observe-control")
NETWORK = ("--layers", "dense:768 relu dense:512 relu dense:10", "--stages", "layer", "--microbatches", "4", "--quiet")
SIZES = {"light-1600": (1600, "light"), "dark-1600": (1600, "dark"), "dark-360": (360, "dark")}


def take(browser: Browser, link: str, name: str) -> None:
    """Open the page, kill a layer, wait until it is up again and a second more, and take a picture."""
    width, scheme = SIZES[name]
    page = browser.new_page(viewport={"width": width, "height": 1000 if width > 1000 else 1700}, color_scheme=scheme)
    page.goto(link)
    page.locator("tr[data-actor=stage-2]").click()
    page.locator("#legend", has_text="backward").wait_for()
    page.locator("#kill-actor").click()
    page.locator("#confirm-yes").click()
    page.locator("#said", has_text="stage-2 was killed").wait_for()
    page.wait_for_timeout(1000)
    page.evaluate("document.querySelector('#said').textContent = ''; scrollTo(0, 0)")
    picture = Image.open(BytesIO(page.screenshot(full_page=width > 1000))).quantize(200)
    picture.save(FOLDER / f"page-{name}.png", optimize=True)
    page.close()


def main() -> None:
    """Train with a page, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as player:
        command = [sys.executable, "-m", "annex_actors", *TRAIN, *NETWORK, "--run-dir", f"{folder}/digits"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
            try:
                found = re.match(r"\S+", run.stderr.readline() if run.stderr else "")
                browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                for name in SIZES:
                    take(browser, found[0] if found else "", name)
                browser.close()
            finally:
                run.kill()


if __name__ == "__main__":
    main()
