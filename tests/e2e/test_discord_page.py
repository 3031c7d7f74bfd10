"""The stand-in Discord's page in a real browser, with our bot behind it: it is the only Discord most people try first."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from engine.config import Settings
from tests.support import accessibility
from tests.support.browser import PHONE, Browser, opened, require
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.filterwarnings(NEXTCORD_WARNING)]

SCRIPT = "</p><img src=x onerror='window.owned=1'><script>window.owned=1</script> **bold** ||hidden|| [a](javascript:window.owned=1)"


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    require()
    async with rig(settings, discord, lambda turn: f"answer {turn.epoch}") as running:
        await running.character("Lilith")
        yield running


async def test_whatever_a_person_does_on_discord_can_be_done_on_the_page(stage: Rig, discord: StandinDiscord) -> None:
    """Messages, commands with options, commands on a message, buttons, forms, reactions, replies, servers: it grows by itself."""
    with opened(discord.base) as browser:
        async with stage.bot():

            async def seen(text: str, selector: str = "#messages") -> None:
                await asyncio.to_thread(browser.until, lambda: text in browser.text(selector) or None, f"{text} in {selector}")

            async def do[T](work: Callable[[], T]) -> T:
                return await asyncio.to_thread(work)

            await do(lambda: browser.go("/"))
            await seen("a bot is connected", "#state")
            await do(lambda: _typed(browser, "#user", "alice"))
            await do(lambda: _typed(browser, "#text", "@Lilith hello\n"))
            await seen("answer 0")
            await do(lambda: _typed(browser, "#command", "/why"))
            await do(lambda: _typed(browser, "#options input", discord.replies("general")[-1]["id"]))
            await do(lambda: browser.one("#run button").click())
            await seen("the message names it")
            await do(lambda: _choose(browser, "Apps", "Versions"))
            await seen("Version 1 of 1")
            await do(lambda: _press(browser, "Another"))
            await seen("answer 1")
            await do(lambda: _choose(browser, "Apps", "Edit reply"))
            await do(lambda: _submit(browser, "in my **own** words"))
            await seen("own", "#messages strong")
            await do(lambda: _choose(browser, "React", "❤️"))
            await seen("❤️ 1", "menu.reactions")
            await do(lambda: browser.one("menu.reactions .mine").click())
            await do(lambda: browser.until(lambda: not browser.all("menu.reactions") or None, "no reaction any more"))
            await do(lambda: _typed(browser, "#command", "/reactions show"))
            await do(lambda: browser.one("#run button").click())
            await seen("Another version")
            await discord.say("general", "zoe", SCRIPT)
            await seen("<script>window.owned=1</script>")
            assert await do(lambda: browser.run("return typeof window.owned")) == "undefined"
            assert await do(lambda: browser.all("#messages a[href^='javascript']")) == []
            await do(lambda: browser.run("window.prompt = () => 'Second'; document.querySelector('#new-server').click()"))
            await seen("Second", "#nav")
            for dark in (False, True):
                await asyncio.to_thread(browser.shape, PHONE, dark=dark)
                assert await do(lambda: browser.run("return document.documentElement.scrollWidth")) <= PHONE[0]
                if accessibility.there():
                    assert await do(lambda: accessibility.findings(browser, *accessibility.GRAVE)) == []
            assert await do(browser.complaints) == []


def _typed(browser: Browser, selector: str, text: str) -> None:
    box = browser.one(selector)
    box.clear()
    box.send_keys(text)


def _choose(browser: Browser, menu: str, entry: str) -> None:
    """An entry of a menu below the last message that a character wrote."""
    script = """
    const row = [...document.querySelectorAll('article')].filter((one) => one.querySelector('.app') && one.querySelector('details')).at(-1);
    const menu = [...row.querySelectorAll('details')].find((one) => one.querySelector('summary').textContent === arguments[0]);
    menu.open = true;
    [...menu.querySelectorAll('button')].find((one) => one.textContent === arguments[1]).click();
    """
    browser.driver.execute_script(script, menu, entry)


def _press(browser: Browser, label: str) -> None:
    """A button that came with a message."""
    found = "return [...document.querySelectorAll('.row button')].find((one) => one.textContent.includes(arguments[0]))"
    browser.until(lambda: browser.driver.execute_script(found, label), f"the button {label}").click()


def _submit(browser: Browser, text: str) -> None:
    """The form that opened, with this text in its first field."""
    _typed(browser, "#dialog[open] textarea", text)
    browser.one("#dialog[open] button").click()
