"""The rules Discord checks components and modals against: rows, buttons, selects, labels, and the components of version 2. Pure."""

from collections.abc import Callable, Iterator, Mapping

from tests.support.discord.errors import Json, invalid
from tests.support.discord.shapes import boolean, length, number, objects, sized, text

ROW, BUTTON, STRINGS, INPUT, USERS, ROLES, MENTIONABLES, CHANNELS = range(1, 9)
SECTION, DISPLAY, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER, LABEL, UPLOAD = 9, 10, 11, 12, 13, 14, 17, 18, 19
SELECTS = (STRINGS, USERS, ROLES, MENTIONABLES, CHANNELS)
VERSION_2 = 1 << 15
MOST_ROWS, MOST_IN_ALL, MOST_TEXT = 5, 40, 4000
IN_A_MESSAGE, IN_A_CONTAINER = (ROW,), (ROW, SECTION, DISPLAY, GALLERY, FILE, SEPARATOR)
IN_VERSION_2 = (*IN_A_CONTAINER, CONTAINER)
IN_A_LABEL = (INPUT, *SELECTS, UPLOAD)


def check_components(components: object, *, version_2: bool, path: str = "components") -> None:
    """Refuse the components of a message that Discord refuses with 400 code 50035."""
    allowed = IN_VERSION_2 if version_2 else IN_A_MESSAGE
    found = objects(path, components)
    if not version_2:
        sized(path, found, 0, MOST_ROWS)
    for index, one in enumerate(found):
        _check(f"{path}.{index}", one, allowed)
    _whole(path, found)


def check_modal(data: Json) -> Json:
    """A modal: title of 1 to 45, custom_id of 1 to 100, one to five rows, labels or texts."""
    text("data.title", data.get("title"), 1, 45)
    text("data.custom_id", data.get("custom_id"), 1, 100)
    found = objects("data.components", data.get("components"))
    sized("data.components", found, 1, MOST_ROWS)
    for index, one in enumerate(found):
        path = f"data.components.{index}"
        if _kind(path, one, (ROW, DISPLAY, LABEL)) == ROW:
            inner = objects(f"{path}.components", one.get("components"))
            sized(f"{path}.components", inner, 1, 1)
            _kind(f"{path}.components.0", inner[0], (INPUT,))
            text(f"{path}.components.0.label", inner[0].get("label"), 1, 45)
            _input(f"{path}.components.0", inner[0])
        else:
            CHECKS[one["type"]](path, one)
    _whole("data.components", found)
    return data


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component, those inside others as well."""
    for one in components:
        yield one
        inside = [*(one.get("components") or []), *(one[name] for name in ("accessory", "component") if isinstance(one.get(name), dict))]
        yield from walk(inside)


def _whole(path: str, found: list[Json]) -> None:
    """What holds for all together: their number, their text, and that each custom_id is used once."""
    every = list(walk(found))
    if len(every) > MOST_IN_ALL:
        raise invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {MOST_IN_ALL} or fewer in length.")
    if sum(length(str(one.get("content", ""))) for one in every if one["type"] == DISPLAY) > MOST_TEXT:
        raise invalid(path, "COMPONENT_MAX_TOTAL_CONTENT_SIZE_EXCEEDED", f"Displayable text must not exceed {MOST_TEXT} in length.")
    seen: set[object] = set()
    for one in every:
        name = one.get("custom_id")
        if name is not None and name in seen:
            raise invalid(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
        seen.add(name)


def _kind(path: str, one: Json, allowed: tuple[int, ...]) -> int:
    kind = number(f"{path}.type", one.get("type"), 1, 255, needed=True)
    if kind not in allowed:
        raise invalid(f"{path}.type", "UNION_TYPE_CHOICES", f'Value of field "type" must be one of {allowed}.')
    return int(kind or 0)


def _check(path: str, one: Json, allowed: tuple[int, ...]) -> None:
    CHECKS[_kind(path, one, allowed)](path, one)


def _inside(path: str, one: Json, allowed: tuple[int, ...], least: int, most: int) -> list[Json]:
    inner = objects(f"{path}.components", one.get("components"))
    sized(f"{path}.components", inner, least, most)
    for index, each in enumerate(inner):
        _check(f"{path}.components.{index}", each, allowed)
    return inner


def _row(path: str, one: Json) -> None:
    inner = _inside(path, one, (BUTTON, *SELECTS), 1, 5)
    if len(inner) > 1 and any(each["type"] != BUTTON for each in inner):
        raise invalid(f"{path}.components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width")


def _button(path: str, one: Json) -> None:
    style = number(f"{path}.style", one.get("style"), 1, 6, needed=True)
    text(f"{path}.label", one.get("label"), 0, 80, needed=False)
    boolean(f"{path}.disabled", one.get("disabled"))
    linked, named = one.get("url") is not None, one.get("custom_id") is not None
    if style == 5:
        text(f"{path}.url", one.get("url"), 1, 512)
        if not str(one["url"]).startswith(("http://", "https://", "discord://")):
            raise invalid(f"{path}.url", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'discord').")
    elif style != 6:
        text(f"{path}.custom_id", one.get("custom_id"), 1, 100)
    if linked and named:
        raise invalid(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")
    if not one.get("label") and not one.get("emoji") and style != 6:
        raise invalid(path, "BUTTON_COMPONENT_INVALID_LABEL", "A button needs a label or an emoji")


def _select(path: str, one: Json) -> None:
    text(f"{path}.custom_id", one.get("custom_id"), 1, 100)
    text(f"{path}.placeholder", one.get("placeholder"), 0, 150, needed=False)
    least = number(f"{path}.min_values", one.get("min_values"), 0, 25)
    most = number(f"{path}.max_values", one.get("max_values"), 1, 25)
    boolean(f"{path}.disabled", one.get("disabled"))
    if (1 if least is None else least) > (1 if most is None else most):
        raise invalid(f"{path}.min_values", "SELECT_COMPONENT_INVALID_MIN_VALUES", "min_values must not be above max_values")


def _strings(path: str, one: Json) -> None:
    _select(path, one)
    options = objects(f"{path}.options", one.get("options"))
    sized(f"{path}.options", options, 1, 25)
    values: set[object] = set()
    for index, option in enumerate(options):
        where = f"{path}.options.{index}"
        text(f"{where}.label", option.get("label"), 1, 100)
        text(f"{where}.value", option.get("value"), 1, 100)
        text(f"{where}.description", option.get("description"), 0, 100, needed=False)
        if option["value"] in values:
            raise invalid(f"{where}.value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used")
        values.add(option["value"])
    most = one.get("max_values")
    if most is not None and most > len(options):
        raise invalid(f"{path}.max_values", "SELECT_COMPONENT_MAX_VALUES_TOO_LARGE", "max_values must not be above the number of options")
    if sum(bool(option.get("default")) for option in options) > (1 if most is None else most):
        raise invalid(f"{path}.options", "SELECT_COMPONENT_TOO_MANY_DEFAULT_VALUES", "Too many default values")


def _input(path: str, one: Json) -> None:
    text(f"{path}.custom_id", one.get("custom_id"), 1, 100)
    number(f"{path}.style", one.get("style"), 1, 2, needed=True)
    least = number(f"{path}.min_length", one.get("min_length"), 0, 4000) or 0
    most = number(f"{path}.max_length", one.get("max_length"), 1, 4000) or 4000
    text(f"{path}.placeholder", one.get("placeholder"), 0, 100, needed=False)
    text(f"{path}.value", one.get("value"), 0, 4000, needed=False)
    if least > most or (one.get("value") and not least <= length(one["value"]) <= most):
        raise invalid(f"{path}.value", "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def _label(path: str, one: Json) -> None:
    text(f"{path}.label", one.get("label"), 1, 45)
    text(f"{path}.description", one.get("description"), 0, 100, needed=False)
    inner = objects(f"{path}.component", [one.get("component")])[0]
    _check(f"{path}.component", inner, IN_A_LABEL)
    if inner.get("disabled"):
        raise invalid(f"{path}.component.disabled", "COMPONENT_DISABLED_IN_MODAL", "A component in a modal cannot be disabled")


def _section(path: str, one: Json) -> None:
    _inside(path, one, (DISPLAY,), 1, 3)
    accessory = objects(f"{path}.accessory", [one.get("accessory")])[0]
    _check(f"{path}.accessory", accessory, (BUTTON, THUMBNAIL))


def _display(path: str, one: Json) -> None:
    text(f"{path}.content", one.get("content"), 1, MOST_TEXT)


def _media(path: str, one: Json) -> None:
    inner = objects(f"{path}.media", [one.get("media") or one.get("file")])[0]
    text(f"{path}.media.url", inner.get("url"), 1, 2048)
    text(f"{path}.description", one.get("description"), 0, 1024, needed=False)


def _gallery(path: str, one: Json) -> None:
    items = objects(f"{path}.items", one.get("items"))
    sized(f"{path}.items", items, 1, 10)
    for index, item in enumerate(items):
        _media(f"{path}.items.{index}", item)


def _separator(path: str, one: Json) -> None:
    number(f"{path}.spacing", one.get("spacing"), 1, 2)


def _upload(path: str, one: Json) -> None:
    text(f"{path}.custom_id", one.get("custom_id"), 1, 100)
    number(f"{path}.max_values", one.get("max_values"), 1, 10)


def _container(path: str, one: Json) -> None:
    _inside(path, one, IN_A_CONTAINER, 1, MOST_IN_ALL)


CHECKS: Mapping[int, Callable[[str, Json], None]] = {
    ROW: _row,
    BUTTON: _button,
    STRINGS: _strings,
    INPUT: _input,
    **dict.fromkeys((USERS, ROLES, MENTIONABLES, CHANNELS), _select),
    SECTION: _section,
    DISPLAY: _display,
    THUMBNAIL: _media,
    GALLERY: _gallery,
    FILE: _media,
    SEPARATOR: _separator,
    CONTAINER: _container,
    LABEL: _label,
    UPLOAD: _upload,
}
