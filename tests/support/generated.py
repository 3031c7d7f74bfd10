"""Hypothesis strategies for our Pydantic models, made from their annotations and constraints."""

import types
from functools import cache
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin
from uuid import UUID

import annotated_types as at
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

Strategy = st.SearchStrategy[Any]

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
"""What can stand in a clear field: the codec leaves out the rest, which has tests of its own."""
JSON: Strategy = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=3,
)
_PLAIN: dict[object, Strategy] = {
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    UUID: st.uuids(),
    type(None): st.none(),
    JsonValue: JSON,
}


def of(model: type[BaseModel]) -> Strategy:
    """Instances of a model. Combinations that its own validators refuse are left out. Made once: making it costs more than a draw."""
    return _instances(model)


@cache
def _instances(model: type[BaseModel]) -> Strategy:
    fields = {name: _field(field) for name, field in model.model_fields.items()}
    return st.fixed_dictionaries(fields).map(lambda values: _build(model, values)).filter(lambda built: built is not None)


def _build(model: type[BaseModel], values: dict[str, Any]) -> BaseModel | None:
    try:
        return model.model_validate(values)
    except ValueError:
        return None


def _field(field: FieldInfo) -> Strategy:
    return _of(field.annotation, field.metadata)


def _of(annotation: Any, metadata: list[Any]) -> Strategy:
    if isinstance(annotation, TypeAliasType) and annotation is not JsonValue:
        annotation = annotation.__value__
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN and not metadata:
        return _PLAIN[annotation]
    if origin is Annotated:
        return _of(arguments[0], [*arguments[1:], *metadata])
    if origin in (Union, types.UnionType):
        return st.one_of([_of(argument, metadata) for argument in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_of(arguments[0], []), max_size=min(3, _limit(metadata, at.MaxLen, "max_length", 3))).map(tuple)
    if origin is dict:
        return st.dictionaries(_of(arguments[0], []), _of(arguments[1], []), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return of(annotation)
    return _scalar(annotation, _flat(metadata))


def _scalar(annotation: Any, metadata: list[Any]) -> Strategy:
    if annotation is str:
        pattern = next((p for m in metadata if (p := getattr(m, "pattern", None))), None)
        if pattern:
            return st.from_regex(pattern, fullmatch=True)
        least, most = _limit(metadata, at.MinLen, "min_length", 0), _limit(metadata, at.MaxLen, "max_length", 40)
        return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=least, max_size=min(most, 40))
    if annotation is int:
        least, most = _limit(metadata, at.Ge, "ge", -(2**63)), _limit(metadata, at.Le, "le", 2**63 - 1)
        return st.integers(max(least, _limit(metadata, at.Gt, "gt", least - 1) + 1), min(most, _limit(metadata, at.Lt, "lt", most + 1) - 1))
    if annotation is float:
        low, high = _limit(metadata, at.Ge, "ge", None), _limit(metadata, at.Le, "le", None)
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return _PLAIN[annotation]


def _flat(metadata: list[Any]) -> list[Any]:
    return [inner for item in metadata for inner in (item.metadata if isinstance(item, FieldInfo) else [item])]


def _limit(metadata: list[Any], kind: type, name: str, default: Any) -> Any:
    return next((getattr(item, name) for item in _flat(metadata) if isinstance(item, kind)), default)
