"""The web page as an application, with gradio mounted in it. Its streams end at shutdown."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from types import FrameType

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from ui.page.gradio_guard import only_listeners
from ui.service import Service


def build_page(service: Service, base: str = "") -> FastAPI:
    """Builds the page as a separate application, under `base`. Imports gradio, which takes seconds."""
    # gradio reads this when it is imported; without it, gradio sends usage statistics to its makers.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    from ui.page.layout import build_blocks

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with _set_on_stop(app.routes[-1].app.stop_event):  # type: ignore[attr-defined]  # gradio's own app
            yield

    # gradio adds CORS middleware that allows every origin, unless the app above has some. Ours allows none.
    app = FastAPI(openapi_url=None, lifespan=lifespan, middleware=[Middleware(CORSMiddleware)])
    assets = files("ui") / "assets"
    style, script, header = ((assets / name).read_text("utf-8") for name in ("page.css", "page.js", "header.html"))
    blocks = build_blocks(service, header)
    gr.mount_gradio_app(
        app,
        blocks,
        path=base or "/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,
        # gradio serves a favicon at the root only.
        favicon_path=None if base else str(assets / "favicon.svg"),
        # Fonts by name, because gradio's default is fetched from Google. page.css chooses the fonts that are seen.
        theme=gr.themes.Base(font="system-ui", font_mono="monospace"),
        # gradio's own option for CSS puts a prefix before every selector.
        head=f"<style>{style}</style><script>{script}</script>",
    )
    # Functions without a body only cancel others, and nobody needs to call them.
    app.add_middleware(only_listeners, functions={id: len(fn.inputs) for id, fn in blocks.fns.items() if fn.fn})
    return app


@contextmanager
def _set_on_stop(event: asyncio.Event) -> Iterator[None]:
    """Context manager: SIGINT and SIGTERM set `event`, then the server's own handlers run.

    The end of the application's lifespan is too late to end streams: the server waits for all streams first.
    Does nothing outside the main thread, because only the main thread can handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: handler for number in signals if callable(handler := signal.getsignal(number))}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(event.set)
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
