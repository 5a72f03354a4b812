"""A host in thirty lines: it redacts, adds a prompt block, answers decisions and brings an embedder."""

import hashlib
import re

from attrs import evolve
from memcore import EmbedderSpec, Engine, hookimpl
from memcore.records import Answer, PromptBlock
from memcore_plugins.hosts.provider import MemcoreProvider


class Letters:
    """A toy embedder that counts hashed letters. A real one calls a model in `embed`."""

    model, dimension = "letters", 32

    def embed(self, texts, *, query=False):
        digests = [hashlib.shake_256(text.lower().encode()).digest(self.dimension) for text in texts]
        return [[byte / sum(b * b for b in digest) ** 0.5 for byte in digest] for digest in digests]

    def close(self): ...


class MyHooks:
    @hookimpl
    def memcore_rewrite(self, drafts):  # before anything is judged or written
        return [evolve(draft, content=re.sub(r"\d{4}-\d{4}", "[number]", draft.content)) for draft in drafts]

    @hookimpl
    def memcore_prompt_block(self):  # a hook takes only the arguments it wants
        return PromptBlock(title="House rules", text="- The workshop closes at six.")

    @hookimpl
    def memcore_answer(self, item):  # None leaves the question in the queue
        return Answer(choice="keep_new", by="my-host") if "keep_new" in item.request.options else None

    @hookimpl
    def memcore_embedder(self):
        return EmbedderSpec(name="my-host", summary="toy", open=lambda _: Letters(), available=lambda _: "")


def open_memory(home, session_id):
    """Return the memory of one session: prefetch, on_session_end, on_memory_write, system_prompt_block, close."""

    def opener():
        engine = Engine.open(home=home, settings={"embedder": "my-host"})
        engine.register(MyHooks(), name="my-host")
        return engine

    return MemcoreProvider(opener, home=home, host="my-host", session_id=session_id)
