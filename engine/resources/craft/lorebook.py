"""A lorebook as people edit it: how it is scanned, and its entries. Entries are stored in SillyTavern's own form."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.resources.field import Resource, Shown

BOOK, WAKING, PLACE, TIMING, GROUPS = "Book", "Waking", "Place", "Timing", "Groups"
Where = Literal["before", "after", "note_top", "note_bottom", "depth", "example_top", "example_bottom", "outlet"]
Role = Literal["system", "user", "assistant"]
Logic = Literal["any", "not_all", "none", "all"]


class LorebookSheet(Resource):
    """All of a lorebook but its entries. What an entry leaves open is the book's."""

    name: Annotated[str, Shown("Name", BOOK, "What it is called.", limit=100)] = Field(min_length=1, max_length=100)
    description: Annotated[str, Shown("Description", BOOK, "For people; never part of a prompt.", "text", 1000)] = ""
    scan_depth: Annotated[int, Shown("Messages searched", WAKING, "How many of the last messages are searched for keys.", "number")] = (
        Field(2, ge=0, le=1000)
    )
    case_sensitive: Annotated[bool, Shown("Case matters", WAKING, "Keys are found only in their own case.", "switch")] = False
    whole_words: Annotated[bool, Shown("Whole words", WAKING, "Keys of one word are found only as whole words.", "switch")] = False
    recursive: Annotated[bool, Shown("Entries wake entries", WAKING, "Texts of woken entries are searched too.", "switch")] = False
    max_steps: Annotated[int, Shown("Most rounds", WAKING, "0: as many as it takes.", "number")] = Field(0, ge=0, le=100)
    min_entries: Annotated[
        int, Shown("At least so many entries", WAKING, "Further back is searched until so many are woken.", "number")
    ] = Field(0, ge=0, le=100)
    min_depth: Annotated[int, Shown("But no further back than", WAKING, "In messages; 0: no limit.", "number")] = Field(0, ge=0, le=1000)
    scoring: Annotated[bool, Shown("Best match wins", GROUPS, "In a group only those with the most keys found stay.", "switch")] = False
    budget: Annotated[float, Shown("Budget (%)", BOOK, "Most of the model's window that entries may fill.", "number")] = Field(
        25, ge=0, le=100
    )
    budget_cap: Annotated[int, Shown("Budget (tokens)", BOOK, "Most tokens entries may take; 0: no limit.", "number")] = Field(
        0, ge=0, lt=2**31
    )


class LoreEntrySheet(Resource):
    """The fields of an entry that a form has. Others that a file brought along stay as they are."""

    FIRST: ClassVar[tuple[str, ...]] = ("comment", "keys", "content", "constant", "frozen")

    comment: Annotated[str, Shown("Title", BOOK, "For people.", limit=200)] = ""
    keys: Annotated[tuple[str, ...], Shown("Keys", WAKING, "One a line. /like this/i is a pattern.", "lines", 1000, 200)] = ()
    content: Annotated[str, Shown("Text", BOOK, "What the model is told. {{char}}, {{user}} and other macros work.", "text", 20_000)] = ""
    constant: Annotated[bool, Shown("Always", WAKING, "Woken without a key.", "switch")] = False
    frozen: Annotated[
        bool,
        Shown(
            "Frozen",
            PLACE,
            "Written once where it was woken, and it stays there: prompts begin the same.",
            "switch",
        ),
    ] = False
    disabled: Annotated[bool, Shown("Switched off", WAKING, widget="switch")] = False
    secondary: Annotated[tuple[str, ...], Shown("Second keys", WAKING, "One a line.", "lines", 1000, 200)] = ()
    logic: Annotated[Logic, Shown("Second keys found", WAKING, "How many of them must be.", "choice")] = "any"
    order: Annotated[int, Shown("Order", PLACE, "Higher ones stand later and come first.", "number")] = Field(100, ge=-9999, le=9999)
    where: Annotated[Where, Shown("Place", PLACE, "before and after the description, the note, the examples; depth; outlet.", "choice")] = (
        "before"
    )
    depth: Annotated[int, Shown("Depth", PLACE, "How many messages before the end; 0: last.", "number")] = Field(4, ge=0, le=999)
    role: Annotated[Role, Shown("Role at depth", PLACE, widget="choice")] = "system"
    outlet: Annotated[str, Shown("Outlet", PLACE, "Its name: {{outlet::name}} puts it there.", limit=100)] = ""
    probability: Annotated[float, Shown("Chance (%)", WAKING, widget="number")] = Field(100, ge=0, le=100)
    sticky: Annotated[int | None, Shown("Stays for", TIMING, "So many messages.", "number")] = Field(None, ge=0, le=100_000)
    cooldown: Annotated[int | None, Shown("Rests for", TIMING, "So many messages afterwards.", "number")] = Field(None, ge=0, le=100_000)
    delay: Annotated[int | None, Shown("Not before", TIMING, "So many messages were said.", "number")] = Field(None, ge=0, le=100_000)
    scan_depth: Annotated[int | None, Shown("Messages searched", WAKING, "Empty: the book's.", "number")] = Field(None, ge=0, le=1000)
    group: Annotated[str, Shown("Group", GROUPS, "Of one group one is woken. Several: with commas.", limit=200)] = ""
    group_weight: Annotated[float, Shown("Weight in the group", GROUPS, widget="number")] = Field(100, ge=0, le=10_000)
    group_first: Annotated[bool, Shown("Goes first in the group", GROUPS, "The highest order wins instead of a draw.", "switch")] = False
    ignore_budget: Annotated[bool, Shown("Outside the budget", PLACE, widget="switch")] = False


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a lorebook's values taken together."""
    return {} if values.get("name") else {"name": "A lorebook needs a name."}


def entry_problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with an entry's values taken together."""
    if not values.get("constant") and not values.get("keys") and not str(values.get("content", "")).startswith("@@"):
        return {"keys": "An entry needs a key, or it is switched to Always."}
    if values.get("where") == "outlet" and not values.get("outlet"):
        return {"outlet": "An entry for an outlet needs the outlet's name."}
    return {}
