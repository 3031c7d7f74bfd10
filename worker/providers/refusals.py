"""What a provider's refusal of a request says should have been left out, named otherwise, or put into another form. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.decide.spending.turn_model import PICTURES, Quirks
from engine.fault import Category, Fault

NEVER = frozenset({"model", "messages"})
"""Without these there is no request."""
_TEMPLATE: dict[str, tuple[str, ...]] = {
    "alternate": (
        r"alternat|alternarse|alterner|alternieren|abwechseln|交互|번갈아|черед",
        r"consecutive|in a row|same role|(must|should) be followed by|back[- ]to[- ]back",
        r"(two|multiple|several|adjacent|successive) (user|assistant|human) (messages|turns)",
        r"roles? (must|should|cannot|can't|can not) (not )?(repeat|be repeated)|roles? repeated",
        r"\.role is (the )?same as|角色[^。]{0,6}交替|(cannot|must not|can't) be adjacent|appear in pairs",
        *(
            rf"role ['\"`]?{r}['\"`]? (after|cannot follow|can't follow|must not follow)( role)? ['\"`]?{r}\b"
            for r in ("user", "assistant")
        ),
        r"follow the pattern[^.]{0,20}user[^.]{0,10}(assistant|model)",
    ),
    "no_system": (
        (
            r"(?<!multiple )(?<!several )(?<!one )system['\"`]? (role|messages?|prompts?|instructions?)[^.]{0,40}"
            r"(not|n't|un)[ -]?(be )?(support|allow|enabl|permit|accept)"
        ),
        r"(not support|unsupported|n't support|not accept|not allow)[^.]{0,40}\b(system|developer)\b",
        r"developer instruction is not enabled|system (role|messages?|prompts?) (is|are) (disabled|forbidden|rejected)",
        r"(invalid|unknown|unexpected) (message )?role:? ['\"`]?system\b(?!['\"`]? after)|use a valid role: user, model",
        r"role[^.]{0,20}['\"`]?(system|developer)['\"`]?[^.]{0,30}(not|unsupported|invalid)",
        r"['\"`]?(system|developer)['\"`]? is not (one of|a valid)",
        r"only ['\"`]?user['\"`]?(,| and) ['\"`]?assistant['\"`]?( and ['\"`]?tool['\"`]?)?( roles)? (are|roles)",
        r"(should|must) be (one of )?[\[(:'\"` ]{0,3}user['\"`]?(,| or) ['\"`]?(assistant|model)(?![^.]{0,40}system)",
    ),
    "system_first": (
        r"system['\"`]? (messages?|prompts?|role)[^.]{0,60}\b(first|beginning|start|position 0|index 0)\b",
        r"role ['\"`]?system['\"`]? (must|should) be (the )?first",
        r"(only|first)[^.]{0,40} system message|multiple system messages|more than one system message|system message must precede",
        r"unexpected role ['\"`]?system['\"`]? after|role ['\"`]?system['\"`]? (must|should|has to|have to) (come|be|appear) first",
    ),
    "user_last": (
        r"last (message|turn|role|entry|content)[^.]{0,60}\b(user|tool|human)\b",
        r"(end|finish)s? with (a |an |the )?['\"`]?(user|human|tool)|prefill|expected last role|cannot end with|must not end with",
        r"final (message|turn)[^.]{0,40}(user|human)|last message (is from|must not be|cannot be|can't be) (an? |the )?assistant",
        r"cannot continue from an assistant|assistant (message|turn)s? (cannot|can't|must not|may not) be (the )?(last|final)",
    ),
    "user_first": (
        r"first (message|turn|role|non-system message|entry)[^.]{0,60}\b(user|human)\b",
        r"(begin|start)s? with (a |an |the )?['\"`]?(user|human)|after the (optional )?system message|conversation must start",
        r"no user (query|message)s? (found|in)|at least one user message",
        r"assistant messages? (must|should) (come after|follow)[^.]{0,20}user",
    ),
}
"""Form of projections.prompt.form -> the words by which a template asks for it."""
_FORMS = {name: re.compile("|".join(patterns), re.IGNORECASE) for name, patterns in _TEMPLATE.items()}
_UNKNOWN = re.compile(
    r"unsupported|not supported|n't support|not support|unrecognized|unrecognised|unknown|unexpected|not permitted|not allowed|disallowed"
    r"|extra (inputs|fields)|additional propert|deprecated|no longer|not available|not enabled|not implemented|incompatible|not accept"
    r"|only the default|cannot be (set|used|specified|both)|cannot both|at the same time|only one of|mutually exclusive|cannot find field"
    r"|is forbidden|forbidden field|not a valid (parameter|argument|field)|invalid (parameter|argument|field)|does not exist|remove"
    r"|(may|can|must) only be|only (be )?(supported|allowed|available|valid|used)|must be (unset|omitted|left out|verified)|mandatory"
    r"|no endpoints[^.]{0,60}support|requires --"
    r"|cannot be (disabled|changed)|不支持|不允许|未知"
    r"|nicht (unterst|erlaubt|zul)|pas (pris en charge|autoris|support)|no (es compatible|soporta)|não (é )?suport|не поддерж|desteklen"
    r"|サポートされて|対応して|지원(하지|되지)|niet ondersteund|nie jest obsług|non (è )?support|not (a )?recogni[sz]ed|n't allow|not allow"
    r"|bad param"
    r"|only \w{1,40} ?= ?\d",
    re.IGNORECASE,
)
_NO_PICTURES = re.compile(
    r"(image|vision|visual|multi-?modal)[^.]{0,60}(not|n't|un)[ -]?(be )?(support|accept|allow|enabl|permit|available|valid)"
    r"|(not|n't|un)[ -]?(support|accept|allow|process|handle|read)(ed|s)?[^.]{0,60}(image|vision|multi-?modal)"
    r"|no endpoints[^.]{0,60}(image|vision)|(only|just)[^.]{0,30}\btext\b|is not a multi-?modal|text-only"
    r"|content[^.]{0,40}(must|should) be a (valid )?string",
    re.IGNORECASE,
)
_THIS_PICTURE = re.compile(r"format|mime|dimension|too (large|big|many|small)|exceed|corrupt|damaged|decode|download", re.IGNORECASE)
"""It takes pictures, but not this one."""
_OUT_OF_RANGE = re.compile(
    r"must be|should be|less than|greater than|out of range|too (large|high|big|small|low)|at (most|least)|exceed|maximum|minimum|invalid"
    r"|entre \d|zwischen \d|between|not in range|expected|\brange\b|mismatch|cannot unmarshal|有误|非法|无效|范围",
    re.IGNORECASE,
)
_EITHER = re.compile(r"cannot both|can't both|at the same time|only one of|mutually exclusive|not both|together", re.IGNORECASE)
_OFFERED = re.compile(
    r"(?<!not )\b(supported|allowed|valid|accepted|permitted|available) (parameters|values|fields|options|keys|properties|arguments|params)"
    r"( are|:| include)|\buse ['\"`]?\w{1,40}['\"`]? instead",
    re.IGNORECASE,
)
_ONLY_WITH = re.compile(
    r"only (be )?(supported|allowed|available|valid|used|set)[^.]{0,40} (when|with|if|while)\b|when[^.]{0,40} is enabled", re.IGNORECASE
)
"""What is said behind it is what it goes with, and is not refused."""
_PENALTY = r"(?<!frequency )(?<!presence )(?<!repetition )(?<!repeat )penalt(?:y|ies)"
_ALSO = {
    "stream": r"(?<!-)\bstreaming\b|\bto stream this model\b",
    "tools": r"\btool[ _-]?(use|calls?|calling)\b|\bfunction[ _-]?(calls?|calling)\b|[\"']auto[\"'] tool[ _-]choice requires",
    "reasoning": r"\breasoning[_ ]?effort\b|\bthinking( mode)? (is|are) (not|un)|\bsupports? (thinking|reasoning)\b",
    "frequency_penalty": rf"(?<![\w-]){_PENALTY}\b",
    "presence_penalty": rf"(?<![\w-]){_PENALTY}\b",
}
"""What a parameter is called besides."""
_INSTEAD = {"max_tokens": ("max_completion_tokens",), "max_completion_tokens": ("max_tokens",)}
_OF_REQUEST = frozenset({Category.BAD_REQUEST, Category.UNKNOWN, Category.CONTEXT_LENGTH, Category.MODEL_NOT_FOUND})
_TEMPLATE_FAULTS = _OF_REQUEST | {Category.SERVER_ERROR}
"""Templates that fail are told as a server's error by many servers."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do otherwise. `lasting`: the model never takes it, so that it is worth remembering; else only a value was wrong."""

    quirks: Quirks
    lasting: bool = True


def remedy(fault: Fault, request: Mapping[str, Any]) -> Remedy | None:
    """How this request should be changed so that the provider takes it; None when its refusal does not say."""
    words = fault.provider_message[:2000]
    if fault.category not in _TEMPLATE_FAULTS or not (words or fault.params):
        return None
    forms = tuple(name for name, pattern in _FORMS.items() if pattern.search(words))
    if forms and re.search(
        r"role|roll?e|rôle|роли|消息|角色|message|mensaje|conversation|turn|system|prefill|developer|history", words, re.IGNORECASE
    ):
        return Remedy(Quirks(messages=forms))
    if fault.category not in _OF_REQUEST:
        return None
    if _has_pictures(request) and _NO_PICTURES.search(words) and not _THIS_PICTURE.search(words):
        return Remedy(Quirks(forbidden=(PICTURES,)))
    named = _named(fault.params, words, request)
    if not named:
        return None
    renamed = {name: other for name in named for other in _INSTEAD.get(name, ()) if other in words and other not in request}
    if renamed:
        return Remedy(Quirks(renamed=renamed))
    if _UNKNOWN.search(words):
        gone = named[1:] if len(named) > 1 and _EITHER.search(words) else named[:1] if _ONLY_WITH.search(words) else named
        return Remedy(Quirks(forbidden=tuple(gone)))
    return Remedy(Quirks(forbidden=tuple(named)), lasting=False) if _OUT_OF_RANGE.search(words) or fault.params else None


def _has_pictures(request: Mapping[str, Any]) -> bool:
    contents = [message.get("content") for message in request.get("messages", ())]
    return any(part.get("type") == PICTURES for content in contents if isinstance(content, list) for part in content)


def _named(params: Sequence[str], words: str, request: Mapping[str, Any]) -> list[str]:
    """Parameters of the request that the refusal names, in its order."""
    sent = [name for name in request if name not in NEVER]
    pieces = [re.split(r"[.\[/]", param.removeprefix("body.")) for param in params]
    tops = [piece for parts in pieces for piece in (parts[0], parts[-1])]
    told = [name for top in tops for name in sent if _plain(name) == _plain(top)]
    if told:
        return list(dict.fromkeys(told))
    offered = _OFFERED.search(words)
    words = words[: offered.start()] if offered else words
    places = {name: found.end() for name in sent if (found := _mention(name).search(words))}
    return sorted(places, key=lambda name: places[name])


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _mention(name: str) -> re.Pattern[str]:
    """A name as refusals write it. A short one is a word like any other, and must be marked as a name."""
    spelled = "[ _-]?".join(map(re.escape, name.split("_")))
    also = f"|{_ALSO[name]}" if name in _ALSO else ""
    if len(name) >= 8 and ("_" in name or name == "temperature"):
        return re.compile(rf"(?<![\w-]){spelled}(?![\w-]){also}", re.IGNORECASE | re.ASCII)
    marked = rf"['\"`\[(]{spelled}['\"`\]).,:]" + (rf"|(?<![\w-]){name}(?![\w-])" if "_" in name else "")
    led = (
        r"\b(?:param(?:eter)?|argument|field|property|name|key|option|supplied|input|support)s?[ :=]+(?:the )?['\"`]?"
        rf"(?:\w{{1,60}}\.)?{spelled}\b"
    )
    followed = rf"(?<![\w-]){spelled}['\"`]?(?: parameter| sequences?)?(?: is| are| was|:| does| not\b| cannot| must| isn't| unsupported)"
    listed = rf"\b(?:param(?:eter)?|argument|field)s\b[^.]{{0,200}}(?:,| and| or) ['\"`]?{spelled}\b"
    alone = rf": ?{spelled}\W{{0,5}}\Z|\n{spelled}\n"
    return re.compile(f"{marked}|{led}|{followed}|{listed}|{alone}{also}", re.IGNORECASE | re.ASCII)
