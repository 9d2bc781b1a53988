"""Serve files on the loopback interface and open them in the Chromium that is installed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from exports.serve import open_server

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",  # Chromium's own sandbox refuses to start for root, as in a container
    "--disable-gpu",
    "--no-first-run",
    # Chromium otherwise looks up its maker's hosts at every start, which stalls it where there is no network.
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A generated film in place of a camera, allowed without asking.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
LOOPBACK = "127.0.0.1"
READY_TIMEOUT_MS = 120_000  # for a page to load and run its first model on a busy machine


def find_chromium() -> str:
    """Path of the installed Chromium or Chrome. Raises: FileNotFoundError with what to install."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    raise FileNotFoundError(
        f"Chromium is missing: none of {', '.join(CHROMIUM_NAMES)} is on PATH. 'make test' installs it on Debian."
    )


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
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder), pages=pages))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def launch() -> Iterator[Browser]:
    """Start the installed Chromium, headless, and close it at the end. Raises: FileNotFoundError when there is none."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def gallery(store: Path, packs: Path | None = None) -> Iterator[str]:
    """Serve the built pages, a store and packs as 'zoo serve' does. Yields the address, which ends with a slash."""
    with open_server(store, host=LOOPBACK, port=0, packs=packs) as (server, address):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


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
