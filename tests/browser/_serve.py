"""Serve files of a test on the loopback interface, and watch what a page asks and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page

from exports.browser import LOOPBACK, in_background
from exports.serve import PAGES

READY_TIMEOUT_MS = 120_000  # for a page to load and run its first model on a busy machine


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: object, pages: Mapping[str, tuple[str, bytes]], **kwargs: object) -> None:
        self.pages = pages
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path not in self.pages:
            super().do_GET()
            return
        content_type, body = self.pages[self.path]
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass  # a line per request would drown the test report


@contextmanager
def serve(folder: Path, pages: Mapping[str, tuple[str, bytes]]) -> Iterator[str]:
    """Serve `folder` and, before it, `pages` (path: content type, bytes). Yields the address without a last slash."""
    handler = partial(_Handler, directory=str(folder), pages=pages)
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server, in_background(server):
        yield f"http://{LOOPBACK}:{server.server_address[1]}"


def wasm_path() -> str:
    """The path at which the built pages serve TF.js' WebAssembly."""
    [folder] = (PAGES / "assets").glob("tfjs-*")
    return f"/assets/{folder.name}/"


@dataclass
class Watched:
    """A page and what it did: requests to other hosts, and anything that the browser reported as an error."""

    page: Page
    strangers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def check(self) -> None:
        assert self.strangers == []
        assert self.errors == []


def watch(page: Page, address: str) -> Watched:
    """Note what a page asks and reports from now on; `Watched.check` fails where that is not as it should be."""
    watched = Watched(page)
    own = urlsplit(address).netloc

    def note_request(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != own:
            watched.strangers.append(url)

    def note_console(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            watched.errors.append(message.text)

    page.on("request", lambda request: note_request(request.url))
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("console", note_console)
    return watched
