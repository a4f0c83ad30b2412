"""The web page as an application, with gradio mounted in it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from ui.page.end_streams import set_on_stop
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
        with set_on_stop(app.routes[-1].app.stop_event):  # type: ignore[attr-defined]  # gradio's own app
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
