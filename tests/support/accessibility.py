"""axe-core as the judge of our pages. `.ci/judges` brings it; it is put into a page by the browser's driver and never served."""

from typing import Any

from tests.support import judges
from tests.support.browser import Browser

FOLDER = judges.FOLDER / "axe" / "node_modules" / "axe-core"
GRAVE = ("serious", "critical")
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations'], preload: arguments[0] }).then(
  (found) => done(found.violations.map((one) => [one.impact, one.id, one.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3)])),
  (error) => done([['critical', String(error), []]]));
"""


def there() -> bool:
    """Whether axe-core is here."""
    return (FOLDER / "axe.min.js").exists()


def require() -> None:
    """Skip, and say so, where axe-core is not here."""
    if not there():
        judges.absent("axe-core")


def findings(browser: Browser, *impacts: str) -> list[Any]:
    """What axe-core finds on the page as it is shown: [impact, rule, some of the elements]; of these impacts, or of every."""
    browser.driver.execute_script((FOLDER / "axe.min.js").read_text(encoding="utf-8"))
    found: list[Any] = browser.driver.execute_async_script(_RUN, not impacts)  # fetches style and media again, for minor rules only
    return [one for one in found if not impacts or one[0] in impacts]
