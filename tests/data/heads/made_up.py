"""A made-up head of ICT-FaceKit's form, for tests: a clone of the real one is nothing that a fresh checkout has."""

import numpy as np

from vgan_tf.data.heads import model as parts

ROWS, COLUMNS = 76, 148  # of the skin: all of the face, head and neck
SIDED = (
    "PupilDilate browDown browInnerUp browOuterUp cheekPuff cheekRaiser cheekSquint eyeBlink eyeLookDown eyeLookIn "
    "eyeLookOut eyeLookUp eyeSquint eyeWide mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile mouthStretch "
    "mouthUpperUp noseSneer"
)
WHOLE = (
    "jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft mouthPucker mouthRight mouthRollLower "
    "mouthRollUpper mouthShrugLower mouthShrugUpper"
)
SHAPES = tuple(sorted([f"{name}_{side}" for name in SIDED.split() for side in "LR"] + WHOLE.split()))
# The parts inside, where their middle is, and their radius.
INSIDE = (
    (parts.MOUTH_SOCKET, (0, -3.4, 5), 1.5),
    (parts.EYE_SOCKETS, (0, 3.4, 5), 1.0),
    (parts.GUMS, (0, -3.4, 5), 1.2),
    (parts.TEETH, (0, -3.4, 6), 1.0),
    (parts.LEFT_IRIS, (3.1, 3.4, 6.8), 0.5),
    (parts.RIGHT_IRIS, (-3.1, 3.4, 6.8), 0.5),
    (parts.EYE_FILM, (0, 3.4, 6), 0.5),
    (parts.LASHES, (3.1, 3.9, 7.2), 0.6),
)
EYES = ((parts.LEFT_EYE, (3.1, 3.4, 8.2)), (parts.RIGHT_EYE, (-3.1, 3.4, 8.2)))  # they bulge from the face


def head_model():
    """A HeadModel of rounds: skull, ears, nose, neck and the beginning of the shoulders; nothing of it moves."""
    row = np.linspace(0, 1, ROWS)[:, None]
    angle = 2 * np.pi * np.arange(COLUMNS) / COLUMNS
    y = np.interp(row, [0, 0.75, 0.9, 1], [14.5, -7.5, -12, -15]) + 0 * angle
    radius = np.where(y > -7.5, 7.6 * np.sqrt(np.maximum(1 - ((y - 3.5) / 11.2) ** 4, 0)), 0)
    radius = np.maximum(radius, np.interp(-y, [5, 6, 11, 15], [0, 5.5, 6.5, 12]))
    depth = np.interp(row, [0.75, 0.9, 1], [1.25, 0.9, 0.62])  # of its width
    ear = (np.abs(y - 1) < 3) & (np.abs(np.sin(angle)) > 0.98)
    nose = np.exp(-(((y - 0.5) / 1.5) ** 2) - (8 * np.sin(angle / 2)) ** 2)
    x, z = (radius + 1.4 * ear) * np.sin(angle), (depth * radius + 2 * nose) * np.cos(angle)
    y = y - np.maximum(0, np.cos(angle)) * np.interp(row, [0.85, 1], [0, 4])
    neutral = np.zeros((parts.VERTICES, 3), np.float32)
    skin = neutral[: ROWS * COLUMNS]
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    # As in the real one, the first vertices are the face, and those of the scalp come after.
    order = np.argsort(2 * np.maximum(points[:, 1] - 9, 0) - points[:, 2], kind="stable")
    skin[:] = points[order]
    first = np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS)
    right = np.arange(ROWS - 1)[:, None] * COLUMNS + (np.arange(COLUMNS) + 1) % COLUMNS
    triangles = [np.stack([first, first + COLUMNS, right], -1), np.stack([right, first + COLUMNS, right + COLUMNS], -1)]
    triangles = [np.argsort(order)[one] for one in triangles]
    random = np.random.default_rng(0)
    for part, middle, size in INSIDE:
        around = random.normal(size=(part.stop - part.start, 3))
        neutral[part] = middle + size * around / np.linalg.norm(around, axis=1, keepdims=True)
        start = np.arange(part.start, part.stop - 2)
        triangles.append(np.stack([start, start + 1, start + 2], -1))
    polar, around = np.meshgrid(np.linspace(0, np.pi, 22), np.linspace(0, 2 * np.pi, 35), indexing="ij")
    ball = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1).reshape(-1, 3)
    for part, middle in EYES:
        neutral[part] = middle + 1.2 * ball
        corner = part.start + (np.arange(21)[:, None] * 35 + np.arange(34)).ravel()
        triangles += [
            np.stack([corner, corner + 35, corner + 1], -1),
            np.stack([corner + 1, corner + 35, corner + 36], -1),
        ]
    front = np.flatnonzero(skin[:, 2] > 0)
    nearest = np.linalg.norm(skin[front, None, :2] - _landmarks(), axis=-1).argmin(0)
    return parts.HeadModel(
        neutral=neutral,
        triangles=np.concatenate([one.reshape(-1, 3) for one in triangles]).astype(np.int32),
        shape_names=SHAPES,
        shapes=np.zeros((len(SHAPES), parts.VERTICES, 3), np.float32),
        modes=np.zeros((parts.MODES, parts.VERTICES, 3), np.float32),
        landmarks=front[nearest],
    )


def _landmarks():
    """Where the 68 landmarks are wanted, seen from the front: `(68, 2)`."""
    along = np.linspace(-1, 1, 17)
    wanted = np.zeros((68, 2))
    wanted[:17] = np.stack([7.3 * np.sin(1.5 * along), -7.2 + 10.9 * np.abs(along) ** 1.6], 1)
    wanted[17:27] = [(x, 6.0) for x in (-5.8, -4.9, -3.8, -2.4, -1.2, 1.2, 2.4, 3.8, 4.9, 5.8)]
    wanted[27:31] = [(0, y) for y in (3.7, 2.6, 1.6, 0.4)]
    wanted[31:36] = [(x, -1.1) for x in (-1.2, -0.6, 0, 0.6, 1.2)]
    eye = np.array([(-1.4, 0), (-0.7, 0.5), (0.7, 0.5), (1.4, 0), (0.7, -0.5), (-0.7, -0.5)])
    wanted[36:42], wanted[42:48] = eye + (-3.1, 3.4), eye + (3.1, 3.4)
    for marks, size in ((slice(48, 60), 1.0), (slice(60, 68), 0.6)):  # from the left corner over the upper lip
        turn = np.pi - 2 * np.pi * np.arange(marks.stop - marks.start) / (marks.stop - marks.start)
        wanted[marks] = np.stack([2.4 * size * np.cos(turn), -3.4 + 0.9 * size * np.sin(turn)], 1)
    return wanted


def farthest(positions, triangles, centre, points):
    """How far a surface lies from the centre towards each point, in distances of that point."""
    corner = positions[triangles[:, 0]] - centre
    one, two = (positions[triangles[:, k]] - positions[triangles[:, 0]] for k in (1, 2))
    reach = []
    for point in points - centre:
        cross = np.cross(point, two)
        scale = (cross * one).sum(1)
        scale = np.where(np.abs(scale) < 1e-9, np.inf, scale)
        u = -(cross * corner).sum(1) / scale
        other = np.cross(-corner, one)
        v, t = (other * point).sum(1) / scale, (other * two).sum(1) / scale
        reach.append(np.max(np.where((u > -1e-4) & (v > -1e-4) & (u + v < 1 + 1e-4), t, 0)))
    return np.array(reach)


def write_model(folder):
    """Write `head_model()` as a folder that `load_model` reads."""
    model = head_model()
    arrays = {
        "neutral": model.neutral,
        "tris": model.triangles,
        "expr_names": np.array(model.shape_names),
        "expr": model.shapes.astype(np.float16),
        "ident": model.modes.astype(np.float16),
        "landmarks": model.landmarks,
    }
    np.savez_compressed(folder / parts.ARRAYS_FILE, **arrays)
