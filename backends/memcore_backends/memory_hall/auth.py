"""Who we are to the server: a bearer token, or, where no token is configured there, a signature of the body.

The signature is the one the server accepts today: the lower-case hex HMAC-SHA256 of the exact body bytes under one
shared secret. It proves that the body was not changed by somebody without the secret. It does not cover the method, the
address or the time, and the server ignores `X-Nonce`: a recorded request can be sent again by anyone. Use TLS.
"""

from __future__ import annotations

import os
from pathlib import Path

from memcore.errors import ConfigError

from memcore_backends.memory_hall.settings import MemoryHallSettings

__all__ = ["Credentials", "SecretFile"]

ANONYMOUS = "memcore"  # a server without a token still wants some bearer for writes and searches


class SecretFile:
    """A secret in a file, stripped, and read again when the file changes."""

    def __init__(self, path: str) -> None:
        self.path = Path(path).expanduser()
        self._stamp: tuple[int, int, int] | None = None
        self._text = ""

    def read(self) -> str:
        """Return the secret; raises ConfigError if it cannot be read or is none."""
        try:
            found = os.stat(self.path)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._text, self._stamp = self.path.read_text(encoding="utf-8").strip(), stamp
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(f"cannot read the secret in {self.path}", why=why, cure="check path and owner") from error
        return checked(self._text, str(self.path))

    def is_open(self) -> bool:
        """Return whether others than the owner may read the file."""
        try:
            return os.name == "posix" and bool(os.stat(self.path).st_mode & 0o077)
        except OSError:
            return False


def checked(text: str, where: str) -> str:
    """Return a secret that fits into a header; raises ConfigError, without showing it, for one that does not."""
    if not text:
        raise ConfigError(f"there is no secret in {where}", cure="put the token of the server there")
    if not text.isascii() or not text.isprintable() or " " in text:
        why = "it holds spaces, control characters or letters outside of ASCII, which the server cannot compare"
        raise ConfigError(f"the secret in {where} cannot be sent", why=why)
    return text


class Credentials:
    """The headers that identify us, for one body at a time."""

    def __init__(self, settings: MemoryHallSettings) -> None:
        self._token = checked(settings.token, "memory-hall.token") if settings.token else ""
        self.file = SecretFile(settings.token_file) if settings.token_file else None
        self.secret = SecretFile(settings.hmac_secret_file) if settings.hmac_secret_file else None
        self._key_id = settings.hmac_key_id
        if self.secret and (not self._key_id or ":" in self._key_id):
            raise ConfigError("memory-hall.hmac_key_id must be text without a colon")

    @property
    def given(self) -> bool:
        """Return whether a token or a secret is configured at all."""
        return bool(self._token or self.file or self.secret)

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers for a request with this body; raises ConfigError if a secret cannot be read."""
        if self.secret:
            import hashlib
            import hmac

            signature = hmac.new(self.secret.read().encode(), body, hashlib.sha256).hexdigest()
            return {"Authorization": f"HMAC {self._key_id}:{signature}", "X-Nonce": os.urandom(16).hex()}
        return {"Authorization": f"Bearer {self.token()}"}

    def token(self) -> str:
        """Return the token as it is now; the file counts before the environment."""
        return self.file.read() if self.file else self._token or ANONYMOUS

    def open_files(self) -> list[Path]:
        """Return the secret files that others than their owner may read."""
        return [item.path for item in (self.file, self.secret) if item and item.is_open()]
