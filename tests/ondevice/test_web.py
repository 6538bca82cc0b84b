"""The verb `web`: what its server answers and refuses, the page as one file, and how the command ends."""

import gzip
import hashlib
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest
from helpers import ROOT, run_script

from vgan_tf.errors import InputError
from vgan_tf.ondevice.export_folder import SHIPPED
from vgan_tf.ondevice.web import make_server, read_site, single_page

PAGE = ROOT / "export" / "web"


@pytest.fixture(scope="module")
def site():
    return read_site()


@pytest.fixture(scope="module")
def port(site):
    """The port of a server of the shipped export."""
    with make_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def ask(port):
    """A function: (status, headers, content) of a request, with its path sent as it is."""

    def ask(path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    return ask


@pytest.mark.parametrize(
    ("path", "kind", "source"),
    [
        ("/", "text/html; charset=utf-8", PAGE / "index.html"),
        ("/?x=1", "text/html; charset=utf-8", PAGE / "index.html"),
        ("/page.css", "text/css; charset=utf-8", PAGE / "page.css"),
        ("/models.js", "text/javascript; charset=utf-8", PAGE / "models.js"),
        ("/runtime/litert.js", "text/javascript; charset=utf-8", PAGE / "runtime" / "litert.js"),
        ("/export/export.json", "application/json", SHIPPED / "export.json"),
        ("/export/anonymizer_int8.tflite", "application/octet-stream", SHIPPED / "anonymizer_int8.tflite"),
    ],
)
def test_files_of_the_page(path, kind, source, ask):
    status, headers, content = ask(path)
    assert (status, headers["Content-Type"], content) == (200, kind, source.read_bytes())
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_the_runtime_is_sent_compressed_where_that_is_understood(ask):
    status, headers, plain = ask("/runtime/litert.wasm")
    assert (status, headers["Content-Type"], headers["Content-Encoding"]) == (200, "application/wasm", None)
    assert plain[:4] == b"\0asm" and len(plain) == int(headers["Content-Length"])
    status, headers, packed = ask("/runtime/litert.wasm", **{"Accept-Encoding": "br, gzip"})
    assert (status, headers["Content-Type"], headers["Content-Encoding"]) == (200, "application/wasm", "gzip")
    assert len(packed) < len(plain) / 3 and gzip.decompress(packed) == plain


def test_the_runtime_is_the_one_that_its_page_names():
    named = dict(re.findall(r"`(litert[\w.]+)`.*`([0-9a-f]{64})`", (PAGE / "runtime" / "README.md").read_text("utf-8")))
    assert set(named) == {"litert.js", "litert.wasm"}
    assert hashlib.sha256((PAGE / "runtime" / "litert.js").read_bytes()).hexdigest() == named["litert.js"]
    wasm = gzip.decompress((PAGE / "runtime" / "litert.wasm.gz").read_bytes())
    assert hashlib.sha256(wasm).hexdigest() == named["litert.wasm"]


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/export/../../pyproject.toml",
        "/%2e%2e/pyproject.toml",
        "/export/..%2fprotector.py",
        "//etc/passwd",
        "/etc/passwd",
        "/runtime",
        "/runtime/",
        "/runtime/README.md",
        "/runtime/litert.wasm.gz",
        "/export/",
        "/export/EXPORT.md",
        "/index.html",
        "/\\..\\pyproject.toml",
    ],
)
def test_nothing_else_is_served(path, ask):
    status, _, content = ask(path)
    assert (status, content) == (404, b"no such file\n")


def test_only_reading_and_only_under_its_own_name(ask, port):
    status, headers, content = ask("/", "HEAD")
    assert (status, content) == (200, b"") and int(headers["Content-Length"]) > 1000
    assert ask("/", "POST")[0] == ask("/", "PUT")[0] == 501
    assert ask("/", Host=f"localhost:{port}")[0] == 200
    for host in ("somewhere.example", f"somewhere.example:{port}", "127.0.0.1.somewhere.example"):
        assert ask("/", Host=host)[::2] == (403, b"only for this machine\n")


def test_it_listens_on_this_machine_alone(site):
    with make_server(site, 0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_a_port_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_script("vgan_tf", "web", "--port", port) == 2
    assert capsys.readouterr().err == f"error: --port {port}: Address already in use; give another one, or 0 for any\n"


def test_a_port_that_is_none(capsys):
    assert run_script("vgan_tf", "web", "--port", 70000) == 2
    assert capsys.readouterr().err == "error: --port 70000: must be 0 to 65535\n"


def test_a_damaged_model_is_not_served(tmp_path):
    folder = shutil.copytree(SHIPPED, tmp_path / "export")
    content = bytearray((folder / "expression_int8.tflite").read_bytes())
    content[-1] ^= 1
    (folder / "expression_int8.tflite").write_bytes(content)
    with pytest.raises(InputError, match="expression_int8.tflite: damaged"):
        read_site(folder)


def test_ctrl_c_ends_it_in_a_line():
    # Whoever runs the tests may have interrupts ignored.
    code = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.argv[1:] = ['web', '--port', '0']; runpy.run_module('vgan_tf', run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    first = process.stdout.readline()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/  \(Ctrl-C ends it\)\n", first)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "\nended\n", "")


def test_one_file_holds_all_and_may_reach_nothing(site):
    text = single_page(site)
    assert not re.search(r"<(script|img|iframe)[^>]* src=|<link rel=\"stylesheet\"|@import|url\(", text)
    policy = re.search('Content-Security-Policy" content="([^"]+)', text)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy and "'self'" not in policy and "unsafe-inline" not in policy
    names = set(re.findall('data-file="([^"]+)"', text))
    models = {name for name in json.loads(site.texts["export/export.json"])["files"]}
    assert names >= {"runtime/litert.wasm", "export/export.json", "export/anonymizer_int8.tflite"}
    assert {name.removeprefix("export/") for name in names if name.endswith(".tflite")} <= models


def test_the_command_writes_one_file(tmp_path, capsys):
    out = tmp_path / "page.html"
    assert run_script("vgan_tf", "web", "-o", out) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run_script("vgan_tf", "web", "-o", tmp_path / "page.png") == 2
    assert "not the name of a page" in capsys.readouterr().err
