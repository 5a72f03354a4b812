"""Find credentials in text by their shape, with few false alarms.

Well-known key formats are taken at their word, if what follows the prefix looks random. A value after "password:" and
the like counts when it looks like one: letters and digits mixed, not a path, a variable, a slug or a documented dummy.
Hashes, UUIDs, git commits and prose are no secrets. Every pattern is bounded or possessive, so time is linear in the
text; text without any tell-tale costs a few substring tests.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from attrs import frozen

__all__ = ["SecretSpan", "find_secrets", "redact"]

#: Bits of Shannon entropy per character below which a value is a word or a pattern, not a key (random base62 of 20 has
#: about 4).
LEAST_ENTROPY = 3.0

#: A block up to its end line, or, when that is missing, the header and the lines of base64 below it.
_PRIVATE_KEY = (
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[^-]|-(?!----)){40,20000}+-----END [A-Z0-9 ]{1,60}-----"
    r"|(?:\s|\\n)*+(?:[A-Za-z0-9+/=]{20,}+(?:\s|\\n)*+)++)"
)
_R = r"(?P<random>[A-Za-z0-9_-]{%s})"
_END = r"(?![A-Za-z0-9_-])"
#: Kind, tell-tales (any of them, lower case, must occur) and pattern. The group ``secret`` (or the whole match) is the
#: span, the group ``random`` is the part that has to look random.
_SHAPES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("private-key", ("private key",), _PRIVATE_KEY),
    ("aws-key", ("akia", "asia"), r"(?<![A-Za-z0-9])(?P<random>A[KS]IA[A-Z0-9]{16})(?![A-Za-z0-9])"),
    ("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), rf"\bgh[pousr]_{_R % '36,255'}{_END}"),
    ("github-token", ("github_pat_",), rf"\bgithub_pat_{_R % '22,255'}{_END}"),
    ("gitlab-token", ("glpat-",), rf"\bglpat-{_R % '20,255'}{_END}"),
    ("slack-token", ("xox",), rf"\bxox[abeprs]-{_R % '10,255'}{_END}"),
    (
        "slack-webhook",
        ("hooks.slack.com",),
        r"hooks\.slack\.com/services/(?P<random>[A-Z0-9]{8,12}/[A-Z0-9]{8,12}/\w{20,32})",
    ),
    ("anthropic-key", ("sk-ant-",), rf"\bsk-ant-{_R % '20,255'}{_END}"),
    ("api-key", ("sk-",), rf"(?<![A-Za-z0-9_-])sk-(?:proj-|svcacct-|admin-|or-v1-)?{_R % '20,255'}{_END}"),
    ("google-key", ("aiza",), rf"\bAIza{_R % '35'}{_END}"),
    ("google-key", ("gocspx-",), rf"\bGOCSPX-{_R % '24,40'}{_END}"),
    ("google-token", ("ya29.",), rf"\bya29\.{_R % '20,400'}{_END}"),
    ("stripe-key", ("k_live_", "k_test_"), rf"\b[rs]k_(?:live|test)_{_R % '16,255'}{_END}"),
    ("hugging-face-token", ("hf_",), rf"\bhf_{_R % '30,60'}{_END}"),
    ("npm-token", ("npm_",), rf"\bnpm_{_R % '36'}{_END}"),
    ("pypi-token", ("pypi-",), rf"\bpypi-{_R % '50,400'}{_END}"),
    ("telegram-token", (":aa",), rf"(?<!\d)\d{{8,10}}:(?P<random>AA[A-Za-z0-9_-]{{33}}){_END}"),
    ("jwt", ("eyj",), rf"\beyJ[A-Za-z0-9_-]{{8,4000}}+\.eyJ[A-Za-z0-9_-]{{8,8000}}+\.{_R % '8,2000'}{_END}"),
    ("bearer-token", ("bearer",), r"(?i:\bbearer)\s{1,3}(?P<secret>(?P<random>[A-Za-z0-9._~+/-]{20,2000})=*)"),
    (
        "basic-credentials",
        ("basic",),
        r"(?i:\bauthorization:\s{0,3}basic)\s{1,3}(?P<secret>(?P<random>[A-Za-z0-9+/]{12,400})=*)",
    ),
    ("password", ("://",), r"://[^\s:/?#@]{1,80}:(?P<secret>(?P<random>[^\s/?#@]{6,120}))@[\w.-]"),
)
_STRONG = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|api[ _-]?key|access[ _-]?key|client[ _-]?secret|private[ _-]?key|"
    r"secret[ _-]?key|비밀번호|암호|密码|密碼|口令|パスワード|暗証番号"
)
_WEAK = r"(?:access|auth|refresh|bot|api|session|personal)?[ _-]?token|credentials?"
#: Tell-tales of shapes that hold a dash, though they do not themselves.
_DASHED = frozenset({"private key", "xox"})
_NAMES = ("pass", "pwd", "secret", "key", "token", "credential")
_CJK_NAMES = ("비밀번호", "암호", "密码", "密碼", "口令", "パスワード", "暗証番号")
_DUMMY = re.compile(
    r"example|dummy|placeholder|change_?me|your|redact|sample|fake|xxxx|\*\*\*|\.\.\.|…|todo|insert|here|0000|12345678|"
    r"abcdef|password|passwd|secret|token|(.)\1{4}",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"[$%{<\[(]|~?\.{0,2}/|[A-Za-z]:\\|[a-z][a-z0-9+.-]*://|(?:os|env|process|config|settings|self|vault)\b[.:/\[(]"
)
_WORDLIKE = re.compile(r"(?:[A-Za-z]+|\d{1,4}|[Vv]\d{1,3})(?:[-_./:@](?:[A-Za-z]+|\d{1,4}|[Vv]\d{1,3}))*+")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F-]{16,128}")


_DIGIT = re.compile(r"\d")
#: Tell-tales by the character that all of them hold: a text without it needs no further test.
_HINTS_BY_MARK = {
    mark: tuple(
        dict.fromkeys(
            hint for _, hints, _ in _SHAPES for hint in hints if mark in hint or (mark == "-" and hint in _DASHED)
        )
    )
    for mark in "_-:"
}
_HINTS = (
    *_NAMES,
    *dict.fromkeys(
        hint for _, hints, _ in _SHAPES for hint in hints if hint not in _DASHED and not set(hint) & set("_-:")
    ),
)


@frozen(kw_only=True)
class SecretSpan:
    """A credential at ``start:end`` of a text, and what kind it is (``github-token``, ``password``, ...)."""

    kind: str
    start: int
    end: int


def find_secrets(text: str) -> list[SecretSpan]:
    """Return the credentials in a text in order, without overlaps."""
    lowered = text.lower()
    if not _DIGIT.search(text) or not _has_hint(text, lowered):
        return []
    found = [*_shaped(text, lowered), *_assigned(text, lowered)]
    spans: list[SecretSpan] = []
    for span in sorted(found, key=lambda item: (item.start, -item.end)):
        if not spans or span.start >= spans[-1].end:
            spans.append(span)
    return spans


def redact(text: str) -> str:
    """Replace every credential by ``[redacted: KIND]``; redacting twice changes nothing."""
    pieces, position = list[str](), 0
    for span in find_secrets(text):
        pieces += (text[position : span.start], f"[redacted: {span.kind}]")
        position = span.end
    return "".join((*pieces, text[position:]))


def _has_hint(text: str, lowered: str) -> bool:
    """Tell in a few substring tests whether any pattern can match; plain text stops here."""
    if any(map(lowered.__contains__, _HINTS)) or (not text.isascii() and any(map(text.__contains__, _CJK_NAMES))):
        return True
    return any(mark in text and any(map(lowered.__contains__, hints)) for mark, hints in _HINTS_BY_MARK.items())


def _shaped(text: str, lowered: str) -> Iterator[SecretSpan]:
    """Yield what has the form of a known kind of key."""
    for kind, hints, pattern in _SHAPES:
        if not any(map(lowered.__contains__, hints)):
            continue
        for match in _compiled(pattern).finditer(text):
            parts = match.groupdict()
            if "random" not in parts or _looks_random(match["random"]):
                start, end = match.span("secret" if "secret" in parts else 0)
                yield SecretSpan(kind=kind, start=start, end=end)


def _assigned(text: str, lowered: str) -> Iterator[SecretSpan]:
    """Yield values that follow a name such as "password" and look like one."""
    if not any(map(lowered.__contains__, (*_NAMES, *_CJK_NAMES))):
        return
    for match in _assignment().finditer(text):
        value = match["value"].rstrip(".,;:!?。，；：！？")
        if _looks_assigned(value, strong=match["strong"] is not None):
            kind = "password" if "pass" in match[0][:40].lower() or not match["name"].isascii() else "secret"
            yield SecretSpan(kind=kind, start=match.start("value"), end=match.start("value") + len(value))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _assignment() -> re.Pattern[str]:
    quotes = "[\"'`*_]{0,3}"
    sign = r"(?:=>|:=|[:=：＝]|\bis\b|은|는|이|は|是|为|為)"
    return re.compile(
        rf"(?P<name>(?P<strong>{_STRONG})|{_WEAK})s?[A-Za-z0-9_-]{{0,20}}{quotes}\s{{0,3}}{sign}"
        rf"{quotes}\s{{0,3}}{quotes}(?P<value>[^\s\"'`<>，。、；）)\]}}]{{8,256}})",
        re.IGNORECASE,
    )


def _looks_assigned(value: str, *, strong: bool) -> bool:
    """Tell whether an assigned value is a credential; a weak name ("token") needs a long value that is no hash."""
    if not value.isascii() or _REFERENCE.match(value) or _WORDLIKE.fullmatch(value) or value.endswith("("):
        return False
    if not strong and (len(value) < 16 or _HEX.fullmatch(value)):
        return False
    return len(value) >= 8 and _looks_random(value)


def _looks_random(value: str) -> bool:
    """Tell whether a value mixes letters and digits without being a dummy, a slug or a repetition."""
    if not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    if _DUMMY.search(value) or _WORDLIKE.fullmatch(value):
        return False
    least = LEAST_ENTROPY if len(value) >= 16 else 2.5
    return _entropy(value) >= least


def _entropy(value: str) -> float:
    """Return the Shannon entropy in bits per character."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
