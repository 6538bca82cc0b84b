"""The 3D face model: read from a clone of ICT-FaceKit, and its parts."""

import dataclasses
import hashlib
import json
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from vgan_tf.errors import InputError
from vgan_tf.files import cache_folder, replacing

VERTICES = 26719
MODES = 100
NEUTRAL_FILE = "generic_neutral_mesh.obj"
INDEX_FILE = "vertex_indices.json"
# One file holds the whole model, too: differences from the neutral, under these names.
ARRAYS_FILE = "arrays.npz"
ARRAYS = ("neutral", "tris", "expr_names", "expr", "ident", "landmarks")
UNLISTED_SHAPES = ("PupilDilate_L", "PupilDilate_R", "cheekRaiser_L", "cheekRaiser_R")  # not in INDEX_FILE
CLONE = "git clone https://github.com/ICT-VGL/ICT-FaceKit"
# Vertex ranges of the model's parts.
FACE = slice(0, 9409)
HEAD = slice(9409, 11248)  # and neck
MOUTH_SOCKET = slice(11248, 13294)
EYE_SOCKETS = slice(13294, 14062)
GUMS = slice(14062, 17039)  # and tongue
TEETH = slice(17039, 21451)
LEFT_EYE = slice(21451, 22221)
LEFT_IRIS = slice(22221, 23021)
RIGHT_EYE = slice(23021, 23791)
RIGHT_IRIS = slice(23791, 24591)
EYE_FILM = slice(24591, 25351)  # where lids meet the eyes
LASHES = slice(25351, 26719)


@dataclasses.dataclass(frozen=True)
class HeadModel:
    """ICT-FaceKit: a head of `VERTICES` vertices, in centimetres; y is up, z is where it looks, its left is at +x.

    Attributes:
        neutral: float32 `(v, 3)`.
        triangles: int32 `(t, 3)`.
        shape_names: names of the `e` blendshapes of expression.
        shapes: float32 `(e, v, 3)`, differences from the neutral at weight 1.
        modes: float32 `(m, v, 3)`, differences of the identity modes, at weight 1: one standard deviation.
        landmarks: int64 `(68,)`, vertices of the usual 68 landmarks.
    """

    neutral: np.ndarray
    triangles: np.ndarray
    shape_names: tuple
    shapes: np.ndarray
    modes: np.ndarray
    landmarks: np.ndarray


def load_model(folder):
    """Read the model. What was read of a clone is kept in `cache_folder()`, as reading its 158 files takes seconds.

    Differences are rounded to half precision, at most 0.001 cm off.

    Args:
        folder: a clone of ICT-FaceKit, with FaceXModel/*.obj, or a folder with the same in one file, `arrays.npz`.

    Returns:
        HeadModel.

    Raises:
        InputError: no such folder, no clone or half a clone, a file that cannot be read, another topology.
    """
    folder, files = _files(folder)
    if files[0].name == ARRAYS_FILE:
        return _from_arrays(files[0])
    cached = cache_folder() / f"ict_facekit-{_digest(files)}.npz"
    if cached.exists():
        try:
            return _from_arrays(cached)
        except InputError:
            cached.unlink()  # damaged
    model = _from_clone(folder / "FaceXModel")
    arrays = (model.neutral, model.triangles, np.array(model.shape_names))
    differences = (model.shapes.astype(np.float16), model.modes.astype(np.float16), model.landmarks)
    with replacing(cached) as temporary:
        np.savez(temporary, **dict(zip(ARRAYS, (*arrays, *differences), strict=True)))
    return model


def model_stamp(folder):
    """A text that changes when a file of the model does; errors as for `load_model` where files are missing."""
    return _digest(_files(folder)[1])


def _files(folder):
    """(the folder as Path, the files that make the model); InputError where some are missing."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name a clone of ICT-FaceKit ({CLONE})")
    if (folder / ARRAYS_FILE).is_file():
        return folder, [folder / ARRAYS_FILE]
    root = folder / "FaceXModel"
    for name in (NEUTRAL_FILE, INDEX_FILE):
        if not (root / name).is_file():
            raise InputError(f"{folder}: no clone of ICT-FaceKit: FaceXModel/{name} is missing ({CLONE})")
    listed, _ = _read_index(root / INDEX_FILE)
    names = [f"identity{mode:03d}" for mode in range(MODES)] + [*UNLISTED_SHAPES, *listed]
    missing = [f"{name}.obj" for name in names if not (root / f"{name}.obj").is_file()]
    if missing:
        raise InputError(
            f"{folder}: half a clone of ICT-FaceKit: {len(missing)} of {len(names)} identity and expression files are "
            f"missing, first FaceXModel/{missing[0]}; clone it again"
        )
    return folder, [root / NEUTRAL_FILE, root / INDEX_FILE, *(root / f"{name}.obj" for name in names)]


def _digest(files):
    lines = [f"{file.name} {status.st_size} {status.st_mtime_ns}" for file in files for status in [file.stat()]]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _read_index(path):
    """(names of the blendshapes listed, int64 `(68,)` landmarks)."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        names = tuple(map(str, index["expressions"]))
        return names, np.array(index["idx_to_landmark_verts"], np.int64).reshape(68)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no index of ICT-FaceKit ({type(error).__name__}: {error}); clone it again") from None


def _from_arrays(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            neutral, triangles, names, shapes, modes, landmarks = (file[name] for name in ARRAYS)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: no whole model ({error}); its arrays are {', '.join(ARRAYS)}") from None
    if neutral.shape != (VERTICES, 3) or shapes.shape[1:] != neutral.shape or modes.shape[1:] != neutral.shape:
        raise InputError(_other_topology(path, len(neutral)))
    return HeadModel(
        neutral=neutral.astype(np.float32),
        triangles=triangles.astype(np.int32),
        shape_names=tuple(names.tolist()),
        shapes=shapes.astype(np.float16).astype(np.float32),
        modes=modes.astype(np.float16).astype(np.float32),
        landmarks=landmarks.astype(np.int64),
    )


def _from_clone(root):
    listed, landmarks = _read_index(root / INDEX_FILE)
    names = tuple(sorted((*UNLISTED_SHAPES, *listed)))
    neutral, triangles = read_obj(root / NEUTRAL_FILE)

    def differences(names):
        shapes = np.empty((len(names), VERTICES, 3), np.float32)
        for row, name in enumerate(names):
            shapes[row] = (read_obj(root / f"{name}.obj", with_faces=False)[0] - neutral).astype(np.float16)
        return shapes

    modes = differences([f"identity{mode:03d}" for mode in range(MODES)])
    return HeadModel(neutral, triangles, names, differences(names), modes, landmarks)


def read_obj(path, with_faces=True):
    """Read vertices and faces of a Wavefront OBJ file of the model's topology.

    Args:
        path: Path.
        with_faces: whether to read faces, too.

    Returns:
        (float32 `(VERTICES, 3)`, int32 `(t, 3)`: quads are split into triangles; None without faces).

    Raises:
        InputError: a line that cannot be read, with its number; another number of vertices.
    """
    lines = path.read_bytes().splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if line.startswith(b"v ")]
    vertices = [_numbers(path, number, lines[number - 1]) for number in numbers]
    if len(vertices) != VERTICES:
        raise InputError(_other_topology(path, len(vertices)))
    triangles = None
    if with_faces:
        faces = [_corners(path, n, line) for n, line in enumerate(lines, 1) if line.startswith(b"f ")]
        triangles = np.array([(f[0], f[i], f[i + 1]) for f in faces for i in range(1, len(f) - 1)], np.int32)
        if not len(triangles):
            raise InputError(f"{path}: no faces; clone ICT-FaceKit again")
    return np.array(vertices, np.float32), triangles


def _numbers(path, number, line):
    """The three coordinates of a line `v X Y Z`."""
    try:
        x, y, z = map(float, line.split()[1:])
    except ValueError:
        x = y = z = math.nan
    if not math.isfinite(x + y + z):
        raise InputError(_corrupt(path, number, line, "three numbers"))
    return x, y, z


def _corners(path, number, line):
    """Vertices, from 0, of a line `f V/T V/T V/T V/T`."""
    try:
        corners = [int(corner.partition(b"/")[0]) - 1 for corner in line.split()[1:]]
    except ValueError:
        corners = []
    if len(corners) not in (3, 4) or not all(0 <= corner < VERTICES for corner in corners):
        raise InputError(_corrupt(path, number, line, f"three or four vertices from 1 to {VERTICES}"))
    return corners


def _corrupt(path, number, line, wanted):
    return f"{path}: line {number}: {line[:40].decode(errors='replace')!r} has not {wanted}; clone ICT-FaceKit again"


def _other_topology(path, count):
    return f"{path}: {count} vertices, but ICT-FaceKit has {VERTICES}: another model, or a file that is not whole"
