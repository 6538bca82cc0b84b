"""The verb `web`: a page that protects faces in the browser, served to this machine alone or written as one file."""

import base64
import gzip
import hashlib
import http.server
import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from vgan_tf.errors import InputError
from vgan_tf.files import write_text
from vgan_tf.ondevice.export_folder import RECIPES, open_export

PORT = 8000
# The page's folder, in the repository or in the installed package.
PLACES = tuple(Path(__file__).parents[up] / "export" / "web" for up in (2, 1))
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".tflite": "application/octet-stream",
    ".wasm": "application/wasm",
}
RUNTIME = "runtime/litert.wasm"  # kept compressed
REQUIRED, OPTIONAL = ("anonymizer", "expression"), ("alignment",)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Site(NamedTuple):
    """All that the page consists of, in memory.

    Attributes:
        texts: {name: str} of the page's own files and of `export/export.json`.
        binaries: {name: bytes}, compressed by gzip: the runtime and the models.
    """

    texts: dict
    binaries: dict


def add_verbs(verbs):
    """Add the verb to the argparse subparsers of `python -m vgan_tf`."""
    verb = verbs.add_parser("web", help="protect faces in a browser page, served to this machine alone")
    verb.add_argument("--model", metavar="DIR", help="export folder; without it, the weights shipped with the package")
    ways = verb.add_mutually_exclusive_group()
    ways.add_argument("--port", type=int, default=PORT, help=f"port on 127.0.0.1, {PORT} if not given; 0: any free one")
    out_help = "serve nothing; write the page as one file, which opens without a server"
    ways.add_argument("-o", dest="out", metavar="FILE.html", help=out_help)
    verb.set_defaults(command=web)


def web(arguments):
    """Serve the page until Ctrl-C, or write it as one file.

    Args:
        arguments: parsed command line of `web`.

    Raises:
        InputError: the export folder lacks a model or is damaged, the port is taken, or the file is no .html.
    """
    site = read_site(arguments.model)
    if arguments.out is not None:
        if Path(arguments.out).suffix.lower() not in (".html", ".htm"):
            raise InputError(f"{arguments.out}: not the name of a page; give one that ends in .html")
        write_text(arguments.out, single_page(site))
        print(f"wrote {arguments.out}")
        return
    with make_server(site, arguments.port) as server:
        try:
            print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)", flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nended")


def read_site(folder=None):
    """Read the page, the runtime and the models that the page uses.

    Args:
        folder: export folder; None takes the weights shipped with the package.

    Returns:
        Site.

    Raises:
        InputError: as for `open_export` and `Export.model`; checksums and shapes are checked.
    """
    export = open_export(folder)
    page = next(place for place in PLACES if place.is_dir())
    texts = {path.name: path.read_text(encoding="utf-8") for path in page.glob("*.*") if path.is_file()}
    texts["runtime/litert.js"] = (page / "runtime" / "litert.js").read_text(encoding="utf-8")
    texts["export/export.json"] = (export.folder / "export.json").read_text(encoding="utf-8")
    binaries = {RUNTIME: (page / f"{RUNTIME}.gz").read_bytes()}
    found = {record["part"] for record in export.files.values()}
    for part in REQUIRED + tuple(found.intersection(OPTIONAL)):
        export.model(part)  # Raises where the file is not what it should be.
        name = next(name for name in (f"{part}_{recipe}.tflite" for recipe in RECIPES) if name in export.files)
        binaries[f"export/{name}"] = gzip.compress((export.folder / name).read_bytes(), mtime=0)
    return Site(texts, binaries)


def single_page(site):
    """The page with all that it needs in it. It may reach nothing at all, not even its own address.

    Args:
        site: Site.

    Returns:
        str, HTML.
    """
    text = site.texts["index.html"]
    styles, scripts = [], []

    def style(found):
        styles.append(f"\n{site.texts[found[1]]}")
        return f"<style>{styles[-1]}</style>"

    def script(found):
        # In a string or a regular expression, where alone this can stand, it then means the same.
        scripts.append("\n" + site.texts[found[1]].replace("</script", "<\\/script"))
        return f"<script>{scripts[-1]}</script>"

    text = re.sub('<link rel="stylesheet" href="([^"]+)">', style, text)
    text = re.sub('<script src="([^"]+)"></script>', script, text)
    policy = (
        f"default-src 'none'; script-src {_digests(scripts)} 'wasm-unsafe-eval'; style-src {_digests(styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    text = re.sub('(Content-Security-Policy" content=")[^"]+', lambda found: found[1] + policy, text)
    export = gzip.compress(site.texts["export/export.json"].encode(), mtime=0)
    data = "".join(
        f'<script type="text/plain" data-file="{name}">{base64.b64encode(content).decode()}</script>\n'
        for name, content in {**site.binaries, "export/export.json": export}.items()
    )
    return text.replace("<script>", f"{data}<script>", 1)


def make_server(site, port):
    """A server of the page on 127.0.0.1, not yet serving.

    It answers GET and HEAD for the site's own names and nothing else: no name becomes a path on the disk. It refuses
    requests made under another host's name, with which a foreign page could read it.

    Args:
        site: Site.
        port: 0 to 65535; 0 takes any free one.

    Returns:
        http.server.ThreadingHTTPServer.

    Raises:
        InputError: the port is taken, not allowed, or no port.
    """
    answers = {f"/{name}": (name, text.encode(), False) for name, text in site.texts.items()}
    answers |= {f"/{name}": (name, content, True) for name, content in site.binaries.items()}
    answers["/"] = answers.pop("/index.html")
    policy = re.search('Content-Security-Policy" content="([^"]+)', site.texts["index.html"])[1]
    headers = {**HEADERS, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "vgan-tf", ""
        timeout = 60  # seconds without a word from a browser that keeps its connection

        def do_GET(self):
            if self.headers.get("Host", "").partition(":")[0] not in ("127.0.0.1", "localhost"):
                return self._send(403, "text/plain", b"only for this machine\n")
            answer = answers.get(urlsplit(self.path).path)
            if answer is None:
                return self._send(404, "text/plain", b"no such file\n")
            name, content, packed = answer
            accepted = packed and "gzip" in self.headers.get("Accept-Encoding", "")
            if packed and not accepted:
                content = gzip.decompress(content)
            return self._send(200, TYPES[Path(name).suffix], content, accepted)

        do_HEAD = do_GET

        def _send(self, status, kind, content, packed=False):
            self.send_response(status)
            more = {"Content-Encoding": "gzip"} if packed else {}
            fixed = {"Content-Type": kind, "Content-Length": str(len(content))}
            for name, value in {**fixed, **more, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_):
            """Say nothing: the address is all that a user needs."""

    class Server(http.server.ThreadingHTTPServer):
        allow_reuse_address = os.name != "nt"  # On Windows it would share a port with another program.

        def handle_error(self, *_):
            """Say nothing of a browser that went away."""

    try:
        return Server(("127.0.0.1", port), Handler)
    except OverflowError:
        raise InputError(f"--port {port}: must be 0 to 65535") from None
    except OSError as error:
        raise InputError(f"--port {port}: {error.strerror or error}; give another one, or 0 for any") from None


def _digests(contents):
    """The sources of a Content-Security-Policy that allow these very scripts or styles."""
    digests = (hashlib.sha256(content.encode()).digest() for content in contents)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
