"""docs/on-device.md and its examples, run as a reader would run them.

The browser's part needs Chromium and `@litertjs/core`, which is looked for in the `node_modules` folder that LITERTJS
names, or in the repository's own (`npm install --no-save @litertjs/core`); it is skipped without them.
"""

import contextlib
import functools
import http.server
import json
import os
import queue
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, make_model, tiny_config, write_export
from PIL import Image

from vgan_tf.images import to_float
from vgan_tf.ondevice import LiteModel

DOCUMENT = ROOT / "docs" / "on-device.md"
EXAMPLES = ROOT / "docs" / "examples"
NODE_MODULES = Path(os.environ.get("LITERTJS", ROOT / "node_modules"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Uses the page as a person would, from a frame around it, and sends what it shows to the test.
DRIVER = """<!doctype html><iframe src="on_device.html" width="900" height="900"></iframe><script type="module">
const frame = document.querySelector("iframe");
const element = (id) => frame.contentDocument.getElementById(id);
const pixels = (id) => [...element(id).getContext("2d").getImageData(0, 0, 64, 64).data];
const said = () => element("status")?.textContent ?? "";
const until = async (done) => { while (!done()) await new Promise((resolve) => setTimeout(resolve, 20)); };
await until(() => said().startsWith("Ready") || said().startsWith("Cannot"));
const answer = { ready: said() };
if (said().startsWith("Ready")) {
  const { DataTransfer, Event, File } = frame.contentWindow;
  const files = new DataTransfer();
  const choose = async (name) => {
    files.items.clear();
    files.items.add(new File([await (await fetch(name)).blob()], name));
    element("picture").files = files.files;
    element("status").textContent = "";
    element("picture").dispatchEvent(new Event("change"));
    await until(() => said().startsWith("Shown") || said().startsWith("Not"));
    return { status: said(), original: pixels("original"), protected: pixels("protected") };
  };
  element("target").selectedIndex = TARGET + 1;
  answer.face = await choose("face.png");
  answer.meters = [...frame.contentDocument.querySelectorAll("meter")].map((meter) => meter.value);
  answer.broken = await choose("on_device.js");
}
await fetch("answer", { method: "POST", body: JSON.stringify(answer) });
</script>"""
TARGET = 2


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, faces):
    """A folder with `export/`, the int8 files of a small untrained model, and `face.png`."""
    from export.convert import convert
    from export.parts import build_parts
    from vgan_tf.networks import expression_classifier

    config = tiny_config()
    model = make_model(config)
    for network in (model.encoder, model.generator):  # Strong enough that outputs differ by face and by target.
        for layer in network.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.assign(2 * layer.kernel)
    parts = build_parts(model, expression_classifier(config, len(model.expressions)))
    images = to_float(faces.images[:24]).copy()
    images[0, 0, 0] = -1, 1, 0
    calibration = {"image": images, "target": np.eye(3, dtype=np.float32)[np.arange(24) % 3]}
    files = {
        f"{part}_int8.tflite": convert(parts[part], "int8", {i.name: calibration[i.name] for i in parts[part].inputs})
        for part in ("anonymizer", "expression")
    }
    folder = tmp_path_factory.mktemp("workplace")
    write_export(folder / "export", files, model.identities, model.expressions, config.latent_dim)
    Image.fromarray(faces.images[100]).save(folder / "face.png")
    return folder


@pytest.fixture(scope="module")
def expected(workplace, faces):
    """The face at each target, uint8 `(3, 64, 64, 3)`."""
    model = LiteModel(workplace / "export" / "anonymizer_int8.tflite")
    protected = model.run(image=faces.images[[100] * 3], target=np.eye(3))["protected"]
    assert protected.std() > 5 and all(abs(protected[i].astype(int) - protected[i - 1]).max() > 10 for i in range(3))
    return protected


def blocks(language):
    """The document's code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(2))
def test_python_examples_protect(number, workplace, expected, monkeypatch):
    monkeypatch.chdir(workplace)
    assert len(blocks("python")) == 2
    exec(compile(blocks("python")[number], str(DOCUMENT), "exec"), {})
    given = np.asarray(Image.open("protected.png"))
    assert (given == expected).all(axis=(1, 2, 3)).sum() == 1
    Path("protected.png").unlink()


def test_document_shows_the_module_that_the_page_uses():
    assert blocks("js") == [(EXAMPLES / "on_device.js").read_text(encoding="utf-8")]


def test_examples_that_nothing_runs_say_so():
    sections = DOCUMENT.read_text(encoding="utf-8").split("\n## ")
    unrun = [section for section in sections if re.search("^```(kotlin|swift|cpp)$", section, re.MULTILINE)]
    assert len(unrun) == 3 and all("*Not run here.*" in section for section in unrun)


def test_page_protects_as_python_does(workplace, expected, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium")
    if not (NODE_MODULES / "@litertjs" / "core").is_dir():
        pytest.skip("no @litertjs/core: npm install --no-save @litertjs/core, or name a node_modules in LITERTJS")
    page = tmp_path / "page"
    shutil.copytree(workplace, page)
    for name in ("on_device.html", "on_device.js"):
        shutil.copy(EXAMPLES / name, page)
    (page / "node_modules").symlink_to(NODE_MODULES.resolve())
    (page / "driver.html").write_text(DRIVER.replace("TARGET", str(TARGET)), encoding="utf-8")

    answer = visit(browser, page, tmp_path / "profile")
    assert answer["ready"] == "Ready."
    original, given = (np.reshape(answer["face"][name], (64, 64, 4)) for name in ("original", "protected"))
    assert (original[..., :3] == np.asarray(Image.open(page / "face.png"))).all()
    assert (given[..., 3] == 255).all()
    assert abs(given[..., :3] - expected[TARGET].astype(int)).max() <= 1
    assert len(answer["meters"]) == 14 and sum(answer["meters"]) == pytest.approx(2, abs=0.01)
    assert answer["broken"]["status"].startswith("Not protected")
    assert not any(answer["broken"]["protected"])


def visit(browser, page, profile):
    """Open the driver in a headless browser and return what it sends."""
    answers = queue.Queue()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=page)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/driver.html"
        process = subprocess.Popen(
            [browser, *flags, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=page
        )
        try:
            return answers.get(timeout=60)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()
            server.shutdown()
