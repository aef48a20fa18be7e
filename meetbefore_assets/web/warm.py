"""Background work of the app: keeps identities in memory, and starts the runs that apply answers to the tables.

Loading takes up to some seconds for a large archive. The server answers before: whoever asks for a page meanwhile waits for a while,
then is told that it loads.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from importlib import import_module
from typing import Any

from starlette.applications import Starlette
from starlette.responses import HTMLResponse

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.home.home import Home
from meetbefore_assets.web.addresses import STATIC
from meetbefore_assets.web.asgi import App, Receive, Scope, Send
from meetbefore_assets.web.page_templates import environment

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 1.0
# How long a run that makes answers official may go on when the app ends; then it is interrupted, and the next start begins it anew.
_LAST_RUN_S = 5.0
# What needs no warm view.
_AT_ONCE = (f"{STATIC}/", "/media/")


class Warm:
    """Sets `app.state.live` (a LiveIdentities) once it has loaded, and keeps it in step; `app.state.applier` where answers are applied.

    Args:
        home: whose people are shown.
        applies: whether answers are made official by runs, in processes of their own.
        on_change: called when others changed something: a run, the command line, `forget`.
    """

    def __init__(self, home: Home, *, applies: bool, on_change: Callable[[], None]) -> None:
        self._home, self._applies, self._on_change = home, applies, on_change
        self._is_over = threading.Event()
        self.is_ready = threading.Event()
        self.trouble: MeetbeforeError | None = None

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Loads beside the first answers; ends what was begun."""
        thread = threading.Thread(target=self._run, args=(app.state,), name="warm view", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            await asyncio.to_thread(thread.join)

    def _run(self, state: Any) -> None:
        with ExitStack() as stack:
            try:
                state.live = self._load()
                if state.live is None:
                    return
                if self._applies:
                    state.applier = self._start_applier(stack)
                self.is_ready.set()
                while not self._is_over.wait(_LOOK_EVERY_S):
                    self._refresh(state.live)
            except Exception as error:
                _LOG.exception("the app cannot go on")
                self.trouble = MeetbeforeError(f"the app cannot go on: {error}", remedy="Start it again; its log says more.")
                self.is_ready.clear()

    def _start_applier(self, stack: ExitStack) -> Any:
        from meetbefore_assets.running.apply_when_idle import ApplyWhenIdle

        applier = ApplyWhenIdle(self._home.folder, _build_definitions)
        applier.start()
        stack.callback(applier.stop, _LAST_RUN_S)
        return applier

    def _load(self) -> Any:
        from meetbefore_assets.review.live_identities import LiveIdentities

        while not self._is_over.is_set():
            try:
                live = LiveIdentities(self._home)
                # Grouping needs both, and the first answer would wait: half a second for SciPy's graphs, a fifth for the index.
                import_module("scipy.sparse.csgraph")
                self._home.index_builder()
                live.view().prepare()
                self.trouble = None
                return live
            except MeetbeforeError as error:  # it is told on every page, and tried again: somebody may mend it
                self.trouble = error
                self._is_over.wait(_LOOK_EVERY_S)
        return None

    def _refresh(self, live: Any) -> None:
        try:
            if live.refresh():
                self._on_change()
        except (MeetbeforeError, OSError) as error:  # the view stays as it was, and is read again in a moment
            _LOG.warning("the record could not be read again: %s", error)


def _build_definitions(home: Home) -> Any:
    """In the process of a run: what it needs takes seconds to load."""
    from meetbefore_assets.definitions import build_definitions

    return build_definitions(home)


class UntilWarm:
    """An ASGI app that has pages wait until the view has loaded."""

    def __init__(self, app: App, warm: Warm, patience_s: float) -> None:
        """Hold requests for this many seconds; after that, answer with a page that reloads itself."""
        self._app, self._warm, self._patience_s = app, warm, patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, or answer 503."""
        warm = self._warm
        if scope["type"] == "http" and not scope["path"].startswith(_AT_ONCE) and not warm.is_ready.is_set():
            if warm.trouble is None:
                await asyncio.to_thread(warm.is_ready.wait, self._patience_s)
            if not warm.is_ready.is_set():
                text = environment().get_template("loading.html.jinja").render(trouble=warm.trouble)
                await HTMLResponse(text, 503, {"Retry-After": "2"})(scope, receive, send)
                return
        await self._app(scope, receive, send)
