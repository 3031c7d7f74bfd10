"""What is wrong with the looks of a page in a real browser: width, contrast, names of controls, light and dark."""

from tests.support import accessibility
from tests.support.browser import PHONE, Browser

CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const parse = (colour) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
    .map((value) => value / 255).map((value) => value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
};
const measured = new Map(), seen = (colour) => measured.get(colour) ?? measured.set(colour, parse(colour)).get(colour);
const light = (colour) => { const [r, g, b] = seen(colour); return .2126 * r + .7152 * g + .0722 * b; };
const ground = (element) => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
  return getComputedStyle(document.documentElement).backgroundColor;
};
let worst = 21;
const texts = 'main p, main h1, main h2, main a, main span, main label, main dt, main dd, main td, main button, nav a';
for (const element of document.querySelectorAll(texts)) {
  const visible = element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  if (!element.innerText?.trim() || !visible || element.children.length) continue;
  const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
  worst = Math.min(worst, (a + .05) / (b + .05));
}
return worst;
"""
"""The lowest contrast of any text with its ground (WCAG 2.2, 1.4.3: at least 4.5)."""

OVERLAPPING = """
const names = [...document.querySelectorAll('.nav > a, .nav > details > summary')].map((one) => one.querySelector('span'))
  .filter((one) => one.checkVisibility()).map((one) => [one.textContent, one.getBoundingClientRect()]);
return names.filter(([, box], n) => n && names[n - 1][1].right > box.left).map(([name]) => name);
"""
"""Names in the navigation that lie over the one before."""

NAMELESS = """
const named = (element) => element.textContent.trim() || element.ariaLabel || element.labels?.length || element.title;
return [...document.querySelectorAll('button, a, input:not([type=hidden]), textarea, select')]
  .filter((element) => !named(element)).map((element) => element.outerHTML.slice(0, 120));
"""
"""Controls that a screen reader could not name."""


def unsightly(browser: Browser) -> list[object]:
    """What is wrong with the page that is open, in light and in dark."""
    found: list[object] = []
    grounds = set()
    for dark in (False, True):
        browser.shape(PHONE, dark=dark)
        grounds.add(browser.run("return getComputedStyle(document.documentElement).backgroundColor"))
        width, contrast = browser.run("return document.documentElement.scrollWidth"), browser.run(CONTRAST)
        found += [f"{width} pixels wide"] * (width > PHONE[0]) + [f"a contrast of {contrast} ({dark=})"] * (contrast < 4.5)
        found += browser.run(NAMELESS) + browser.run(OVERLAPPING)
    if len(grounds) != 2:
        found.append("light and dark are the same")
    return found + (accessibility.findings(browser, *accessibility.GRAVE) if accessibility.there() else [])
