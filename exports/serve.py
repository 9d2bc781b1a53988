"""The gallery's web server: the built pages, one store, and generated sample pictures, for this machine alone.

    /            the pages, built by Vite into web/dist/pages
    /store/      the files of the store
    /samples/    generated pictures
    /packs/      data packs to train with: generated ones, and those of a folder

Nothing outside of these is reachable: no '..', no hidden file, no link that leads out. The pages run under a strict
content security policy, isolated, so that wasm may use threads.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from exports.samples import generated_pack_file, generated_pack_names, sample
from tuner.data.pack import INDEX_FILE as PACK_INDEX
from zoo._errors import ZooError

PAGES = Path(__file__).parent / "web" / "dist" / "pages"
STORE_PREFIX, SAMPLES_PREFIX, PACKS_PREFIX = "store/", "samples/", "packs/"
PACKS_INDEX, GENERATED_PREFIX, OWN_PREFIX = "index.json", "generated/", "own/"

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
DEFAULT_CONTENT_TYPE = "application/octet-stream"

SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval' blob:",  # the threads of TensorFlow.js' wasm start from a blob
        "worker-src 'self' blob:",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ASSETS_PREFIX = "assets/"
"""Built files that bear a hash or a version in their name, so that browsers may keep them for good."""


@dataclass(frozen=True)
class Site:
    """What is served: the folders of the pages, of the store and of data packs; whether to this machine alone."""

    pages: Path
    store: Path
    packs: Path | None
    is_local: bool

    def read(self, path: str) -> bytes | None:
        """Return the content at a decoded path without the first slash, None where nothing is to be had."""
        if path.startswith(SAMPLES_PREFIX):
            return sample(path.removeprefix(SAMPLES_PREFIX))
        if path.startswith(PACKS_PREFIX):
            return self._read_pack(path.removeprefix(PACKS_PREFIX))
        is_store = path.startswith(STORE_PREFIX)
        root = self.store if is_store else self.pages
        return _read_inside(root, path.removeprefix(STORE_PREFIX) if is_store else path or "index.html")

    def _read_pack(self, path: str) -> bytes | None:
        """Return a file of a pack, or at `PACKS_INDEX` the list of packs, as paths below the folder of packs."""
        if path == PACKS_INDEX:
            generated = [f"{GENERATED_PREFIX}{name}" for name in generated_pack_names()]
            return json.dumps([*generated, *self._own_packs()]).encode()
        if path.startswith(GENERATED_PREFIX):
            return generated_pack_file(path.removeprefix(GENERATED_PREFIX))
        if self.packs is None or not path.startswith(OWN_PREFIX):
            return None
        return _read_inside(self.packs, path.removeprefix(OWN_PREFIX))

    def _own_packs(self) -> list[str]:
        if self.packs is None:
            return []
        found = sorted(index.parent.name for index in self.packs.glob(f"*/{PACK_INDEX}"))
        return [f"{OWN_PREFIX}{name}" for name in found if not name.startswith(".")]


def _read_inside(root: Path, path: str) -> bytes | None:
    parts = path.split("/")
    if "\\" in path or "\0" in path or any(not part or part.startswith(".") for part in parts):
        return None
    try:
        place = root.joinpath(*parts).resolve()
        return place.read_bytes() if place.is_relative_to(root.resolve()) and place.is_file() else None
    except OSError:  # not readable, or a name that no file can have
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "pocket-zoo"
    sys_version = ""

    def __init__(self, *args: object, site: Site, **kwargs: object) -> None:
        self.site = site
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path, errors="replace").removeprefix("/")
        if not self._is_addressed_here():
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, b"Ask for it by the name localhost.\n", ".txt")
        elif (content := self.site.read(path)) is None:
            self._answer(HTTPStatus.NOT_FOUND, b"There is nothing at this address.\n", ".txt")
        else:
            caching = "max-age=31536000, immutable" if path.startswith(ASSETS_PREFIX) else "no-cache"
            self._answer(HTTPStatus.OK, content, Path(path or "index.html").suffix, caching)

    do_HEAD = do_GET

    def _is_addressed_here(self) -> bool:
        """Refuse names that other hosts could point at this machine, so that their pages cannot read the answers."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return not self.site.is_local or (host is not None and is_loopback(host))

    def _answer(self, status: HTTPStatus, content: bytes, suffix: str, caching: str = "no-store") -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", caching)
        self.send_header("Content-Type", CONTENT_TYPES.get(suffix, DEFAULT_CONTENT_TYPE))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass  # a line per request would hide the address


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A page that leaves while it is answered is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def open_server(
    store: Path, *, host: str, port: int, packs: Path | None = None, pages: Path = PAGES
) -> Iterator[tuple[ThreadingHTTPServer, str]]:
    """Bind the gallery's server; yields it, to be run with `serve_forever`, and its address. Port 0 takes any.

    `packs` is a folder of data packs. Raises ZooError when it is none, when the pages are not built or when the address
    cannot be had.
    """
    if packs is not None and not packs.is_dir():
        raise ZooError(f"There is no folder {packs} of data packs. 'zoo data pack DATA -o {packs / 'NAME'}' makes one.")
    if not (pages / "index.html").is_file():
        raise ZooError(
            f"The pages are not built: there is no {pages / 'index.html'}. In a checkout, run 'make pages'; an "
            f"installed package holds them."
        )
    try:
        server = _Server((host, port), partial(_Handler, site=Site(pages, store, packs, is_loopback(host))))
    except OSError as error:
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        reason = "is taken or not allowed" if taken else f"cannot be had ({error.strerror})"
        raise ZooError(f"{host}:{port} {reason}. Choose another with --port; 0 takes any that is free.") from error
    with server:
        name = f"[{host}]" if ":" in host else host
        yield server, f"http://{name}:{server.server_address[1]}/"
