"""Where the server is, who we are to it, and how long a call may take."""

from __future__ import annotations

from attrs import field, frozen
from memcore.errors import ConfigError

__all__ = ["MemoryHallSettings"]

_SHEET = "measured on memory-hall ee9bda4"
_MOST_IDLE = 4.0  # seconds; the server closes a connection that was idle for 5


@frozen(kw_only=True)
class MemoryHallSettings:
    """The server, the credentials, and the limits of a call; times are seconds."""

    endpoint: str = field(
        default="",
        metadata={
            "help": "address of the server, such as http://127.0.0.1:9000",
            "env": "VIRTUALME_MEMHALL_ENDPOINT",
            "source": "the server listens on 9000, its compose file publishes 9100: neither can be guessed",
        },
    )
    token_file: str = field(
        default="", metadata={"help": "file that holds the bearer token", "env": "VIRTUALME_MEMHALL_TOKEN_FILE"}
    )
    token: str = field(
        default="",
        metadata={"help": "the bearer token itself, from the environment only", "env": "VIRTUALME_MEMHALL_TOKEN"},
    )
    hmac_secret_file: str = field(
        default="", metadata={"help": "sign bodies with the secret in this file instead of sending a token"}
    )
    hmac_key_id: str = field(default="memcore", metadata={"help": "name under which signed writes are recorded"})
    ca_file: str = field(default="", metadata={"help": "certificates to trust, for a server with its own authority"})
    agent: str = field(default="memcore", metadata={"help": "agent of records that name none"})
    copy: bool = field(
        default=True,
        metadata={
            "help": "keep a copy of what was written here, to answer while the server is away",
            "source": "false: text leaves the workspace as soon as the server has it",
        },
    )
    connect_timeout: float = field(default=3.0, metadata={"help": "seconds to connect", "source": _SHEET})
    write_timeout: float = field(
        default=30.0,
        metadata={"help": "seconds for one write", "source": f"{_SHEET}: 8 s per write that waits in front"},
    )
    search_timeout: float = field(
        default=6.0, metadata={"help": "seconds for one search", "source": f"{_SHEET}: falls back after 2 s"}
    )
    read_timeout: float = field(default=5.0, metadata={"help": "seconds for any other request", "source": _SHEET})
    deadline: float = field(
        default=40.0, metadata={"help": "seconds for a write with all its retries", "source": "one timeout and a retry"}
    )
    put_wait: float = field(
        default=12.0,
        metadata={
            "help": "seconds a put waits to be confirmed; then it goes on alone",
            "source": f"{_SHEET}: 8 s hung embedder",
        },
    )
    read_deadline: float = field(
        default=8.0, metadata={"help": "seconds for a search or read with all its requests and retries"}
    )
    tries: int = field(default=3, metadata={"help": "requests per call when the server fails", "source": _SHEET})
    cooldown: float = field(
        default=30.0,
        metadata={"help": "seconds a server that did not answer is left alone", "source": "a restart takes less"},
    )
    patience: float = field(
        default=0.04,
        metadata={"help": "seconds a search waits to learn whether it is back", "source": "a read takes 3 to 16 ms"},
    )
    close_wait: float = field(default=3.0, metadata={"help": "seconds closing goes on sending what is queued"})
    background: bool = field(default=True, metadata={"help": "send what is queued from a thread of its own"})
    keep_alive: float = field(
        default=_MOST_IDLE, metadata={"help": "seconds an idle connection is kept, at most 4", "source": _SHEET}
    )
    similarity: float = field(
        default=0.5,
        metadata={"help": "cosine from which a hit without a common word counts", "source": "above unrelated pairs"},
    )
    lexical_calls: int = field(
        default=5,
        metadata={"help": "word searches per question", "source": f"{_SHEET}: 7 ms each, all words must match"},
    )
    listed: int = field(
        default=200,
        metadata={"help": "newest entries of a namespace that are ranked here", "source": f"{_SHEET}: 15 ms"},
    )

    def __attrs_post_init__(self) -> None:
        if not 0 < self.keep_alive <= _MOST_IDLE:
            why = f"it is {self.keep_alive:g}, and the server cuts connections that were idle for 5 seconds"
            raise ConfigError("memory-hall.keep_alive must lie above 0 and at most at 4", why=why)
        if self.tries < 1 or self.lexical_calls < 0 or not 0 <= self.listed <= 1000:
            cure = "tries from 1, lexical_calls from 0, listed 0 to 1000"
            raise ConfigError("a number of memory-hall is out of range", cure=cure)
        for name in ("connect_timeout", "write_timeout", "search_timeout", "read_timeout", "deadline", "read_deadline"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"memory-hall.{name} must be more than 0 seconds")
        if self.hmac_secret_file and (self.token or self.token_file):
            why = "a server with a token accepts no signature, and one without takes any token"
            raise ConfigError("memory-hall has a token and hmac_secret_file", why=why, cure="keep one of them")
