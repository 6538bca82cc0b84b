"""docs/on-device.md and its examples, run as a user would run them.

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
from helpers import ROOT, write_export
from PIL import Image

from vgan_tf.labels import EXPRESSIONS
from vgan_tf.ondevice import open_export
from vgan_tf.ondevice.export_folder import SHIPPED
from vgan_tf.ondevice.people.finding import Face
from vgan_tf.ondevice.pictures import Square

DOCUMENT = ROOT / "docs" / "on-device.md"
EXAMPLES = ROOT / "docs" / "examples"
NODE_MODULES = Path(os.environ.get("LITERTJS", ROOT / "node_modules"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Uses the page as a person would, from a frame around it, and sends what it shows to the test.
DRIVER = """<!doctype html><iframe src="on_device.html" width="900" height="900"></iframe><script type="module">
const frame = document.querySelector("iframe");
const element = (id) => frame.contentDocument.getElementById(id);
const pixels = (id) => [...element(id).getContext("2d").getImageData(0, 0, element(id).width, element(id).height).data];
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


def small_parts(size):
    """{part: keras.Model} of a few random layers, for pictures of any size."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    wide = keras.initializers.RandomNormal(stddev=0.5)
    image = keras.Input((size, size, 3), batch_size=1, name="image")
    target = keras.Input((3,), batch_size=1, name="target")
    features = layers.Flatten()(layers.Conv2D(4, size // 4, size // 4)(image))
    code = layers.Concatenate()([features, layers.ReLU()(target)])
    code = layers.Reshape((4, 4, 8))(layers.Dense(128, kernel_initializer=wide)(code))
    upscale = layers.Conv2DTranspose(3, size // 4, size // 4, activation="tanh", kernel_initializer=wide)
    probabilities = layers.Dense(len(EXPRESSIONS), activation="softmax", kernel_initializer=wide)(features)
    return {
        "anonymizer": keras.Model([image, target], {"protected": upscale(code)}),
        "expression": keras.Model([image], {"probabilities": probabilities}),
    }


@pytest.fixture(scope="module", params=["shipped", 32, 128])
def workplace(request, tmp_path_factory, faces):
    """A folder with `export/` and `face.png`: the shipped files, or those of `small_parts` at a size."""
    from export.convert import convert

    shipped = request.param == "shipped"
    size = open_export().image_size if shipped else request.param
    folder = tmp_path_factory.mktemp(f"workplace{size}")
    Image.fromarray(faces.images[100]).resize((size, size)).save(folder / "face.png")
    if shipped:
        shutil.copytree(SHIPPED, folder / "export")
        record = json.loads((folder / "export" / "export.json").read_text(encoding="utf-8"))
        del record["files"]["alignment_int8.tflite"]  # the face fills its picture; the examples show what then remains
        (folder / "export" / "export.json").write_text(json.dumps(record), encoding="utf-8")
        return folder
    images = np.random.default_rng(0).uniform(-1, 1, (24, size, size, 3)).astype(np.float32)
    images[:, 0, 0] = -1, 1, 0
    calibration = {"image": images, "target": np.eye(3, dtype=np.float32)[np.arange(24) % 3]}
    files = {
        f"{name}_int8.tflite": convert(part, "int8", {tensor.name: calibration[tensor.name] for tensor in part.inputs})
        for name, part in small_parts(size).items()
    }
    write_export(folder / "export", files, image_size=size)
    return folder


@pytest.fixture(scope="module")
def expected(workplace):
    """The face at each target, uint8 `(targets, size, size, 3)`."""
    export = open_export(workplace / "export")
    face = np.asarray(Image.open(workplace / "face.png"))
    count = len(export.identities)
    protected = export.model("anonymizer").run(image=np.stack([face] * count), target=np.eye(count))["protected"]
    protected = protected[..., :3]
    assert protected.shape == (count, *face.shape) and protected.std() > 5
    assert all(abs(protected[i].astype(int) - protected[i - 1]).max() > 10 for i in range(count))
    return protected


def blocks(language):
    """The document's code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_each_stage_alone(workplace, tmp_path, monkeypatch):
    picture = np.random.default_rng(0).integers(0, 256, (100, 160, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.jpg")
    faces = [Face(Square(30, 20, 40), [30, 20, 40, 40], 0.9), Face(Square(90, 20, 20), [90, 20, 20, 20], 0.9)]
    monkeypatch.setattr("vgan_tf.ondevice.protector.find_faces", lambda picture: faces)
    monkeypatch.setattr("vgan_tf.ondevice.export_folder.SHIPPED", workplace / "export")
    monkeypatch.chdir(tmp_path)
    done = {}
    exec(compile(blocks("python")[0], str(DOCUMENT), "exec"), done)
    assert done["faces"] == faces and [bool(reason) for reason in done["reasons"]] == [False, True]
    assert done["result"].shape == picture.shape and not done["result"][22:36, 92:108].any()
    assert not np.asarray(done["heads"][1]).any() and np.asarray(done["heads"][0]).any()
    assert [reading["box"] for reading in done["readings"]] == [face.box for face in faces]


def test_frames_of_a_program(workplace, monkeypatch):
    picture = np.random.default_rng(0).integers(0, 256, (100, 160, 3), dtype=np.uint8)
    face = Face(Square(30, 20, 40), [30, 20, 40, 40], 0.9)
    monkeypatch.setattr("vgan_tf.ondevice.people.live.find_faces", lambda picture, sides: [face])
    monkeypatch.setattr("vgan_tf.ondevice.export_folder.SHIPPED", workplace / "export")
    done = {"frames": iter([picture] * 2)}
    exec(compile(blocks("python")[1], str(DOCUMENT), "exec"), done)
    assert done["protected"].shape == picture.shape and (done["protected"] != picture)[30:50, 40:60].any()


@pytest.mark.parametrize("number", [2, 3])
def test_python_examples_protect(number, workplace, expected, monkeypatch):
    monkeypatch.chdir(workplace)
    assert len(blocks("python")) == 4
    exec(compile(blocks("python")[number], str(DOCUMENT), "exec"), {})
    given = np.asarray(Image.open("protected.png"))
    assert (given == expected).all(axis=(1, 2, 3)).sum() == 1
    Path("protected.png").unlink()


def test_the_document_names_each_example_and_says_what_is_not_run():
    text = DOCUMENT.read_text(encoding="utf-8")
    unrun = ("on_device.kt", "on_device.swift", "on_device.cc")
    for name in ("on_device.js", *unrun):
        assert f"[examples/{name}](examples/{name})" in text
    assert all("Not run here" in (EXAMPLES / name).read_text(encoding="utf-8").splitlines()[0] for name in unrun)
    assert re.search(r"Kotlin, Swift and C\+\+ .*\*\*not run here\*\*", text, re.DOTALL)


def test_page_protects_as_python_does(workplace, expected, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium (apt-get install chromium)")
    if not (NODE_MODULES / "@litertjs" / "core").is_dir():
        pytest.skip("no @litertjs/core (npm install --no-save @litertjs/core, or LITERTJS=NODE_MODULES)")
    page = tmp_path / "page"
    shutil.copytree(workplace, page)
    for name in ("on_device.html", "on_device.js"):
        shutil.copy(EXAMPLES / name, page)
    (page / "node_modules").symlink_to(NODE_MODULES.resolve())
    (page / "driver.html").write_text(DRIVER.replace("TARGET", str(TARGET)), encoding="utf-8")

    answer = visit(browser, page, tmp_path / "profile")
    assert answer["ready"] == "Ready."
    size = expected.shape[1]
    original, given = (np.reshape(answer["face"][name], (size, size, 4)) for name in ("original", "protected"))
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
