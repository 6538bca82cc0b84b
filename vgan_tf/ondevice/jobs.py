"""Jobs of several files: what became of each, how an interrupted job goes on, and which files are ready to be taken."""

import contextlib
import json
import time
from typing import NamedTuple

JOURNAL = ".protecting.jsonl"  # beside the outputs while a job runs
SETTLED_SECONDS = 2.0  # after which a file that has not changed is taken to be whole
LOOK_SECONDS = 0.5  # between two looks into a watched folder


class Outcome(NamedTuple):
    """What became of one file.

    state: "written", "refused" or "failed". faces: found in it. protected: of these. why: of what is not protected.
    """

    state: str
    faces: int = 0
    protected: int = 0
    why: str = ""


class Journal:
    """Which outputs of a job are whole, so that the same job, stopped and started again, leaves them alone.

    A file in each folder of outputs holds what the job was asked to do and, for each output that is whole, when it and
    its input were last changed. Another job does not go on with it, and one that comes to its end removes it. So a job
    that was not stopped does all its work each time.

    Args:
        settings: what all outputs depend on, a dict that JSON holds.
        folders: set of Path, of the outputs.
    """

    def __init__(self, settings, folders):
        self._first = json.dumps({"settings": settings}, sort_keys=True)
        self._files = {folder / JOURNAL for folder in folders}
        self._known = {}
        for file in self._files:
            if not self._read(file):
                file.unlink(missing_ok=True)

    def _read(self, file):
        """Read what an earlier run of this job has left: whether it was this job."""
        try:
            first, *lines = file.read_text(encoding="utf-8").splitlines() or [""]
        except (OSError, UnicodeDecodeError):
            return False
        for line in lines if first == self._first else ():
            with contextlib.suppress(ValueError):  # the last one may be cut off
                entry = json.loads(line)
                self._known[tuple(entry["stamps"])] = Outcome(*entry["outcome"])
        return first == self._first

    def before(self, path, destination):
        """The Outcome of an output that an interrupted job has left whole, or None."""
        return self._known.get(_stamps(path, destination))

    def add(self, path, destination, outcome):
        """Note that an output is whole."""
        file = destination.parent / JOURNAL
        new = not file.exists()
        with open(file, "a", encoding="utf-8") as journal:
            if new:
                journal.write(self._first)
            entry = {"stamps": _stamps(path, destination), "outcome": outcome}
            journal.write(f"\n{json.dumps(entry)}")  # on a line of its own, also after one that was cut off

    def end(self):
        """Forget the job: it has come to its end."""
        for file in self._files:
            file.unlink(missing_ok=True)


def settled(folder, wanted):
    """Files of a folder that are there, come or change, each as soon as its size and time have stood still for a while.

    Args:
        folder: Path.
        wanted: Path -> whether it is looked for.

    Yields:
        Path, for ever.
    """
    seen, taken = {}, {}  # stamps, with the second since when they stand; stamps
    while True:
        now = time.monotonic()
        stamps = {path: _stamp(path) for path in sorted(folder.iterdir()) if wanted(path)}
        stands = {path for path, stamp in stamps.items() if path in seen and seen[path][0] == stamp}
        seen = {path: seen[path] if path in stands else (stamp, now) for path, stamp in stamps.items()}
        for path, (stamp, since) in seen.items():
            ready = now - since >= SETTLED_SECONDS and stamp and stamp != taken.get(path)
            if ready and stamp == _stamp(path):  # it may have changed while another was worked on
                taken[path] = stamp
                yield path
        time.sleep(LOOK_SECONDS)


def table(outcomes):
    """What became of several files, as plain text: a line for each, and one for all.

    Args:
        outcomes: {Path: Outcome}.
    """
    rows = [("file", "faces", "protected", "")]
    for path, (state, faces, protected, why) in outcomes.items():
        note = "" if state == "written" else f"{state}: "
        rows.append((str(path), str(faces), str(protected), note + why))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{name:<{widths[0]}}  {faces:>{widths[1]}}  {protected:>{widths[2]}}  {note}".rstrip()
        for name, faces, protected, note in rows
    ]
    states = [outcome.state for outcome in outcomes.values()]
    faces, protected = (sum(getattr(one, name) for one in outcomes.values()) for name in ("faces", "protected"))
    written, refused, failed = (states.count(state) for state in ("written", "refused", "failed"))
    counts = f"{len(states)} files: {written} written, {refused} refused, {failed} failed"
    lines.append(f"{counts}; {protected} of {faces} faces protected")
    return "\n".join(lines)


def _stamps(path, destination):
    """Names, sizes and times of an input and its output: tuple."""
    return str(path), destination.name, *_stamp(path), *_stamp(destination)


def _stamp(path):
    """Size and time of a file: tuple, empty where it is gone."""
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    return ()
