"""Debian's Chromium without a window, driven by Selenium; every network feature of its own switched off."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
WAIT_SECONDS = 60
LOOK_SECONDS = 0.1
"""Each look goes through three processes."""
DESKTOP, PHONE = (1280, 860), (360, 740)
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en-GB",
)


def require() -> None:
    """Skip, and say plainly why, where there is no browser."""
    missing = [path for path in (CHROMIUM, DRIVER) if not Path(path).exists()]
    if missing:
        pytest.skip(
            f"NO BROWSER: {' and '.join(missing)} missing, so no page was looked at. Install Debian's chromium and chromium-driver."
        )


class Browser:
    """One window."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def fresh(self, address: str) -> None:
        """Begin anew at this address: one empty window, nothing stored, nothing complained of. Starting a browser costs seconds."""
        before = self.driver.window_handles
        self.driver.switch_to.new_window("tab")
        now = self.driver.current_window_handle
        for handle in before:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(now)
        for origin in {self.address, address} - {""}:
            self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": origin.rstrip("/"), "storageTypes": "all"})
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        self.complaints()
        self.address = address
        self.shape(DESKTOP)

    def go(self, path: str) -> None:
        """Open a page."""
        _again(lambda: self.driver.get(self.address + path))

    def shape(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """The window's size in CSS pixels, and what the system prefers: also that nothing moves, which is drawn sixty times a second."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        prefers = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in prefers.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def all(self, selector: str) -> list[WebElement]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> WebElement:
        """The first match, once it is there."""
        return self.until(lambda: next(iter(self.all(selector)), None), f"{selector} on the page")

    def text(self, selector: str) -> str:
        """The text of everything that matches, as a reader sees it; empty when nothing does."""
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText).join('\\n')"
        return str(self.driver.execute_script(script, selector))

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def until[T](self, look: Callable[[], T | None], what: str) -> T:
        """Look until something truthy is seen."""
        found = WebDriverWait(self.driver, WAIT_SECONDS, poll_frequency=LOOK_SECONDS).until(lambda _: look(), f"never seen: {what}")
        return cast(T, found)

    def complaints(self) -> list[str]:
        """What the browser's own console holds: script errors, refused content, failed requests."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def picture(self, path: Path) -> bytes:
        """A PNG of the window, kept at this path."""
        png = bytes(_again(self.driver.get_screenshot_as_png))
        path.write_bytes(png)
        return png


def _again[T](asked: Callable[[], T]) -> T:
    """Ask the driver, and again when it lost the page: one that is renewed at that moment takes the answer along."""
    for _ in range(4):
        try:
            return asked()
        except TimeoutException:
            continue
    return asked()


@contextmanager
def opened(address: str) -> Iterator[Browser]:
    """A fresh browser with a profile of its own, gone afterwards."""
    profile = tempfile.mkdtemp(prefix="tzurot-browser-")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        browser = Browser(driver, address)
        browser.shape(DESKTOP)
        yield browser
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)
