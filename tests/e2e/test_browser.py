"""The console in a real browser, with real processes behind it: what a person does, and what they see."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from selenium.webdriver.common.keys import Keys

from bot.console import menu
from engine import ids
from engine.events import Tags, user_subject
from engine.events.turn import TurnFailed, TurnRequested
from engine.store import NewEvent, Query, open_log
from engine.vault import MasterKey
from tests.support import accessibility
from tests.support.browser import DESKTOP, PHONE, Browser, opened, require
from tests.support.looks import unsightly
from tests.support.stage import Stage
from tests.support.system import Shape, Tzurot, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(300)]

PLACES = ("/channels/1", "/servers/1")
PAGES = ("/?new=1", "/chats", "/characters/new", *PLACES, *(entry.path for entry in (*menu.PAGES, *menu.MORE) if entry.path != "/"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    require()
    async with Stage.start(pace=0.15) as provider:
        yield provider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tzurot(stage: Stage) -> AsyncIterator[Tzurot]:
    shape = Shape(parts=("projections", "worker", "console"), discord=False, provider=stage.address)
    async with running(shape) as system:
        yield system


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    require()
    with opened("") as window:
        yield window


@pytest.fixture
def browser(window: Browser, tzurot: Tzurot) -> Browser:
    window.fresh(tzurot.console)
    return window


def begin(browser: Browser, text: str) -> None:
    """Say the first line of a new chat to the character that is chosen already."""
    browser.go("/?new=1&character=wren")
    send(browser, text)
    browser.until(lambda: "/chats/" in browser.driver.current_url, "the new chat")


def send(browser: Browser, text: str) -> None:
    browser.one("#text").send_keys(text + Keys.ENTER)


def replied(browser: Browser, word: str) -> str:
    """The text of the delivered reply that holds the word."""

    def look() -> str | None:
        text = browser.text("#lines .theirs:last-child .text")
        return text if word in text and "I heard it." in text else None

    return browser.until(look, f"a reply about {word}")


async def test_a_message_is_answered_while_one_watches(tzurot: Tzurot, stage: Stage, browser: Browser) -> None:
    """Typing, text that grows, the reply in its place, and the way into the turn."""
    stage.hold("ping-first")
    await asyncio.to_thread(begin, browser, "Hello there, ping-first")
    await stage.held("ping-first")
    partial = await asyncio.to_thread(browser.until, lambda: browser.text("#live .draft"), "text that is being written")
    assert "You said ping-first, and I heard it.".startswith(partial)
    assert "I heard it." not in browser.text("main")
    stage.release("ping-first")
    assert await asyncio.to_thread(replied, browser, "ping-first") == "You said ping-first, and I heard it."
    await asyncio.to_thread(browser.until, lambda: not browser.all("#live article"), "an empty place where text was written")
    assert len(browser.all("#lines .theirs:not(.intro)")) == 1
    browser.one("#lines .theirs:last-child a[href^='/turns/']").click()
    await asyncio.to_thread(browser.until, lambda: "Wren Halloway answered" in browser.text("h1"), "the turn")
    record = browser.text(".recorder")
    for part in ("Trigger", "Attempt 1", "the preset Default", "Chosen by", "Answer", "Delivery", "Reply delivered", "SHA-256"):
        assert part in record
    assert browser.complaints() == []


async def test_the_page_is_not_left_for_the_next_line(browser: Browser) -> None:
    """The second line comes into the open page, its answer grows there word by word; the composer is empty and ready again."""
    await asyncio.to_thread(begin, browser, "One, ping-one")
    await asyncio.to_thread(replied, browser, "ping-one")
    browser.run(f"window.same = true; {WATCHING}")
    await asyncio.to_thread(send, browser, "Two, ping-two")
    final = await asyncio.to_thread(replied, browser, "ping-two")
    seen = list(dict.fromkeys(browser.run("return window.seen")))
    assert len(seen) >= 3, seen
    assert all(final.startswith(text) for text in seen)
    assert seen == sorted(seen, key=len)
    assert browser.run("return window.same && document.activeElement.id === 'text' && document.activeElement.value === ''")
    assert [line.split("\n")[0] for line in browser.text("#lines .mine .text").splitlines()] == ["One, ping-one", "Two, ping-two"]
    assert browser.complaints() == []


async def test_what_is_typed_while_a_message_is_on_its_way_stays(browser: Browser) -> None:
    """Three lines in quick succession on a slow line, and a fourth begun meanwhile: all three are said in order, the fourth is kept."""
    await asyncio.to_thread(begin, browser, "ping-slow")
    await asyncio.to_thread(replied, browser, "ping-slow")
    browser.driver.execute_script(
        "const real = window.fetch;"
        "window.fetch = async (...all) => { await new Promise((done) => setTimeout(done, 300)); return real(...all); };"
    )
    box = browser.one("#text")
    for word in ("ping-one", "ping-two", "ping-three"):
        box.send_keys(word + Keys.ENTER)
    box.send_keys("not yet")
    assert len(browser.all("#pending .pending, #lines .mine")) == 4
    await asyncio.to_thread(
        browser.until, lambda: len(browser.all("#lines .mine")) == 4 and not browser.all("#pending .pending"), "all said"
    )
    said = [one.text.split("\n")[0] for one in browser.all("#lines .mine .text")]
    assert said == ["ping-slow", "ping-one", "ping-two", "ping-three"]
    assert box.get_attribute("value") == "not yet"


async def test_what_could_not_be_sent_comes_back_into_the_box(browser: Browser) -> None:
    """A paste that is too long is counted, refused and still whole; the console does not answer: nothing typed is lost, and it is said."""
    await asyncio.to_thread(begin, browser, "ping-lost")
    await asyncio.to_thread(replied, browser, "ping-lost")
    pasted = browser.one("#text")
    browser.driver.execute_script("arguments[0].value = 'é'.repeat(4100); arguments[0].dispatchEvent(new Event('input'));", pasted)
    assert browser.text("#counted") == "4,100 of 4,000 characters"
    pasted.send_keys(Keys.ENTER)
    await asyncio.to_thread(browser.until, lambda: "may have 4,000" in browser.text(".composer-space") or None, "the refusal")
    assert pasted.get_attribute("value") == "é" * 4100
    browser.driver.execute_script("arguments[0].value = '';", pasted)
    browser.driver.execute_script("window.fetch = async () => { throw new TypeError('offline'); };")
    box = browser.one("#text")
    box.send_keys("first" + Keys.ENTER)
    await asyncio.to_thread(browser.until, lambda: box.get_attribute("value") == "first" or None, "the text in the box")
    assert not browser.all("#pending .pending")
    assert "does not answer" in browser.text("#trouble")


async def test_a_reply_is_made_by_a_click_and_shown_as_one(browser: Browser) -> None:
    """The composer says whom one answers; Escape takes it back."""
    await asyncio.to_thread(begin, browser, "Listen, ping-listen")
    await asyncio.to_thread(replied, browser, "ping-listen")
    browser.one("#lines .theirs:last-child [data-reply]").click()
    assert browser.text("#quoting") == "Replying to Wren Halloway"
    browser.one("#text").send_keys(Keys.ESCAPE)
    assert not browser.one("#quoting").is_displayed()
    browser.one("#lines .theirs:last-child [data-reply]").click()
    await asyncio.to_thread(send, browser, "That one, ping-quote")
    await asyncio.to_thread(replied, browser, "ping-quote")
    assert "Wren Halloway: You said ping-listen" in browser.text("#lines .mine:nth-last-child(2)")
    assert not browser.one("#quoting").is_displayed()


async def test_a_changed_reply_is_replaced_where_it_stands(browser: Browser) -> None:
    """Regenerated, in a person's own words, and another version chosen: one reply in the open page, never a second one below it."""
    await asyncio.to_thread(begin, browser, "Change it, ping-change")
    await asyncio.to_thread(replied, browser, "ping-change")
    browser.run("window.same = true")
    reply = "#lines .theirs:last-child"
    first = browser.run(f"return document.querySelector('{reply}').id")

    async def shown(words: str, version: str) -> None:
        def look() -> bool:
            return words in browser.text(f"{reply} .text") and version in browser.text(reply)

        await asyncio.to_thread(browser.until, look, f"{words} as {version}")
        assert len(browser.all("#lines .theirs:not(.intro)")) == 1
        assert browser.run(f"return window.same && document.querySelector('{reply}').id") == first

    browser.run(f"document.querySelector('{reply} form[action$=regenerate]').requestSubmit()")
    await shown("ping-change", "2 of 2")
    browser.run(
        f"const form = document.querySelector('{reply} form[action$=edit]');"
        "form.querySelector('textarea').value = 'In my own words.'; form.requestSubmit();"
    )
    await shown("In my own words.", "3 of 3")
    browser.run(f"const form = document.querySelector('{reply} form[action$=choose]'); form.requestSubmit(form.querySelector('button'));")
    await shown("ping-change", "2 of 3")
    assert browser.complaints() == []


async def test_conversations_outlive_a_reload_and_a_restart(tzurot: Tzurot, browser: Browser) -> None:
    """An open page goes on by itself when the console is back on its port; the list is as it was."""
    await asyncio.to_thread(begin, browser, "Remember ping-stay")
    await asyncio.to_thread(replied, browser, "ping-stay")
    path = browser.driver.current_url.removeprefix(browser.address)
    await tzurot.kill("console")
    await tzurot.start("console")
    browser.address = tzurot.console
    browser.go("/")
    await asyncio.to_thread(browser.until, lambda: "You said ping-stay" in browser.text("#lines"), "the conversation")
    assert browser.driver.current_url == browser.address + path
    assert "Remember ping-stay" in browser.text(".chats li a[aria-current]")


async def test_a_failed_turn_shows_a_notice_that_leads_to_it(tzurot: Tzurot, browser: Browser) -> None:
    """Category, sentence and reference come into the open page; the turn page has what the provider said."""
    await tzurot.stop("worker")
    try:
        await asyncio.to_thread(begin, browser, "This one fails")
        await asyncio.to_thread(browser.until, lambda: browser.all("#live .typing"), "typing")
        reference = await fail_the_last(tzurot)
        notice = await asyncio.to_thread(browser.until, lambda: browser.text("#lines .notice"), "the notice")
        assert notice.split("\n")[0] == "Too many requests"
        assert "asked too often" in notice
        assert "only the owner" not in browser.text("body")
        browser.one(".notice .reference a").click()
        await asyncio.to_thread(browser.until, lambda: "could not answer" in browser.text("h1"), "the turn")
        assert reference in browser.text(".recorder")
        assert "only the owner reads this" in browser.text(".recorder")
    finally:
        await tzurot.start("worker")


async def fail_the_last(tzurot: Tzurot) -> str:
    """End the newest turn as a worker would whose provider refuses; returns the reference."""
    async with open_log(tzurot.dsn, MasterKey.of(bytes.fromhex("5a" * 32))) as log:
        (newest,) = [r.event async for r in log.read(Query(types=frozenset({"turn.requested"}), backwards=True, limit=1))]
        assert isinstance(newest, TurnRequested)
        failed = TurnFailed(
            **newest.model_dump(include={"turn_id", "message_id", "channel_id", "user_id", "character_id", "venue"}),
            attempt=1,
            category="rate_limit",
            status=429,
            reference=ids.reference(),
            user_message="The model is asked too often right now.",
            technical_details="only the owner reads this",
        )
        tags = Tags(None, newest.channel_id, newest.user_id, newest.character_id, newest.turn_id)
        new = NewEvent(failed, f"turn:{newest.turn_id}", ids.terminal(newest.turn_id), tags, (user_subject(newest.user_id),))
        await log.append(new)
        return failed.reference


async def test_the_timeline_grows_while_one_looks(browser: Browser) -> None:
    """A row appears at the top of the open page, and none that the filter leaves out."""
    await asyncio.to_thread(begin, browser, "Before, ping-before")
    await asyncio.to_thread(replied, browser, "ping-before")
    chat = browser.driver.current_url
    browser.go("/timeline?type=message.received")
    count = len(browser.all("#events .event"))
    browser.run("window.same = true")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("window")
    browser.driver.get(chat)
    await asyncio.to_thread(send, browser, "Now, ping-now")
    await asyncio.to_thread(replied, browser, "ping-now")
    browser.driver.switch_to.window(first)
    await asyncio.to_thread(browser.until, lambda: len(browser.all("#events .event")) == count + 1, "the new row")
    assert browser.run("return window.same")
    assert set(browser.text("#events .label").splitlines()) == {"Message received"}
    browser.one("#events .event .label").click()
    await asyncio.to_thread(browser.until, lambda: "Now, ping-now" in browser.text(".sealed"), "the opened event")
    assert browser.complaints() == []


async def test_every_page_looks_right_in_light_and_dark_and_on_a_phone_and_runs_nobodys_script(browser: Browser) -> None:
    """Nothing sticks out at 360 pixels, text stands out from its ground, every control has a name, and the switch is remembered.

    R40: hostile names and texts are on every page, and nothing happens.
    """
    chat, turn = await asyncio.to_thread(nasty, browser)
    await asyncio.to_thread(begin, browser, "Look at me, ping-look " + "wide" * 60)
    await asyncio.to_thread(replied, browser, "ping-look")
    wide = browser.driver.current_url.removeprefix(browser.address)
    for path in (chat, turn, wide, *PAGES):
        browser.shape(PHONE)
        browser.go(path)
        assert browser.run("return typeof window.owned") == "undefined", path
        assert browser.run("return document.querySelectorAll('img[src=x]').length") == 0, path
        if path not in (chat, turn):
            assert await asyncio.to_thread(unsightly, browser) == [], path
    browser.one("#theme").click()
    chosen = browser.run("return document.documentElement.dataset.theme")
    browser.go("/timeline")
    assert browser.run("return document.documentElement.dataset.theme") == chosen == "light"
    assert browser.complaints() == []


def nasty(browser: Browser) -> tuple[str, str]:
    """A character and a chat with scripts in all their names and texts; the addresses of the chat and of its turn."""
    script = "</title><script>window.owned=1</script><img src=x onerror='window.owned=1'>"
    browser.go("/characters/new")
    for field, value in {"name": script[:100], "slug": "nasty", "info": script, "greeting": script, "tone": script}.items():
        browser.one(f"[name={field}]").send_keys(value)
    browser.one("form.fields button[type=submit]").click()
    browser.until(lambda: "character=nasty" in browser.driver.current_url, "the chat with it")
    send(browser, f"{script} ping-nasty")
    replied(browser, "ping-nasty")
    turn = browser.one("#lines .theirs:last-child a[href^='/turns/']").get_attribute("href")
    return browser.driver.current_url.removeprefix(browser.address), str(turn).removeprefix(browser.address)


async def test_a_text_is_tried_on_a_lorebook_and_on_scripts_while_it_is_typed(browser: Browser) -> None:
    """And both pages look right on a phone."""
    browser.go("/lore")
    browser.one("form[action='/lore'] [name=name]").send_keys("Harbour" + Keys.ENTER)
    browser.until(lambda: browser.text("h1") == "Harbour", "the new lorebook")
    page = browser.driver.current_url
    browser.one("a[href$='/entries/0']").click()
    browser.one("[name=keys]").send_keys("mill")
    browser.one("[name=content]").send_keys("It burnt down.")
    assert await asyncio.to_thread(unsightly, browser) == []
    browser.one("p.save button[type=submit]").click()
    browser.until(lambda: "changed=" in browser.driver.current_url, "the entry")
    browser.one("#tried").find_element("xpath", "..").find_element("css selector", "[name=text]").send_keys("Is it the mill?")
    browser.until(lambda: "found mill" in browser.text("#tried"), "what the text wakes")
    assert await asyncio.to_thread(unsightly, browser) == [], page
    browser.go("/characters")
    browser.one("main article h2 a").click()
    browser.one("a[href$='/scripts']").click()
    for name, text in {"name": "Sea", "find": "/sea/g", "replace": "lake"}.items():
        browser.one(f"#form [name={name}]").send_keys(text)
    browser.one("#form button[type=submit]").click()
    browser.until(lambda: "changed=" in browser.driver.current_url, "the script")
    browser.one("form[action$='/test'] [name=text]").send_keys("The sea")
    browser.until(lambda: "The lake" in browser.text("#tried"), "what the text becomes")
    assert await asyncio.to_thread(unsightly, browser) == []
    assert browser.complaints() == []


async def test_axe_finds_nothing_serious_on_any_page(browser: Browser) -> None:
    """By axe-core on a phone in the dark: a turn, its experiment, a persona's forms; with TZUROT_FULL every page, wide and light, too."""
    accessibility.require()
    await asyncio.to_thread(begin, browser, "Judge me, ping-axe")
    await asyncio.to_thread(replied, browser, "ping-axe")
    turn = str(browser.one("#lines .theirs:last-child a[href^='/turns/']").get_attribute("href")).removeprefix(browser.address)
    made = await asyncio.to_thread(tried_and_named, browser, turn)
    shapes = [(PHONE, True), (DESKTOP, False)] if os.environ.get("TZUROT_FULL") else [(PHONE, True)]
    for size, dark in shapes:
        browser.shape(size, dark=dark)
        for path in (turn, f"{turn}/prompt", *made, "/events/1", "/nowhere", *(PAGES if len(shapes) > 1 else ())):
            browser.go(path)
            assert await asyncio.to_thread(accessibility.findings, browser, *accessibility.GRAVE) == [], (path, size)


def tried_and_named(browser: Browser, turn: str) -> tuple[str, ...]:
    """The turn run again as an experiment, and a persona with its forms: their addresses."""
    browser.go(turn)
    browser.run("document.querySelector('form[action$=experiments]').requestSubmit()")
    browser.until(lambda: "By standin/stage, as an experiment" in browser.text("#experiment"), "the experiment's answer")
    experiment = browser.driver.current_url.removeprefix(browser.address)
    assert "Both say the same." in browser.text("#experiment")
    browser.go("/personas/new")
    browser.one("[name=name]").send_keys("Mara")
    browser.one("form.fields button[type=submit]").click()
    browser.until(lambda: "/personas/new" not in browser.driver.current_url, "the persona")
    browser.go("/personas")
    persona = str(browser.one("main article h2 a").get_attribute("href")).removeprefix(browser.address)
    return (experiment, persona, f"{persona}/edit", "/personas/new", "/personas")


async def test_one_can_do_without_a_mouse(browser: Browser) -> None:
    """Tab reaches a character, the arrow keys choose, the composer sends."""
    browser.go("/?new=1")
    browser.run("document.querySelector('input[name=character]').focus()")
    before = browser.run("return document.querySelector('input[name=character]:checked').value")
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    chosen = browser.run("return document.querySelector('input[name=character]:checked').value")
    assert chosen != before
    await asyncio.to_thread(send, browser, "By keys, ping-keys")
    await asyncio.to_thread(replied, browser, "ping-keys")
    assert browser.run("return document.querySelector('#lines').getAttribute('role')") == "log"


WATCHING = """
window.seen = [];
new MutationObserver(() => {
  const text = document.querySelector('#live .draft')?.innerText;
  if (text) window.seen.push(text);
}).observe(document.querySelector('#live'), { childList: true, subtree: true, characterData: true });
"""
"""Writes down every text that was seen while an answer was being written."""
