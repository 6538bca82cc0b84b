"""The browser page, used as a person uses it, beside Python: pictures, camera, failures, network, accessibility.

These tests need Chromium and are skipped without it.
"""

import base64
import contextlib
import http.server
import io
import json
import re
import threading

import numpy as np
import pytest
from browser import Browser, find_browser
from helpers import STUB_IDENTITIES, lite_file, stub_files, write_export
from PIL import Image

from vgan_tf.data import load_faces
from vgan_tf.files import write_text
from vgan_tf.ondevice import ExpressionReader, LiteModel, Protector
from vgan_tf.ondevice.export_folder import SHIPPED
from vgan_tf.ondevice.pictures import Square, scaled
from vgan_tf.ondevice.web import make_server, read_site, single_page

TARGET = 2
DONE = '/^(Shown|Not)/.test(document.getElementById("status").textContent)'
NOTHING_SHOWN = """(() => {
  const canvas = document.getElementById("protected");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return document.getElementById("download").disabled && pixels.every((value) => value === 0);
})()"""

# How many of the targets' pictures are the protected one.
CHOSEN_AS_SHOWN = """working.then(() => {
  const read = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
  const shown = read(document.getElementById("protected"));
  return [...document.querySelectorAll("#targets canvas")].filter((canvas) => read(canvas) === shown).length;
})"""


@pytest.fixture(scope="module")
def program():
    """Path of Chromium."""
    return find_browser() or pytest.skip("no Chromium (apt-get install chromium)")


@pytest.fixture(scope="module")
def browser(program, tmp_path_factory):
    """A browser for all tests that need no camera."""
    with contextlib.closing(Browser(program, tmp_path_factory.mktemp("browser") / "one")) as one:
        yield one


@contextlib.contextmanager
def serving(folder):
    """The address at which an export folder's page is served."""
    with make_server(read_site(folder), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def heads_export(folder, size=96):
    """An int8 export as for rendered people: random layers that give alpha, and an alignment model."""
    import keras
    from keras import layers

    from export.convert import convert
    from vgan_tf.images import ALIGNMENT_SIZE
    from vgan_tf.labels import EXPRESSIONS

    keras.utils.set_random_seed(1)
    wide = keras.initializers.RandomNormal(stddev=0.5)

    def seen(image):
        return layers.Flatten()(layers.Conv2D(4, image.shape[1] // 4, image.shape[1] // 4)(image))

    image, small = (keras.Input((side, side, 3), batch_size=1, name="image") for side in (size, ALIGNMENT_SIZE))
    target = keras.Input((3,), batch_size=1, name="target")
    code = layers.Concatenate()([seen(image), layers.ReLU()(target)])
    code = layers.Reshape((4, 4, 8))(layers.Dense(128, kernel_initializer=wide)(code))
    upscale = layers.Conv2DTranspose(4, size // 4, size // 4, activation="tanh", kernel_initializer=wide)
    probabilities = layers.Dense(len(EXPRESSIONS), activation="softmax")(seen(image))
    place = layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(stddev=0.1))(seen(small))
    parts = {
        "anonymizer": keras.Model([image, target], {"protected": upscale(code)}),
        "expression": keras.Model([image], {"probabilities": probabilities}),
        "alignment": keras.Model([small], {"place": place}),
    }
    random = np.random.default_rng(0)
    targets = np.eye(3, dtype=np.float32)[np.arange(24) % 3]
    files = {}
    for name, part in parts.items():
        shown = random.uniform(-1, 1, (24, *part.inputs[0].shape[1:])).astype(np.float32)
        files[f"{name}_int8.tflite"] = convert(part, "int8", {"image": shown, "target": targets})
    write_export(folder, files, image_size=size, alpha=True)
    record = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    stored = LiteModel(files["alignment_int8.tflite"]).outputs["place"]
    record["files"]["alignment_int8.tflite"]["outputs"] = {
        "place": {"scale": stored.scale, "zero_point": stored.zero_point}
    }
    write_text(folder / "export.json", json.dumps(record))
    return folder


@pytest.fixture(scope="module", params=["shipped", "heads", "float"])
def export(request, tmp_path_factory):
    """An export folder: the shipped one, int8 with alpha and alignment, float32 with neither."""
    folder = tmp_path_factory.mktemp("page") / "export"
    if request.param == "heads":
        return heads_export(folder)
    return SHIPPED if request.param == "shipped" else write_export(folder, stub_files())


@pytest.fixture(scope="module")
def stub_page(program, tmp_path_factory):
    """The address of a page with a small export: float32, without alpha and alignment."""
    with serving(write_export(tmp_path_factory.mktemp("stub") / "export", stub_files())) as address:
        yield address


@pytest.fixture(scope="module")
def scene():
    """A picture like a photograph, uint8 `(331, 460, 3)`: a face on a background with noise."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:331, :460]
    picture = np.stack([90 + rows * 0.2, 120 + columns * 0.1, 200 - rows * 0.3], axis=-1)
    picture += random.normal(0, 6, picture.shape)
    picture = picture.clip(0, 255).astype(np.uint8)
    drawn = load_faces("avatars:identities=1,images=7,seed=1").images[3]
    face = Image.fromarray(drawn).resize((260, 260), Image.Resampling.BICUBIC)
    picture[40:300, 110:370] = np.asarray(face)
    return picture


@pytest.fixture(scope="module")
def photograph(scene, tmp_path_factory):
    """The scene as the file of a camera held sideways, with EXIF that says so, a place and an owner."""
    path = tmp_path_factory.mktemp("photograph") / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    exif[0x013B] = "Somebody"
    Image.fromarray(np.rot90(scene).copy()).save(path, exif=exif, quality=95)
    return path


def pixels_of(content):
    """RGBA of a PNG file's bytes: uint8 `(height, width, 4)`."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def expected(export, picture, target):
    """What Python makes of a picture: RGBA `(size, size, 4)`."""
    protector = Protector(export)
    alpha = json.loads((export / "export.json").read_text(encoding="utf-8")).get("alpha", False)
    return np.asarray(protector.protect(picture, protector.identities[target], alpha=alpha).convert("RGBA"))


def difference(given, wanted):
    """The largest difference of two RGBA pictures in levels: of alpha, and of the colours laid over white."""
    assert given.shape == wanted.shape
    alpha = [one[..., 3:].astype(float) / 255 for one in (given, wanted)]
    laid = [one[..., :3] * share + 255 * (1 - share) for one, share in zip((given, wanted), alpha, strict=True)]
    return max(abs(given[..., 3].astype(int) - wanted[..., 3]).max(), abs(laid[0] - laid[1]).max())


def choose_target(browser, index):
    browser.evaluate(f'document.querySelector("input[name=target][value=\\"{index}\\"]").click()')


def shares_shown(browser, column):
    """The percents in a column of the table of expressions."""
    cells = f'[...document.querySelectorAll("#expressions tbody tr")].map((row) => row.cells[{column}].innerText)'
    return [int(text.split()[0]) for text in browser.evaluate(cells)]


@pytest.mark.parametrize("way", ["served", "one file"])
def test_a_photograph_is_protected_as_python_does(way, export, photograph, browser, tmp_path):
    with contextlib.ExitStack() as stack:
        if way == "served":
            address = stack.enter_context(serving(export))
            allowed = address
        else:
            write_text(tmp_path / "page.html", single_page(read_site(export)))
            address = allowed = (tmp_path / "page.html").as_uri()
        browser.open(address)
        assert browser.text("status").startswith("Ready")
        choose_target(browser, TARGET)
        browser.choose(photograph)
        browser.wait(DONE)
        assert browser.text("status").startswith(f"Shown as {Protector(export).identities[TARGET]}.")
        content = browser.download()
        assert difference(pixels_of(content), expected(export, photograph, TARGET)) <= 2
        assert browser.evaluate(CHOSEN_AS_SHOWN) == 1

        reader = ExpressionReader(export)
        protected = Protector(export).protect(photograph, Protector(export).identities[TARGET])
        for column, picture in ((1, photograph), (2, protected)):
            (reading,) = reader.read(picture)
            wanted = [100 * share for share in reading["expression"].values()]
            assert shares_shown(browser, column) == pytest.approx(wanted, abs=2)

        # Length, kind, content and checksum of each chunk: pixels, and nothing that tells of the picture.
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        kinds, place = [], 8
        while place < len(content):
            length = int.from_bytes(content[place : place + 4], "big")
            kinds.append(content[place + 4 : place + 8])
            place += length + 12
        assert kinds == [b"IHDR", b"IDAT", b"IEND"]

        asked = browser.requests()
        assert asked and all(address.startswith(allowed) for address in asked)
        assert way == "served" or set(asked) == {address}


def test_the_page_can_reach_no_other_server(browser, tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            reached.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    reached = []
    write_text(tmp_path / "page.html", single_page(read_site()))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other, serving(None) as address:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        foreign = f"http://127.0.0.1:{other.server_port}/"
        for page in (address, (tmp_path / "page.html").as_uri()):
            browser.open(page)
            tries = f"""(async () => {{
              const tries = [
                fetch("{foreign}fetch", {{ mode: "no-cors" }}).then(() => "got out", () => "refused"),
                new Promise((done) => Object.assign(new Image(), {{
                  src: "{foreign}image", onload: () => done("got out"), onerror: () => done("refused") }})),
                new Promise((done) => {{
                  const script = document.createElement("script");
                  Object.assign(script, {{
                    src: "{foreign}script", onload: () => done("got out"), onerror: () => done("refused") }});
                  document.head.append(script);
                }}),
              ];
              return await Promise.all(tries);
            }})()"""
            assert browser.evaluate(tries) == ["refused"] * 3
        assert reached == []
        browser.send("Page.navigate", url=foreign)
        browser.wait("true")
        other.shutdown()
    assert reached[:1] == ["/"]  # It could have been reached.


def write_y4m(path, picture, frames=10):
    """An uncompressed video that shows one picture, uint8 `(height, width, 3)` of even sides."""
    planes = np.asarray(Image.fromarray(picture).convert("YCbCr"), np.float32)
    luma = 16 + planes[..., 0] * 219 / 255
    height, width, _ = picture.shape
    chroma = planes[..., 1:].reshape(height // 2, 2, width // 2, 2, 2).mean(axis=(1, 3))
    chroma = 128 + (chroma - 128) * 224 / 255
    planes = [luma, chroma[..., 0], chroma[..., 1]]
    frame = b"FRAME\n" + b"".join(np.rint(plane).astype(np.uint8).tobytes() for plane in planes)
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420\n".encode() + frame * frames)


def test_the_camera_is_protected_as_python_does(program, scene, tmp_path):
    room = np.pad(scene, ((75, 74), (90, 90), (0, 0)), mode="edge")
    write_y4m(tmp_path / "camera.y4m", room)
    flags = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'camera.y4m'}",
    ]
    seen_by_the_page = """(async () => {
      const frame = await createImageBitmap(document.getElementById("video"));
      const canvas = new OffscreenCanvas(frame.width, frame.height);
      canvas.getContext("2d").drawImage(frame, 0, 0);
      const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
      return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    })()"""
    with contextlib.closing(Browser(program, tmp_path / "browser", flags)) as browser, serving(None) as address:
        browser.open(address)
        choose_target(browser, TARGET)
        browser.evaluate('document.getElementById("camera").click()')
        browser.wait('!document.getElementById("download").disabled')
        assert browser.text("status").startswith("The camera is on.")
        frame = pixels_of(base64.b64decode(browser.evaluate(seen_by_the_page)))[..., :3]
        assert frame.shape == room.shape and abs(frame.astype(int) - room).mean() < 8
        content = browser.download()
        wanted = expected(SHIPPED, frame, TARGET)
        assert difference(pixels_of(content), wanted) <= 2
        assert max(shares_shown(browser, 2)) > 0 and "ms" in browser.text("timing")

        # Another target is seen in the next picture.
        choose_target(browser, TARGET - 1)
        name = Protector().identities[TARGET - 1]
        browser.wait(f'document.getElementById("protected-caption").textContent.endsWith("as {name}")')
        assert difference(pixels_of(browser.download()), wanted) > 20

        browser.evaluate("globalThis.track = camera.getTracks()[0]")
        browser.evaluate('document.getElementById("camera").click()')
        assert browser.evaluate("track.readyState") == "ended"
        assert browser.text("camera") == "Use the camera"
        assert all(one.startswith(address) for one in browser.requests())


def test_a_camera_that_is_not_allowed_is_said(browser):
    with serving(None) as address:
        browser.send("Browser.setPermission", permission={"name": "camera"}, setting="denied", origin=address)
        browser.open(address)
        browser.evaluate('document.getElementById("camera").click()')
        browser.wait('document.getElementById("status").classList.contains("bad")')
        assert browser.text("status").startswith("The camera cannot be used:")
        assert browser.evaluate(NOTHING_SHOWN)


def flat(image, target):
    import tensorflow as tf

    return {"protected": 0.0 * image + 0.3 + 0.0 * tf.reduce_sum(target)}


def unchanged(image, target):
    import tensorflow as tf

    return {"protected": image + 0.01 * tf.reduce_sum(target)}


def infinite(image, target):
    import tensorflow as tf

    return {"protected": tf.math.log(0.0 * tf.nn.relu(image)) + tf.reduce_sum(target)}


@pytest.mark.parametrize(
    ("model", "reason"),
    [(flat, "picture of one colour"), (unchanged, "gave the picture back"), (infinite, "not finite")],
)
def test_what_is_not_protected_is_not_shown(model, reason, photograph, browser, tmp_path):
    files = {**stub_files(), "anonymizer_float32.tflite": lite_file(model)}
    with serving(write_export(tmp_path / "export", files)) as address:
        browser.open(address)
        browser.choose(photograph)
        browser.wait(DONE)
        assert browser.text("status").startswith("Not protected:") and reason in browser.text("status")
        assert browser.evaluate(NOTHING_SHOWN)


def test_a_picture_that_fails_takes_the_last_one_away(photograph, browser, stub_page, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photograph.read_bytes()[:50])
    browser.open(stub_page)
    browser.resize(1280, 900)
    browser.drop(photograph)
    browser.wait(DONE)
    assert not browser.evaluate(NOTHING_SHOWN)
    browser.drop(broken)
    browser.wait(DONE)
    assert browser.text("status") == "Not protected: broken.jpg is no picture that this browser can read."
    assert browser.evaluate(NOTHING_SHOWN)
    assert browser.evaluate('!document.getElementById("drop").classList.contains("filled")')


def test_anyone_is_drawn_anew_for_each_picture(photograph, browser, stub_page):
    browser.open(stub_page)
    browser.choose(photograph)
    browser.wait(DONE)
    assert browser.evaluate(
        "[...new Set(Array.from({ length: 200 }, () => (drawTarget(), chosenTarget())))].sort().join()"
    ) == ",".join(str(index) for index in range(len(STUB_IDENTITIES)))


@pytest.mark.parametrize("square", [Square(0, 0, 230), Square(-20, 40, 300), Square(100, -7, 9), Square(50, 60, 64)])
def test_scaling_gives_the_pixels_of_pillow(square, scene, browser, stub_page):
    browser.open(stub_page)
    height, width, _ = scene.shape
    bytes_ = base64.b64encode(np.dstack([scene, np.full((height, width), 255, np.uint8)])).decode()
    script = f"""(() => {{
      const bytes = Uint8ClampedArray.from(atob("{bytes_}"), (letter) => letter.charCodeAt(0));
      const part = cut(pictureOfBytes(bytes, {width}), {{
        left: {square.left}, top: {square.top}, side: {square.side} }});
      return Array.from(scaled(part, {{ left: 0, top: 0, side: {square.side} }}, 64));
    }})()"""
    given = np.reshape(browser.evaluate(script), (64, 64, 3))
    assert (given == scaled(scene, square, 64)).all()


def test_keyboard_and_screen_reader(photograph, browser, stub_page):
    browser.open(stub_page)
    focused = "document.activeElement.id || document.activeElement.value || document.activeElement.tagName"
    stops = []
    for _ in range(4):
        browser.press("Tab")
        stops.append(browser.evaluate(focused))
    assert stops == ["choose", "camera", "INPUT", "SUMMARY"]  # The radio of "anyone" has no value.

    browser.choose(photograph)
    browser.wait(DONE)
    browser.evaluate('document.querySelector("input[name=target]").focus()')
    for name in STUB_IDENTITIES[:2]:
        browser.press("ArrowRight")
        browser.wait(f'document.getElementById("protected-caption").textContent === "Protected, as {name}"')

    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    found = {(one["role"]["value"], one.get("name", {}).get("value")) for one in nodes if not one["ignored"]}
    assert {
        ("button", "Choose a picture"),
        ("button", "Use the camera"),
        ("button", "Download the protected face"),
        ("heading", "Another face, the same expression"),
        ("group", "Shown as"),
        ("image", "Your face, as the model sees it"),
        ("image", f"Protected face, shown as {STUB_IDENTITIES[1]}"),
        ("table", "Expression, as the model reads it"),
        ("rowheader", "joy"),
        ("columnheader", "Protected"),
    } <= found
    assert {("radio", name) for name in ("anyone", *STUB_IDENTITIES)} <= found
    assert "status" in {role for role, _ in found}


def test_it_fits_a_phone_and_moves_nothing_for_those_who_ask(photograph, browser, stub_page):
    browser.open(stub_page)
    browser.choose(photograph)
    browser.wait(DONE)
    for width in (320, 390, 1280):
        browser.resize(width, 800)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
    duration = 'getComputedStyle(document.querySelector(".bar")).transitionDuration'
    assert browser.evaluate(duration) != "0s"
    browser.resize(390, 800, motion="reduce")
    assert browser.evaluate(duration) == "0s"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(scheme, browser, stub_page):
    browser.open(stub_page)
    browser.resize(1280, 800, scheme)
    names = ("paper", "card", "ink", "quiet", "strong", "on-strong", "bad")
    style = "getComputedStyle(document.documentElement)"
    colours = {name: luminance(browser.evaluate(f'{style}.getPropertyValue("--{name}")')) for name in names}
    assert (colours["paper"] > colours["ink"]) == (scheme == "light")
    pairs = [("on-strong", "strong"), *((text, back) for text in ("ink", "quiet", "bad") for back in ("paper", "card"))]
    for text, back in pairs:
        light, dark = sorted((colours[text], colours[back]), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, back)


def luminance(colour):
    """Relative luminance of "#rrggbb", as WCAG 2 defines it."""
    parts = np.array([int(pair, 16) for pair in re.findall("..", colour.strip().removeprefix("#"))]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
