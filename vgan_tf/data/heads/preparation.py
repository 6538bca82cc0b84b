"""Rendering a data set into files of the cache folder, by all cores; what was interrupted goes on where it was.

A set is a folder of files: images, counterparts, labels. While it is rendered its name begins with ".partial-", and the
file `done` says which blocks are whole.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vgan_tf.data.heads import drawing
from vgan_tf.data.heads.cast import cast_of
from vgan_tf.data.heads.model import load_model, model_stamp
from vgan_tf.data.stored import check_room, open_images
from vgan_tf.errors import InputError
from vgan_tf.files import cache_folder, replacing, write_json

BLOCK = 100  # pictures rendered between two looks at the disk
SECONDS_BETWEEN_LOOKS = 0.2
LABELS_WIDTH = 4  # bytes of a float32
# Of whatever renders: one thread each, as workers together keep all cores busy; and vectors of 128 bits, with which
# Mesa draws triangles of a pixel or two in a seventh less time than with wider ones, to the same bytes.
ENVIRONMENT = {"LP_NUM_THREADS": "0", "OMP_NUM_THREADS": "1", "LP_NATIVE_VECTOR_WIDTH": "128"}


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Rendered pictures: arrays or StoredImages.

    Attributes:
        images: uint8 `(n, size, size, 3)`.
        counterparts: uint8 `(n, size, size, 4)`, or None.
        labels: float32 `(n, width)`, see `Heads.draw`.
    """

    images: np.ndarray
    counterparts: np.ndarray | None
    labels: np.ndarray


def prepare(heads, numbers, size, counterparts, width, processes=None):
    """Render pictures, or find them rendered.

    Args:
        heads: Heads.
        numbers: int64 `(n,)`, which of its pictures.
        size: their side in pixels.
        counterparts: whether to render their counterparts, too.
        width: number of labels of a picture.
        processes: worker processes; None takes one for each core.

    Returns:
        Prepared.

    Raises:
        InputError: the model cannot be read, nothing can be rendered here, or there is no room.
    """
    who = {**dataclasses.asdict(heads), "cast": {name: dataclasses.asdict(person) for name, person in heads.cast}}
    plan = {**who, "size": size, "counterparts": counterparts, "width": width, "block": BLOCK}
    # The pictures depend on what the model's files hold, not on where they are.
    known = {**plan, "model": model_stamp(heads.model), "version": drawing.VERSION}
    for option in ("other_lights", "unaligned"):
        if not known[option]:
            del known[option]  # so that sets from before there was this option are found
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode() + numbers.astype(np.int64).tobytes())
    folder = cache_folder() / "heads" / digest.hexdigest()[:32]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent / "lock"):
            if not folder.is_dir():  # another process may have rendered it meanwhile
                _render(folder, plan, heads, numbers, processes)
    shapes = _shapes(plan, len(numbers))
    files = {name: open_images(folder / name, shapes[name]) for name in shapes if name != "labels"}
    labels = np.fromfile(folder / "labels", np.float32).reshape(len(numbers), width)
    return Prepared(files["images"], files.get("counterparts"), labels)


def render_share(folder, share, shares):
    """Render what is left of the blocks share, share + shares, ... of a folder that `prepare` has laid out."""
    from vgan_tf.data.heads.dataset import Heads
    from vgan_tf.data.heads.renderer import Renderer

    folder = Path(folder)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    numbers = np.load(folder / "numbers.npy", allow_pickle=False)
    who = {field.name: plan[field.name] for field in dataclasses.fields(Heads)}
    heads = Heads(**{**who, "cast": tuple(cast_of(who["cast"]).items())})
    rows, parent = _order(heads, numbers), os.getppid()
    renderer = Renderer(load_model(heads.model))
    with contextlib.ExitStack() as stack:
        files = {
            name: (stack.enter_context(open(folder / name, "r+b", buffering=0)), math.prod(shape[1:]))
            for name, shape in _shapes(plan, len(numbers)).items()
        }
        done = stack.enter_context(open(folder / "done", "r+b", buffering=0))
        state = done.read()
        for block in range(share, len(state), shares):
            if state[block]:
                continue
            for row in rows[block * plan["block"] : (block + 1) * plan["block"]].tolist():
                if os.getppid() != parent:  # whoever started this is gone
                    return
                drawn = heads.draw(renderer, int(numbers[row]), plan["size"], plan["counterparts"])
                for name, (file, item_bytes) in files.items():
                    _write(file, item_bytes, row, drawn[name])
            for file, _ in files.values():
                os.fsync(file.fileno())
            _write(done, 1, block, np.uint8(1))


def _write(file, item_bytes, row, picture):
    """Write one row of a file; InputError where the disk is full."""
    content = np.ascontiguousarray(picture).tobytes()
    file.seek(row * item_bytes)
    try:
        written = file.write(content)
    except OSError as error:
        raise InputError(f"{file.name}: {error.strerror}; then start again: it goes on where it was") from None
    if written != len(content):
        raise InputError(f"{file.name}: the disk is full; make room and start again: it goes on where it was")


def _shapes(plan, count):
    """File name -> shape of what it holds, in bytes."""
    shapes = {"images": (count, plan["size"], plan["size"], 3)}
    if plan["counterparts"]:
        shapes["counterparts"] = (count, plan["size"], plan["size"], 4)
    return {**shapes, "labels": (count, LABELS_WIDTH * plan["width"])}


def _order(heads, numbers):
    """Rows in the order in which they are rendered: person by person, as a person costs more than a motion."""
    identity = [heads.identity(number) for number in numbers.tolist()]
    return np.lexsort((numbers, identity))


def _render(folder, plan, heads, numbers, processes):
    """Render into a partial folder, which takes its name when all is there."""
    import moderngl  # noqa: F401 - where it is missing, that is said at once

    partial = folder.with_name(f".partial-{folder.name}")
    shapes, blocks = _shapes(plan, len(numbers)), -(-len(numbers) // BLOCK)
    if not (partial / "done").exists():
        check_room(partial, sum(map(math.prod, shapes.values())), "rendered pictures")
        np.save(partial / "numbers.npy", numbers)
        for name, shape in shapes.items():
            with open(partial / name, "wb") as file:
                file.truncate(math.prod(shape))
        with replacing(partial / "done") as temporary:  # last: with it, all others are laid out
            temporary.write_bytes(bytes(blocks))
    write_json(partial / "plan.json", plan)  # anew: the model may have moved
    _render_in_processes(partial, min(processes or os.cpu_count() or 1, blocks), len(numbers), plan)
    if 0 in (partial / "done").read_bytes():
        raise InputError(f"{partial}: not all was rendered; start again: it goes on where it was")
    os.replace(partial, folder)


def _render_in_processes(partial, processes, count, plan):
    """`render_share` in processes that are started as commands, for the reasons that avatars give."""
    root = str(Path(__file__).resolve().parents[3])
    environment = {
        **os.environ,
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }
    what = f"{count} {'pairs' if plan['counterparts'] else 'pictures'} of {plan['size']} pixels"
    if not sys.stderr.isatty():
        print(f"rendering {what}", file=sys.stderr, flush=True)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(
            tqdm(total=count, desc=f"rendering {what}", disable=not sys.stderr.isatty(), dynamic_ncols=True)
        )
        workers = []
        for share in range(processes):
            command = [sys.executable, "-m", "vgan_tf.data.heads", str(partial), str(share), str(processes)]
            errors = stack.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
            worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
            stack.callback(_end, worker)
            workers.append((worker, errors))
        while running := [worker for worker, _ in workers if worker.poll() is None]:
            for worker, errors in workers:
                if worker.returncode:
                    _fail(worker, errors)
            bar.update(min(count, BLOCK * (partial / "done").read_bytes().count(1)) - bar.n)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running[0].wait(SECONDS_BETWEEN_LOOKS)
        for worker, errors in workers:
            if worker.returncode:
                _fail(worker, errors)
        bar.update(count - bar.n)


def _end(worker):
    worker.kill()
    worker.wait()


def _fail(worker, errors):
    """Say why a worker ended: its own line where it knew, else all that it wrote."""
    errors.seek(0)
    written = errors.read()
    if worker.returncode < 0:
        raise InputError(f"rendering was killed (signal {-worker.returncode}); start again: it goes on where it was")
    if worker.returncode == 2 and "error: " in written:
        raise InputError(written.rpartition("error: ")[2].strip())
    raise RuntimeError(f"rendering failed in: {' '.join(worker.args)}\n{written}")


@contextlib.contextmanager
def _alone(path):
    """Wait until no other process renders: one takes all cores. The lock goes with the process that holds it."""
    import fcntl

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
