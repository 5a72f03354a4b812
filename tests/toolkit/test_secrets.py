"""Credentials are found by shape and taken out; what only looks like one is left alone.

The samples are put together at run time, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memcore_toolkit.secrets import find_secrets, redact

RANDOM = "Zk39fLw82hQmXv71TyBn5Rd0CpGs6JuA4eWiNxMo"
BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj" * 3
DASHES = "-" * 5
SECRETS = [
    ("aws-key", "AK" + "IAQ3EGVT5KLMWZ7R2B"),
    ("github-token", "gh" + "p_" + RANDOM[:36]),
    ("github-token", "github_" + "pat_" + RANDOM[:30]),
    ("gitlab-token", "gl" + "pat-" + RANDOM[:20]),
    ("slack-token", "xo" + "xb-2847561930-" + RANDOM[:12]),
    ("slack-webhook", "hooks.slack" + ".com/services/T0A1B2C3D/B9Z8Y7X6W/" + RANDOM[:24]),
    ("anthropic-key", "sk" + "-ant-api03-" + RANDOM),
    ("api-key", "sk" + "-proj-" + RANDOM[:24]),
    ("google-key", "AI" + "za" + RANDOM[:35]),
    ("google-key", "GOC" + "SPX-" + RANDOM[:28]),
    ("google-token", "ya" + "29." + RANDOM),
    ("stripe-key", "sk" + "_live_" + RANDOM[:24]),
    ("hugging-face-token", "h" + "f_" + RANDOM[:34]),
    ("npm-token", "np" + "m_" + RANDOM[:36]),
    ("pypi-token", "py" + "pi-" + RANDOM + RANDOM[:20]),
    ("telegram-token", "1234567890:" + "AA" + RANDOM[:33]),
    ("jwt", "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTYifQ." + RANDOM[:20]),
    ("private-key", f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n{BASE64}\n{DASHES}END RSA PRIVATE KEY{DASHES}"),
    ("private-key", f"{DASHES}BEGIN PRIVATE KEY{DASHES}\\n{BASE64}\\n"),
]
ASSIGNED = [
    ("password", "password: {}", "Tr0ub4dor&3x"),
    ("password", "**Password:** `{}`", "q8Zr!m2Lw"),
    ("password", "DB_PASSWORD={}", "h7Gq2Lm9"),
    ("password", "the passphrase is {}.", "k2-Lm9x-Qz44-vT8p"),
    ("secret", "AWS_SECRET_ACCESS_KEY={}", RANDOM),
    ("secret", 'api_key = "{}"', "9f8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d"),
    ("secret", "client_secret: '{}'", RANDOM[:20]),
    ("secret", "access token => {}", RANDOM[:20]),
    ("password", "비밀번호는 {}", "Xy7!mq02z"),
    ("password", "密码：{}", "g7Kq92mZx"),
    ("password", "パスワードは {}", "k29Lmx!8w"),
    ("bearer-token", "Authorization: Bearer {}", RANDOM[:24]),
    ("basic-credentials", "authorization: basic {}", "bWluYTpoN0dxMkxtOQ=="),
    ("password", "postgres://mina:{}@db.local/x", "h7Gq2Lm9"),
]
HARMLESS = [
    "AK" + "IAIOSFODNN7EXAMPLE",
    "sk" + "-your-api-key-here-12345",
    "sk" + "-learn-is-a-library-for-models-1",
    "gh" + "p_" + "x" * 36,
    "commit 9f8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b",
    "sha256:9f8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d9f8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d",
    "token: 123e4567-e89b-12d3-a456-426614174000",
    "token: 9f8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d",
    "password: hunter",
    "password: required",
    "password: changeme123",
    "password: YOUR_PASSWORD_1",
    "password is at least 8 characters",
    "password: $DB_PASSWORD_2",
    "api_key: ${OPENAI_API_KEY_2}",
    "api key: <key-from-step-2>",
    "password file: /run/secrets/db_password1",
    "API key: see vault/item-12",
    "secret: my-team-name-2024-notes",
    "secret: os.environ['SECRET_2']",
    "token = response2.access_token1",
    "the token budget is 4000 and the pass rate 98.5percent",
    "API keys: 3 of 12 rotated on 2025-11-27",
    "the secret is that Mina left in 2024",
    f"{DASHES}BEGIN PRIVATE KEY{DASHES} is the header of a key (RFC 5958)",
    "http://user:passwd1@host.example",
    "bearer of bad news since 2024, and a basic 2 day course",
    "비밀번호는 3월에 바꿔야 한다",
    "密码将在2026年更换",
    "eyJ is how a token starts, 2 dots later it ends",
    "password: aaaaaaaa1",
    "password: 12345678a",
    "secret: 11112222aaaa",
    "plain prose without any number, though it says key and token",
    "",
]
WORDS = "we moved 3 plants key pass token secret on 2025-11-27 to the roof: 4000 비밀 密 #12 v2.1 a/b"
prose = st.lists(st.sampled_from(WORDS.split())).map(" ".join)


@pytest.mark.parametrize(("kind", "secret"), SECRETS)
def test_known_shapes_are_found_and_taken_out_whole(kind: str, secret: str) -> None:
    text = f"before {secret} after"
    (span,) = find_secrets(text)
    assert span.kind == kind
    assert text[span.start : span.end].strip("\\n \n") == secret.strip("\\n")
    assert redact(text).startswith(f"before [redacted: {kind}]")
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(("kind", "form", "secret"), ASSIGNED)
def test_assigned_values_are_found_and_their_name_stays(kind: str, form: str, secret: str) -> None:
    text = form.format(secret)
    assert [(span.kind, text[span.start : span.end]) for span in find_secrets(text)] == [(kind, secret)]
    assert redact(text) == form.format(f"[redacted: {kind}]")
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_lookalikes_are_left_alone(text: str) -> None:
    assert find_secrets(text) == []
    assert redact(text) == text


def test_several_secrets_are_found_in_order_without_overlap() -> None:
    text = f"api_key: {SECRETS[7][1]} and password: h7Gq2Lm9, {SECRETS[0][1]}"
    spans = find_secrets(text)
    assert [span.kind for span in spans] == ["api-key", "password", "aws-key"]
    assert all(first.end <= second.start for first, second in pairwise(spans))


@given(prose)
def test_ordinary_prose_holds_no_secret(text: str) -> None:
    assert find_secrets(text) == []


@given(st.text(max_size=80), st.text(max_size=20))
def test_spans_of_any_text_lie_in_it_and_redaction_is_final(before: str, after: str) -> None:
    text = f"{before} password: h7Gq2Lm9x {after}"
    position = 0
    for span in find_secrets(text):
        assert position <= span.start < span.end <= len(text)
        position = span.end
    assert "h7Gq2Lm9x" not in redact(text)
    assert redact(redact(text)) == redact(text)


@given(st.text(string.ascii_letters + string.digits, min_size=20, max_size=40).filter(lambda text: len(set(text)) > 12))
def test_a_random_key_behind_a_prefix_is_found_when_it_mixes_letters_and_digits(key: str) -> None:
    mixed = any(map(str.isdigit, key)) and any(map(str.isalpha, key))
    word_like = key.rstrip(string.digits).isalpha() or key.lstrip(string.digits).isalpha()
    if (
        mixed
        and not word_like
        and not any(word in key.lower() for word in ("here", "your", "fake", "todo", "xxxx", "0000"))
    ):
        assert [span.kind for span in find_secrets("sk" + "-" + key)] == ["api-key"]


@pytest.mark.parametrize(
    "unit", [f"{DASHES}BEGIN PRIVATE KEY{DASHES}\nabc1", "password: ", "password1", "sk" + "-a1", "ey" + "Jaaaaaaaaa1.", "bearer 1", "://a:", "token=1", "secret is 1 "]
)  # fmt: skip
def test_a_megabyte_of_tell_tales_is_searched_in_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert all(span.end <= len(text) for span in find_secrets(text))
