"""How a field of something people edit is described, and how typed text becomes its value. Pure.

A resource is a frozen Pydantic model whose fields carry a `Shown`. The model says what may be stored, for ever; `Shown` says what may be
typed today, which may be less: limits that were lowered must not make old events unreadable.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeAliasType, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

Widget = Literal["line", "text", "number", "choice", "switch", "names", "lines", "people", "json", "date", "preset", "picture", "file"]
Kind = Literal["text", "int", "float", "switch", "choice", "texts", "people", "json", "preset"]
PersonId = Annotated[int, Field(ge=0, lt=2**63)]
"""A Discord user's id."""


class Resource(BaseModel):
    """Base of resources and of their groups of fields. Unknown fields are refused so that a typo is never stored.

    `FLAT`: its fields are called by their own names, without the group's: `temperature`, not `parameters.temperature`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    FLAT: ClassVar[bool] = False
    FIRST: ClassVar[tuple[str, ...]] = ()
    """Keys that forms show before the others."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Describes a field to people. `limit` is in characters (of each item, where there are several), `many` in items.

    `low` and `high` are taken from the field's own bounds unless narrower ones are given. `tiered`: it may also be set per server,
    channel or person. `operator`: only the operator may change it. `old` are names that other programs' files use for it.
    """

    label: str
    page: str
    help: str = ""
    widget: Widget = "line"
    limit: int | None = None
    many: int | None = None
    low: float | None = None
    high: float | None = None
    tiered: bool = False
    operator: bool = False
    old: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One editable field. `key` is what people and files call it, `path` where it stands in the model."""

    key: str
    path: tuple[str, ...]
    shown: Shown
    kind: Kind
    nullable: bool
    required: bool
    default: Any
    low: float | None
    high: float | None
    choices: tuple[str, ...]

    @property
    def option(self) -> str:
        """Its option on the command line, without dashes before it."""
        return self.key.replace(".", "-").replace("_", "-")

    @property
    def stored(self) -> bool:
        """Whether it is the address of a stored file, which nobody types."""
        return self.shown.widget in ("picture", "file")

    @property
    def range(self) -> str:
        """What numbers it takes, in words; empty for other fields."""
        if self.low is not None and self.high is not None:
            return f"{_number(self.low)} to {_number(self.high)}"
        return f"{_number(self.low)} or more" if self.low is not None and self.low > -(2**62) else ""


@cache
def fields(cls: type[Resource]) -> tuple[FieldSpec, ...]:
    """Every editable field of a resource, in the order of the model."""
    return tuple(_walk(cls, (), ""))


def field(cls: type[Resource], key: str) -> FieldSpec | None:
    """The field of this name; hyphens and underscores are the same."""
    wanted = key.replace("-", "_").replace(".", "_").casefold()
    return next((spec for spec in fields(cls) if spec.key.replace(".", "_") == wanted), None)


def pages(cls: type[Resource]) -> dict[str, tuple[FieldSpec, ...]]:
    """Fields by the page of the form they stand on, pages in order of first use."""
    found: dict[str, tuple[FieldSpec, ...]] = {}
    for spec in sorted(fields(cls), key=lambda spec: cls.FIRST.index(spec.key) if spec.key in cls.FIRST else len(cls.FIRST)):
        found[spec.shown.page] = (*found.get(spec.shown.page, ()), spec)
    return found


def values(resource: Resource) -> dict[str, Any]:
    """Key to value of every editable field."""
    return {spec.key: value_at(resource, spec.path) for spec in fields(type(resource))}


def value_at(resource: Resource, path: tuple[str, ...]) -> Any:
    """The value at a path of attributes."""
    found: Any = resource
    for name in path:
        found = getattr(found, name)
    return found


def changed[R: Resource](resource: R, new: Mapping[str, Any]) -> R:
    """The resource with some fields replaced, by key. Raises pydantic.ValidationError for what cannot be stored."""
    tree = resource.model_dump()
    for spec in fields(type(resource)):
        if spec.key in new:
            _put(tree, spec.path, new[spec.key])
    return type(resource).model_validate(tree)


def nested(cls: type[Resource], new: Mapping[str, Any]) -> dict[str, Any]:
    """Values by key -> the tree that `model_validate` takes."""
    tree: dict[str, Any] = {}
    for spec in fields(cls):
        if spec.key in new:
            _put(tree, spec.path, new[spec.key])
    return tree


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _walk(cls: type[Resource], path: tuple[str, ...], prefix: str) -> Iterator[FieldSpec]:
    for name, info in cls.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, Resource):
            yield from _walk(inner, (*path, name), prefix if inner.FLAT else f"{prefix}{name}.")
        elif (shown := next((m for m in info.metadata if isinstance(m, Shown)), None)) is not None:
            yield _spec(name, info, shown, (*path, name), prefix)


def _spec(name: str, info: FieldInfo, shown: Shown, path: tuple[str, ...], prefix: str) -> FieldSpec:
    kind, nullable, choices = _kind(info.annotation)
    low = shown.low if shown.low is not None else next((float(m.ge) for m in info.metadata if isinstance(m, Ge)), None)  # type: ignore[arg-type]  # ours are numbers
    high = shown.high if shown.high is not None else next((float(m.le) for m in info.metadata if isinstance(m, Le)), None)  # type: ignore[arg-type]  # ours are numbers
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    return FieldSpec(f"{prefix}{name}", path, shown, kind, nullable, info.is_required(), default, low, high, choices)


_KINDS: Mapping[Any, Kind] = {str: "text", int: "int", float: "float", bool: "switch", UUID: "preset"}


def _kind(annotation: Any) -> tuple[Kind, bool, tuple[str, ...]]:
    """What kind of value a type is, whether None is one, and the choices of a Literal."""
    if isinstance(annotation, TypeAliasType):
        return _kind(annotation.__value__)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, types.UnionType):
        kind, _, choices = _kind(next(a for a in arguments if a is not type(None)))
        return kind, True, choices
    if origin is Literal:
        return "choice", False, tuple(str(a) for a in arguments)
    if origin is tuple:
        return ("people" if _kind(arguments[0])[0] == "int" else "texts"), False, ()
    if origin is dict:
        return "json", False, ()
    return _KINDS[annotation], False, ()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
