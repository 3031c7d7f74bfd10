"""A character as people edit it: who it is, and who may use it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from engine.resources.craft.tools import MOST_GIVEN, TOOLS
from engine.resources.craft.tools import problems as problems_of_tools
from engine.resources.field import PersonId, Resource, Shown

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{2,49}$")]
Visibility = Literal["public", "private", "unlisted", "shared"]
ABOUT, VOICE, SPEECH, MORE, WHO = "About", "Voice", "Speech", "More", "Access"
_SLUG = re.compile(r"[a-z][a-z0-9-]{2,49}")
_BIRTHDAY = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Description(Resource):
    """Everything that makes a character who it is. `Shown.limit` is what a person may type, not what a card may hold."""

    FLAT: ClassVar[bool] = True

    name: Annotated[str, Shown("Name", ABOUT, "What it is called.", limit=100, old=("displayName",))] = Field(min_length=1, max_length=100)
    info: Annotated[
        str, Shown("Who is it?", ABOUT, "Where it comes from, what it does, what it knows.", "text", 4000, old=("characterInfo",))
    ] = ""
    traits: Annotated[str, Shown("Traits", ABOUT, "Patient, blunt, fond of puns.", "text", 4000, old=("personalityTraits",))] = ""
    scenario: Annotated[str, Shown("Scenario", ABOUT, "Where and when it is met.", "text", 4000)] = ""
    age: Annotated[str, Shown("Age", ABOUT, limit=100, old=("personalityAge",))] = ""
    appearance: Annotated[str, Shown("Appearance", ABOUT, "What it looks like.", "text", 1000, old=("personalityAppearance",))] = ""
    tone: Annotated[str, Shown("Tone", VOICE, "How it talks, in a few words.", limit=500, old=("personalityTone",))] = ""
    likes: Annotated[str, Shown("Likes", VOICE, widget="text", limit=500, old=("personalityLikes",))] = ""
    dislikes: Annotated[str, Shown("Dislikes", VOICE, widget="text", limit=500, old=("personalityDislikes",))] = ""
    goals: Annotated[str, Shown("Goals in conversation", VOICE, widget="text", limit=1000, old=("conversationalGoals",))] = ""
    examples: Annotated[
        str,
        Shown("Example lines", VOICE, "{{user}} is whoever talks to it, {{char}} itself.", "text", 2000, old=("conversationalExamples",)),
    ] = ""
    greeting: Annotated[str, Shown("Greeting", VOICE, "Shown at the start of a chat.", "text", 2000, old=("initialMessage",))] = ""
    system_prompt: Annotated[
        str,
        Shown("Instructions", MORE, "Rules for the model, last of what it reads of the character.", "text", 4000, old=("systemPrompt",)),
    ] = ""
    post_history: Annotated[str, Shown("Last words", MORE, "A reminder to the model, behind the message it answers.", "text", 2000)] = ""
    error_message: Annotated[
        str, Shown("Error message", MORE, "Said in its own words when a reply fails.", "text", 500, old=("errorMessage",))
    ] = ""
    birthday: Annotated[str, Shown("Birthday", MORE, "MM-DD or YYYY-MM-DD.", "date", 10)] = ""
    aliases: Annotated[tuple[str, ...], Shown("Other names", MORE, "One a line; @ and one of them calls it too.", "names", 100, 20)] = ()
    avatar_url: Annotated[
        str, Shown("Picture (address)", MORE, "An address on the web that Discord can fetch.", limit=2000, old=("avatarUrl",))
    ] = ""
    custom: Annotated[
        dict[str, JsonValue],
        Shown("Custom fields", MORE, "A JSON object. Kept with the character, never in a prompt.", "json", 20_000, old=("customFields",)),
    ] = Field(default_factory=dict)


class Access(Resource):
    """Who may use a character and how it is called; stored in the clear, because finding one needs it."""

    slug: Annotated[Slug, Shown("Short name", ABOUT, "For @short-name and commands; made from the name if empty.", limit=50)]
    visibility: Annotated[
        Visibility,
        Shown("Visibility", WHO, "public: all; unlisted: all who know its name; shared: people named; private: you.", "choice"),
    ] = "private"
    co_owners: Annotated[tuple[PersonId, ...], Shown("Co-owners", WHO, "User ids. They may edit it too.", "people", many=20)] = ()
    shared_with: Annotated[tuple[PersonId, ...], Shown("Shared with", WHO, "User ids, for a shared one.", "people", many=100)] = ()
    preset_id: Annotated[UUID | None, Shown("Preset", WHO, "The model settings it answers by; empty: the default.", "preset")] = None
    avatar: Annotated[str, Shown("Picture", MORE, "A stored picture.", "picture", 64, old=("avatarData",))] = Field("", max_length=64)
    card: Annotated[str, Shown("Card", MORE, "The card it was imported from, kept whole.", "file", 64)] = Field("", max_length=64)
    talkativeness: Annotated[
        float, Shown("Talkativeness", VOICE, "How often it joins in where several speak: 0 never by itself, 1 always.", "number")
    ] = Field(0.5, ge=0, le=1)
    streaming: Annotated[
        Literal["preset", "always", "never"],
        Shown("Shown while written", VOICE, "Whether a reply grows in the channel; preset: as its preset says.", "choice"),
    ] = "preset"
    speech: Annotated[
        Literal["never", "always", "answering"],
        Shown("Speaks", SPEECH, "Whether its replies are heard as well; answering: those to voice messages.", "choice"),
    ] = "never"
    speech_form: Annotated[
        Literal["file", "message"],
        Shown(
            "Speaks in", SPEECH, "file: an audio file under its name; message: a voice message, which Discord shows as the bot's.", "choice"
        ),
    ] = "file"
    voice: Annotated[str, Shown("Voice", SPEECH, "As SPEECH_MODEL calls it: alloy, or en-gb+f3 for espeak-ng.", limit=60)] = Field(
        "", max_length=60
    )
    tools: Annotated[
        tuple[str, ...],
        Shown(
            "Tools",
            MORE,
            f"What it may use before it answers, one a line: {', '.join(TOOLS)}, mcp:SERVER. Each use is one more call of the model.",
            "names",
            105,
            MOST_GIVEN,
        ),
    ] = ()
    adult: Annotated[bool, Shown("For adults only", WHO, "Answers only in channels that are age-restricted.", "switch")] = False


class CharacterSheet(Access):
    """All of a character that can be edited."""

    FIRST: ClassVar[tuple[str, ...]] = ("name", "slug", "info", "traits", "tone", "greeting", "error_message")

    description: Description


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a character's values taken together: key to a sentence that says what to change."""
    wrong: dict[str, str] = {}
    name = str(values.get("name", ""))
    if not name:
        wrong["name"] = "A character needs a name."
    elif not any(c.isalnum() for c in name):
        wrong["name"] = "A character needs a name with a letter or a digit in it, so that it can be called."
    if not values.get("info") and not values.get("traits"):
        wrong["info"] = "Say at least in one sentence who this character is."
    if not _SLUG.fullmatch(str(values.get("slug", ""))) and name:
        wrong["slug"] = "The short name takes 3 to 50 small letters, digits and hyphens, and begins with a letter."
    if (day := str(values.get("birthday", ""))) and not _is_day(day):
        wrong["birthday"] = "A birthday is MM-DD or YYYY-MM-DD, such as 04-23."
    if (url := str(values.get("avatar_url", ""))) and not url.startswith(("https://", "http://")):
        wrong["avatar_url"] = "The picture's address begins with https://."
    return wrong | problems_of_tools(values.get("tools", ()))


def _is_day(text: str) -> bool:
    found = _BIRTHDAY.fullmatch(text)
    return found is not None and 1 <= (month := int(found[2])) <= 12 and 1 <= int(found[3]) <= _DAYS[month - 1]
