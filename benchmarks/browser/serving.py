"""Pages in a real Chromium, from a server that sends everything under gzip and remembers what was asked for."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE.parent)]

from exports.browser import LOOPBACK, TIMEOUT_MS  # noqa: E402
from exports.serve import CONTENT_TYPES, DEFAULT_CONTENT_TYPE, PAGES  # noqa: E402
from zoo._errors import ZooError  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PEER = HERE / "node_modules" / "@vladmandic" / "face-api"
PEER_PAGE = "face-api.html"
"""Finds faces with `?input=PX`, else embeds one."""
BLOCK = """async (count) => {
  const times = [];
  for (let index = 0; index < count; index += 1) {
    const started = performance.now();
    await window.answer();
    times.push(performance.now() - started);
  }
  return times;
}"""
"""Returns the milliseconds of so many answers for the page's picture."""
WASM = next((PAGES / "assets").glob("tfjs-*"), PAGES)


class Server(ThreadingHTTPServer):
    """Serves the pages here, a store, the built runtime and the peer, gzipped, and remembers what was asked for."""

    daemon_threads = True

    def __init__(self, store: Path) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.folders = {"/pages/": PAGES, "/store/": store, "/wasm/": WASM, "/peer/": PEER, "/": HERE}
        self.fetched: list[Path] = []

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}/"

    def find(self, path: str) -> Path | None:
        """Return the file that an address means, None where there is none."""
        prefix = next(prefix for prefix in self.folders if path.startswith(prefix))
        found = self.folders[prefix] / path.removeprefix(prefix)
        return found if found.is_file() else None


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        found = self.server.find(urlsplit(self.path).path)
        if found is None:
            self.send_error(404)
            return
        self.server.fetched.append(found)
        body = packed(found)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPES.get(found.suffix, DEFAULT_CONTENT_TYPE))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of what went well."""


@cache
def packed(path: Path) -> bytes:
    """Return a file's bytes under gzip, at the level that servers prepare files with."""
    return gzip.compress(path.read_bytes(), 9, mtime=0)


@contextmanager
def visit(browser: Browser, server: Server, address: str) -> Iterator[Page]:
    """Open an address in a fresh profile, and wait for its first detection."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    server.fetched.clear()
    page.goto(address)
    page.wait_for_function("window.firstAt !== undefined")
    yield page
    context.close()


def peer_version() -> str:
    """Return the peer's version. Raises: ZooError when it is not installed."""
    if not PEER.is_dir():
        raise ZooError("The peer is not installed. Run 'make peers'.")
    return f"@vladmandic/face-api {json.loads((PEER / 'package.json').read_text(encoding='utf-8'))['version']}"
