"""A headless Chromium that tests drive over the DevTools protocol, through two pipes: standard library alone."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PATIENCE = 60  # seconds until a browser that says nothing counts as hung


def find_browser():
    """Path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """One page in a browser of its own; close it.

    Args:
        program: path of Chromium.
        folder: Path of a new folder for its profile and what it downloads.
        flags: more flags.

    Attributes:
        events: what the browser reported since the page was opened: list of {"method": str, "params": dict}.
    """

    def __init__(self, program, folder, flags=()):
        self._downloads = folder / "downloads"
        self._downloads.mkdir(parents=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()

        def as_three_and_four():
            # By way of high numbers, as the pipes may have these two themselves.
            source, sink = (os.dup2(one, number) for one, number in ((theirs_in, 100), (theirs_out, 101)))
            os.dup2(source, 3)
            os.dup2(sink, 4)

        command = [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, preexec_fn=as_three_and_four, close_fds=False, **quiet)
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in, self._unread = ours_out, ours_in, b""
        self._numbers, self._session, self.events = itertools.count(1), None, []
        pages = self.send("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in pages if one["type"] == "page")
        where = {"behavior": "allow", "downloadPath": str(self._downloads), "eventsEnabled": True}
        self.send("Browser.setDownloadBehavior", **where)
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "DOM"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        """Call a method of the protocol and return its result."""
        message = {"id": next(self._numbers), "method": method, "params": parameters}
        if self._session and not method.startswith(("Browser.", "Target.")):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != message["id"]:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _read(self):
        while b"\0" not in self._unread:
            assert select.select([self._in], [], [], PATIENCE)[0], "the browser says nothing"
            part = os.read(self._in, 1 << 20)
            assert part, "the browser ended"
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def evaluate(self, script):
        """The value of a JavaScript expression, awaited."""
        result = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, f"{script}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def wait(self, condition):
        """Return the value of a JavaScript expression once it is true."""
        end = time.monotonic() + PATIENCE
        while not (value := self.evaluate(condition)):
            assert time.monotonic() < end, f"never came: {condition}; the page says: {self.text('status')}"
            time.sleep(0.02)
        return value

    def text(self, name):
        """The text of the element with that id."""
        return self.evaluate(f"document.getElementById({json.dumps(name)})?.textContent")

    def open(self, address):
        """Open the page and wait until it can be used, or says why it cannot."""
        self.events.clear()
        self.send("Page.navigate", url=address)
        self.wait('/^(Ready|Cannot)/.test(document.getElementById("status")?.textContent)')

    def choose(self, *paths):
        """Give files to the page's file input."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.send("DOM.setFileInputFiles", files=list(map(str, paths)), nodeId=node)

    def press(self, key):
        """Press one key: "Tab", "ArrowRight" or " "."""
        code = {"Tab": 9, "ArrowRight": 39, " ": 32}[key]
        names = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", **names, **({"text": " "} if key == " " else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **names)

    def drop(self, path):
        """Drop a file in the middle of the page."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=300, y=300, data=data)

    def download(self):
        """Press the download button: bytes of the file."""
        known = len(self.events)
        self.evaluate('document.getElementById("download").click()')
        states = ()
        end = time.monotonic() + PATIENCE
        while "completed" not in states:
            assert time.monotonic() < end, "nothing was downloaded"
            self.evaluate("0")  # takes in what was reported
            progress = [one["params"] for one in self.events[known:] if one["method"] == "Browser.downloadProgress"]
            states = {one["state"] for one in progress}
            time.sleep(0.02)
        (path,) = self._downloads.iterdir()
        content = path.read_bytes()
        path.unlink()
        return content

    def requests(self):
        """Addresses of all requests since the page was opened, other than of the page's own `data:` and `blob:`."""
        reported = [one["params"] for one in self.events if one["method"] == "Network.requestWillBeSent"]
        addresses = [one["request"]["url"] for one in reported]
        return [address for address in addresses if not address.startswith(("data:", "blob:"))]

    def picture(self, width, height, scheme="light"):
        """A screenshot of the whole page at a size and colour scheme: bytes of a PNG file."""
        self.resize(width, height, scheme)
        return base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def resize(self, width, height, scheme="light", motion="no-preference"):
        """Show the page at a size, and as somebody prefers it."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        listed = [{"name": name, "value": value} for name, value in features.items()]
        self.send("Emulation.setEmulatedMedia", features=listed)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def close(self):
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
