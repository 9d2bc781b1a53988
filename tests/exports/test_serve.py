"""The gallery's server: what it gives, under which rules, and what it keeps to itself."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from exports.samples import sample_names
from exports.serve import HEADERS, is_loopback, open_server
from zoo import ZooError
from zoo._cli import main
from zoo._specs import TASKS
from zoo.catalog import SHIPPED, STORE_VARIABLE

LOOPBACK = "127.0.0.1"
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Gallery</title>")
    (folder / "assets" / "x.js").write_text("export {};")
    (folder / "tfjs.wasm").write_bytes(b"\0asm")
    (folder / ".hidden").write_text("secret")
    return folder


@pytest.fixture
def server(pages: Path, tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    store = tmp_path / "store"
    (store / "model").mkdir(parents=True)
    (store / "catalog.json").write_text("{}")
    (store / "model" / "weights.bin").write_bytes(b"weights")
    (store / "way-out").symlink_to(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    with open_server(store, host=LOOPBACK, port=0, pages=pages) as (server, _):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: ThreadingHTTPServer, path: str, method: str = "GET", host: str | None = None) -> Answer:
    """Ask for a path exactly as written; an HTTP library would tidy it up."""
    connection = http.client.HTTPConnection(LOOPBACK, server.server_address[1], timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"{LOOPBACK}:{server.server_address[1]}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?x=1", "text/html; charset=utf-8"),
        ("/assets/x.js", "text/javascript; charset=utf-8"),
        ("/tfjs.wasm", "application/wasm"),
        ("/store/catalog.json", "application/json"),
        ("/store/model/weights.bin", "application/octet-stream"),
        ("/samples/index.json", "application/json"),
        ("/samples/face-detection/0.png", "image/png"),
    ],
)
def test_gives_pages_store_and_samples(path: str, content_type: str, server: ThreadingHTTPServer) -> None:
    status, headers, body = ask(server, path)
    assert (status, headers["Content-Type"]) == (200, content_type)
    assert HEADERS.items() <= headers.items()
    assert int(headers["Content-Length"]) == len(body) > 0
    assert ask(server, path, "HEAD")[2] == b""


def test_browsers_keep_for_good_only_what_has_a_version_in_its_name(server: ThreadingHTTPServer) -> None:
    caching = {
        path: ask(server, path)[1]["Cache-Control"] for path in ("/", "/assets/x.js", "/store/catalog.json", "/no")
    }
    assert caching["/assets/x.js"].endswith("immutable")
    assert (caching["/"], caching["/store/catalog.json"], caching["/no"]) == ("no-cache", "no-cache", "no-store")


@pytest.mark.parametrize(
    "path",
    [
        "/store/../secret.txt",
        "/store/%2e%2e/secret.txt",
        "/store/..%2fsecret.txt",
        "/store/..%5csecret.txt",
        "/../secret.txt",
        "//etc/passwd",
        "/store//etc/passwd",
        "/store/%2fetc/passwd",
        "/store/way-out/secret.txt",
        "/.hidden",
        "/store/.lock",
        "/store/model",
        "/store/model/",
        "/store/%00",
        "/store/" + "x" * 5_000,
        "/samples/face-detection/99.png",
        "/samples/../secret.txt",
        "/nothing",
    ],
)
def test_keeps_everything_else_to_itself(path: str, server: ThreadingHTTPServer) -> None:
    status, headers, body = ask(server, path)
    assert status == 404
    assert b"secret" not in body
    assert HEADERS.items() <= headers.items()


def test_only_the_names_of_this_machine_are_answered(server: ThreadingHTTPServer) -> None:
    assert ask(server, "/", host="localhost:1")[0] == 200
    assert ask(server, "/", host="[::1]:8170")[0] == 200
    assert ask(server, "/", host="rebound.example.com")[0] == 421


def test_nothing_can_be_written(server: ThreadingHTTPServer) -> None:
    assert ask(server, "/store/catalog.json", "PUT")[0] == 501


def test_the_policy_allows_no_inline_script_and_no_other_host() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "unsafe-inline" not in HEADERS["Content-Security-Policy"]
    assert "'unsafe-eval'" not in HEADERS["Content-Security-Policy"]
    assert "http" not in HEADERS["Content-Security-Policy"]


def test_every_task_has_samples(server: ThreadingHTTPServer) -> None:
    names = json.loads(ask(server, "/samples/index.json")[2])
    assert names == sample_names()
    assert set(names) == set(TASKS)
    assert ask(server, f"/samples/{names['face-recognition'][3]}")[2].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_taken_port_is_a_sentence(server: ThreadingHTTPServer, pages: Path, tmp_path: Path) -> None:
    port = server.server_address[1]
    with (
        pytest.raises(ZooError, match=rf"{port} is taken.*--port"),
        open_server(tmp_path, host=LOOPBACK, port=port, pages=pages),
    ):
        pass


def test_pages_that_are_not_built_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="make pages"), open_server(tmp_path, host=LOOPBACK, port=0, pages=tmp_path):
        pass


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--port", "70000"], "not a port"), (["/nowhere"], "There is no catalog.json"), (["--port", "x"], "not a port")],
)
def test_mistakes_are_sentences(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["serve", *words])
    except SystemExit as done:
        code = int(str(done.code))
    assert code == 2
    assert message in capsys.readouterr().err


def test_packs_of_a_folder_and_generated_ones_are_listed(pages: Path, tmp_path: Path) -> None:
    (tmp_path / "packs" / "mine").mkdir(parents=True)
    (tmp_path / "packs" / "mine" / "pack.json").write_text("{}")
    (tmp_path / "packs" / "no-pack").mkdir()
    (tmp_path / "packs" / "way-out").symlink_to(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    with open_server(tmp_path, host=LOOPBACK, port=0, packs=tmp_path / "packs", pages=pages) as (server, _):
        site = server.RequestHandlerClass.keywords["site"]  # type: ignore[attr-defined]
        listed = json.loads(site.read("packs/index.json"))
        assert "own/mine" in listed
        assert "generated/object-recognition" in listed
        assert not [path for path in listed if "no-pack" in path]
        assert site.read("packs/own/mine/pack.json") == b"{}"
        for path in ("own/way-out/secret.txt", "own/../secret.txt", "generated/nothing/pack.json", "mine/pack.json"):
            assert site.read(f"packs/{path}") is None, path
        index = json.loads(site.read("packs/generated/face-gate/pack.json"))
        assert len(index["pictures"]) == 300
        content = site.read("packs/generated/face-gate/pictures-000.bin")
        assert len(content) == index["files"]["pictures-000.bin"]["bytes"]


def test_a_folder_of_packs_that_is_none_is_a_sentence(pages: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(ZooError, match="zoo data pack DATA"),
        open_server(tmp_path, host=LOOPBACK, port=0, packs=tmp_path / "none", pages=pages),
    ):
        pass


def test_without_a_store_the_shipped_models_are_served(
    pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(server: ThreadingHTTPServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    monkeypatch.setattr("exports.serve.open_server", partial(open_server, pages=pages))
    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", stop)
    assert main(["serve", "--port", "0"]) == 0
    assert f"shows the models that come with the package, {SHIPPED}; Ctrl-C" in capsys.readouterr().out
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "catalog.json").write_bytes((SHIPPED / "catalog.json").read_bytes())
    assert main(["serve", "--port", "0"]) == 0
    assert "shows store; Ctrl-C" in capsys.readouterr().out
    assert main(["serve", "shipped", "--port", "0"]) == 0
    assert f"{SHIPPED}; Ctrl-C" in capsys.readouterr().out
