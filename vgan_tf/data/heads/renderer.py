"""Heads to pictures, by OpenGL: on a machine without a screen by EGL, in Mesa without a graphics card."""

import functools
from pathlib import Path

import moderngl
import numpy as np

from vgan_tf.data.heads import hair, paint, placing
from vgan_tf.data.heads import model as parts
from vgan_tf.data.heads.accessories import pieces
from vgan_tf.data.heads.eyelids import Eyelids
from vgan_tf.data.heads.motions import settle
from vgan_tf.data.heads.simplification import simplified
from vgan_tf.errors import InputError

OVERSAMPLING = 5, 4  # a side of what is drawn over a side of the picture: five pixels become four
SHADOW_SIZE = 192
GAZE_LIMITS = 30.0, 22.0  # degrees, of gaze_x and gaze_y at 1
CLOSED = 0.11  # cm between the inner edges of lips that show nothing behind them
PEOPLE_KEPT = 512
PAINTED_SIZE = 224
OPENNESS_DIRECTIONS, OPENNESS_SIZE = 60, 192

_SKIN = (parts.FACE, parts.HEAD)
_MOUTH = {  # part -> colour, how wet
    "socket": (parts.MOUTH_SOCKET, (0.30, 0.07, 0.06), 0.0),
    "gums": (parts.GUMS, (0.42, 0.14, 0.13), 0.12),
    "teeth": (parts.TEETH, (0.66, 0.62, 0.53), 0.20),
}
_EYES = {"left": parts.LEFT_EYE, "right": parts.RIGHT_EYE}


class Renderer:
    """Draws pictures of one head model.

    Args:
        model: `HeadModel`.

    Raises:
        InputError: there is no OpenGL here.
    """

    def __init__(self, model):
        self.model, self._lids = model, Eyelids(model)
        try:
            self.context = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as error:
            raise InputError(
                "heads: no OpenGL 3.3 by EGL on this machine; install libegl1 and libgl1-mesa-dri "
                f"(Debian, Ubuntu) ({' '.join(str(error).split())})"
            ) from None
        context = self.context
        self._programs = {name: _program(context, name) for name in ("skin", "eye", "mouth", "lash", "hair", "piece")}
        self._paint = context.program(_source("paint.vert"), fragment_shader=_source("paint.frag"))
        corners = context.buffer(np.float32([-1, -1, 1, -1, -1, 1, 1, 1]).tobytes())
        self._sheet = context.vertex_array(self._paint, [(corners, "2f", "corner")])
        self._depth = context.program(_source("common.vert"), fragment_shader=_source("depth.frag"))
        self._textures = [_texture(context, pixels) for pixels in (*paint.maps(model), paint.noise())]
        for texture in self._textures[:2]:
            texture.repeat_x = texture.repeat_y = False
        self._noise = self._textures[2]
        self._noise.build_mipmaps()
        self._noise.filter = moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR
        self._shadow_map = context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func, self._shadow_map.repeat_x, self._shadow_map.repeat_y = "", False, False
        self._shadow_map.filter = moderngl.NEAREST, moderngl.NEAREST
        self._shadow_target = context.framebuffer(depth_attachment=self._shadow_map)
        self._targets, self._people = {}, {}

        triangles = _sorted(simplified(model), model.neutral)
        skin = _within(triangles, *_SKIN)
        inner = _within(triangles, *(one[0] for one in _MOUTH.values()), *_EYES.values(), parts.LASHES)
        self._still_normals = _Normals(inner).of(model.neutral)  # of what moves without turning much
        self._normals = _Normals(skin)
        moved = np.union1d(triangles, model.landmarks)
        self._used = moved[np.abs(model.shapes[:, moved]).max(axis=(0, 2)) > 1e-4]
        self._shapes = np.ascontiguousarray(model.shapes[:, self._used], np.float32).reshape(len(model.shapes), -1)
        self._moving = context.buffer(reserve=parts.VERTICES * 24, dynamic=True)
        extra = np.ones((parts.VERTICES, 4), np.float32)
        still = context.buffer(np.hstack([model.neutral, extra]).astype("f4").tobytes())
        layout = [(self._moving, "3f 3f", "position", "normal"), (still, "3f 4f", "place", "extra")]

        def drawn(program, triangles):
            indices = context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
            return context.vertex_array(program, layout, index_buffer=indices, skip_errors=True)

        self._skin = drawn(self._programs["skin"], skin)
        self._skin_depth = drawn(self._depth, skin)
        self._mouth = {
            name: drawn(self._programs["mouth"], _within(triangles, part)) for name, (part, *_) in _MOUTH.items()
        }
        self._eyes = {name: drawn(self._programs["eye"], _within(triangles, part)) for name, part in _EYES.items()}
        self._lashes = drawn(self._programs["lash"], _within(triangles, parts.LASHES))
        extra[:, 0] = self._openness()
        extra[:, 1:] = hair.roots(model.neutral)
        extra[parts.LASHES, 0] = _from_lids(model.neutral)
        still.write(np.hstack([model.neutral, extra]).astype("f4").tobytes())

    def render(self, person, motion, nuisance, size):
        """Draw a lit head before nothing.

        Args:
            person, motion, nuisance: see appearance.py.
            size: side of the picture in pixels.

        Returns:
            float32 `(size, size, 4)`, linear RGB multiplied by alpha.
        """
        body = self._body(person)
        vertices = self._deform(body.head, person, motion)
        normals = self._still_normals.copy()
        self._normals.of(vertices, normals)
        self._moving.write(np.hstack([vertices, normals]).astype("f4", copy=False).tobytes())
        turn = placing.turning(motion)
        projection, eye_point = placing.camera(nuisance, turn)
        lights, colours = placing.lights(nuisance)
        to_shadow = placing.shadow_view(lights[0], turn)
        shared = {
            "projection": projection.T.tobytes(),
            "to_shadow": to_shadow.T.tobytes(),
            "turn": turn.T.tobytes(),
            "pivot": placing.PIVOT.tobytes(),
            "eye_point": eye_point.tobytes(),
            "lights": np.int32(len(nuisance.lights[:3])).tobytes(),
            "light_direction": lights.tobytes(),
            "light_colour": colours.tobytes(),
            "sky": _floats(nuisance.sky),
            "ground": _floats(nuisance.ground),
            "shadow": _floats([nuisance.shadow]),
            "seed": _seed(person),
        }
        if nuisance.shadow > 0:
            self._draw_shadow(body, shared)
        side = -(-size // OVERSAMPLING[1]) * OVERSAMPLING[0]
        context, target = self.context, self._target(side)
        target.use()
        target.clear(0, 0, 0, 0)
        context.enable_only(moderngl.DEPTH_TEST)
        for number, texture in enumerate((body.painted, self._noise, self._shadow_map)):
            texture.use(number)
        for program in self._programs.values():
            _set(program, shared)
            _set_units(program, painted=0, noise_map=1, shadow_map=2)
        self._draw_pieces(body, clear=False)
        self._draw_head(person, motion, vertices)
        self._draw_hair(person, body)
        self._draw_lashes(person)
        self._draw_pieces(body, clear=True)
        pixels = np.frombuffer(target.read(components=4, dtype="f2"), np.float16).reshape(side, side, 4)
        return _reduced(pixels.astype(np.float32))[::-1][:size, :size].copy()

    def landmarks(self, person, motion, nuisance):
        """Where the 68 landmarks are in the picture: float32 `(68, 2)`, x and y in shares of its side."""
        body = self._body(person)
        points = self._deform(body.head, person, motion)[self.model.landmarks]
        turn = placing.turning(motion)
        world = (points - placing.PIVOT) @ turn.T + placing.PIVOT
        projection, _ = placing.camera(nuisance, turn)
        clip = np.hstack([world, np.ones((68, 1), np.float32)]) @ projection.T
        return (clip[:, :2] / clip[:, 3:] * (0.5, -0.5) + 0.5).astype(np.float32)

    def head_of(self, person):
        """The head of a person, without what it does at rest: float32 `(v, 3)`."""
        return self._body(person).head

    def _body(self, person):
        """The shape, hair and pieces of a person: kept, as the next picture may be of them."""
        if person not in self._people:
            if len(self._people) >= PEOPLE_KEPT:
                self._people.pop(next(iter(self._people))).release()
            self._people[person] = _Body(self, person)
        return self._people[person]

    def _deform(self, head, person, motion):
        vertices = head
        weights = np.zeros(len(self.model.shape_names), np.float32)
        places = _places(self.model.shape_names)
        for name, weight in settle(person.rest, motion.weights):
            weights[places[name]] = weight * (self._lids.opening(head) if name.startswith("eyeBlink") else 1)
        used = np.flatnonzero(weights)
        if used.size:
            vertices = head.copy()
            vertices[self._used] += (weights[used] @ self._shapes[used]).reshape(-1, 3)
            self._lids.clear(vertices)
        return vertices

    def paint(self, person):
        """The colour and gloss of a person's face: texture, see paint.frag."""
        context = self.context
        texture = context.texture((PAINTED_SIZE, PAINTED_SIZE), 4)
        target = context.framebuffer([texture])
        target.use()
        context.enable_only(moderngl.NOTHING)
        beard = {
            "stubble": (0.7, 0, 0, 0), "moustache": (0.25, 1, 0, 0), "goatee": (0.3, 0.9, 1, 0),
            "beard": (0.5, 1, 1, 1),
        }.get(person.facial_hair, (0, 0, 0, 0))  # fmt: skip
        for number, one in enumerate(self._textures):
            one.use(number)
        _set_units(self._paint, first_map=0, second_map=1, noise_map=2)
        _set(self._paint, {
            **_own(person, "skin", "lip_colour", "brow_colour", "redness", "pores", "freckles", "blotches", "age_lines",
                   "shine", "eye_shadow", "eye_rings", "lip_stick"),
            "seed": _seed(person),
            "map_window": _floats(paint.WINDOW),
            "beard_colour": _floats(_hair_colour(person) * 0.9),
            "shadow_colour": _floats(np.asarray(person.skin) * (0.35, 0.28, 0.33)),
            "mole_places": _floats(_moles(person)),
            "brow": _floats([person.brow_thickness, person.brow_density, person.brow_height, person.brow_tilt]),
            "beard": _floats(beard),
        })  # fmt: skip
        self._sheet.render(moderngl.TRIANGLE_STRIP)
        target.release()
        texture.repeat_x = texture.repeat_y = False
        return texture

    def _draw_head(self, person, motion, vertices):
        context, programs = self.context, self._programs
        roots = {"bald": 0.12, "stubble": 0.95}.get(person.hair_style, 0.9)
        _set(programs["skin"], {
            **_own(person, "skin", "redness", "blotches", "shine"),
            "hairline": _floats([hair.bare_forehead(person)]),
            "map_window": _floats(paint.WINDOW),
            "root_colour": _floats(_hair_colour(person) * (1.0 if roots > 0.9 else 0.55)),
            "scalp": _floats([roots]),
            "follows": _floats([2.0]),
        })  # fmt: skip
        context.enable(moderngl.CULL_FACE)
        self._skin.render()
        context.disable(moderngl.CULL_FACE)
        front = float(vertices[self.model.landmarks[[51, 57]], 2].mean())
        lips = vertices[self.model.landmarks[60:68], 1]
        closed = (lips[[1, 2, 3]] - lips[[7, 6, 5]]).max() < CLOSED
        for name, (_, albedo, wet) in _MOUTH.items():
            if closed and name != "socket":
                continue
            _set(programs["mouth"], {"albedo": _floats(albedo), "wet": _floats([wet]), "front": _floats([front]),
                                     "follows": _floats([1.0])})  # fmt: skip
            self._mouth[name].render()
        turn_x, turn_y = np.deg2rad(GAZE_LIMITS) * (motion.gaze_x, motion.gaze_y)
        gaze = (np.sin(turn_x) * np.cos(turn_y), np.sin(turn_y), np.cos(turn_x) * np.cos(turn_y))
        lids = {"left": (43, 44), "right": (37, 38)}
        for name, part in _EYES.items():
            ball = vertices[part]
            _set(programs["eye"], {
                "middle": _floats((ball.max(axis=0) + ball.min(axis=0)) / 2 + (0, 0, -0.1)),
                "gaze": _floats(gaze),
                "eye_colour": _floats(person.eye_colour),
                "iris_size": _floats([person.iris_size]),
                "lid": _floats([vertices[self.model.landmarks[list(lids[name])], 1].mean()]),
                "turn_normal": placing.turning(motion).T.tobytes(),
                "follows": _floats([1.0]),
            })  # fmt: skip
            self._eyes[name].render()

    def _draw_lashes(self, person):
        self._blend()
        _set(self._programs["lash"], {
            "lash_colour": _floats(np.asarray(person.brow_colour) * 0.4),
            "strength": _floats([person.lash_length * 0.8]),
            "follows": _floats([1.0]),
        })  # fmt: skip
        self._lashes.render()
        self.context.disable(moderngl.BLEND)

    def _draw_hair(self, person, body):
        if body.hair is None:
            return
        _set(self._programs["hair"], {
            "hair_colour": _floats(person.hair_colour), "grey": _floats([person.hair_grey]),
            "curl": _floats([hair.CURL.get(person.hair_style, 0.0)]), "follows": _floats([1.0]),
        })  # fmt: skip
        self.context.enable(moderngl.CULL_FACE)
        body.hair.render()
        self.context.disable(moderngl.CULL_FACE)

    def _draw_pieces(self, body, clear):
        """What is worn: lenses if `clear`, else all but these."""
        if clear:
            self._blend()
        for piece, mesh in body.pieces:
            if (piece.opacity < 1) == clear:
                _set(self._programs["piece"], {
                    "follows": _floats([1.0 if piece.follows == "head" else 2.0]), "opacity": _floats([piece.opacity]),
                })  # fmt: skip
                mesh.render()
        self.context.disable(moderngl.BLEND)

    def _blend(self):
        self.context.enable(moderngl.BLEND)
        self.context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA

    def _draw_shadow(self, body, shared):
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self.context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        _set(self._depth, {**shared, "projection": shared["to_shadow"], "follows": _floats([2.0])})
        self._skin_depth.render()
        _set(self._depth, {"follows": _floats([1.0])})
        if body.hair_depth is not None:
            body.hair_depth.render(vertices=3 * body.solid, first=body.hair_depth.vertices - 3 * body.solid)

    def _target(self, side):
        if side not in self._targets:
            colour = self.context.texture((side, side), 4, dtype="f2")
            self._targets[side] = self.context.framebuffer([colour], self.context.depth_renderbuffer((side, side)))
        return self._targets[side]

    def _openness(self):
        """How much of the sky each vertex of the neutral sees: float32 `(v,)`, from depths drawn from all sides."""
        neutral, context = self.model.neutral, self.context
        normals = self._normals.of(neutral)
        self._moving.write(np.hstack([neutral, normals]).astype("f4").tobytes())
        depth = context.depth_texture((OPENNESS_SIZE, OPENNESS_SIZE))
        target = context.framebuffer(depth_attachment=depth)
        context.enable_only(moderngl.DEPTH_TEST)
        still = {"turn": np.eye(3, dtype="f4").tobytes(), "pivot": placing.PIVOT.tobytes(), "follows": _floats([0.0])}
        seen, possible = np.zeros(parts.VERTICES, np.float32), np.zeros(parts.VERTICES, np.float32)
        for direction in _directions(OPENNESS_DIRECTIONS):
            view = placing.shadow_view(direction, np.eye(3, dtype=np.float32))
            target.use()
            target.clear(depth=1.0)
            _set(self._depth, {**still, "projection": view.T.tobytes(), "to_shadow": view.T.tobytes()})
            self._skin_depth.render()
            field = np.frombuffer(depth.read(alignment=1), np.float32).reshape(OPENNESS_SIZE, OPENNESS_SIZE)
            place = np.hstack([neutral + 0.15 * normals, np.ones((parts.VERTICES, 1), np.float32)]) @ view.T * 0.5 + 0.5
            column, row = (
                np.clip((place[:, axis] * OPENNESS_SIZE).astype(int), 0, OPENNESS_SIZE - 1) for axis in (0, 1)
            )
            weight = np.clip(normals @ direction, 0, None)
            possible += weight
            seen += weight * (field[row, column] > place[:, 2] - 0.008)
        return np.clip(seen / np.maximum(possible, 1e-6), 0.05, 1) ** 0.8


class _Body:
    """What is the same in all pictures of a person, on the graphics card."""

    def __init__(self, renderer, person):
        model, context = renderer.model, renderer.context
        self.head = head = model.neutral.copy()
        for mode, weight in person.shape:
            head += weight * model.modes[mode]
        self.painted = renderer.paint(person)
        self.pieces, self._resources = [], [self.painted]
        program, depth = renderer._programs, renderer._depth
        mesh = hair.mesh(person, model, head)
        self.hair = self.hair_depth = None
        if mesh is not None:
            *arrays, triangles, self.solid = mesh
            self.hair, self.hair_depth = self._upload(context, [program["hair"], depth], *arrays, triangles)
        for piece in pieces(person, model, head):
            normals = _Normals(piece.triangles).of(piece.positions)
            extra = np.hstack([piece.colours, np.full((len(piece.positions), 1), piece.shine)])
            (drawn,) = self._upload(
                context, [program["piece"]], piece.positions, normals, piece.positions, extra, piece.triangles
            )
            self.pieces.append((piece, drawn))

    def _upload(self, context, programs, positions, normals, places, extra, triangles):
        data = np.hstack([positions, normals, places, extra]).astype("f4")
        buffer = context.buffer(data.tobytes())
        indices = context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
        layout = [(buffer, "3f 3f 3f 4f", "position", "normal", "place", "extra")]
        drawn = [context.vertex_array(one, layout, index_buffer=indices, skip_errors=True) for one in programs]
        self._resources += [*drawn, buffer, indices]
        return drawn

    def release(self):
        for resource in self._resources:
            resource.release()


class _Normals:
    """Smooth normals of a mesh whose triangles stay."""

    def __init__(self, triangles):
        self.triangles = np.ascontiguousarray(triangles)
        corners = self.triangles.ravel()
        order = np.argsort(corners, kind="stable")
        self.of_triangle = order // 3
        self.vertices, self.starts = np.unique(corners[order], return_index=True)

    def of(self, positions, normals=None):
        """Normals at positions, float32 `(v, 3)` -> float32 `(v, 3)`, of length 1; others are 0, or as in `normals`."""
        a, b, c = (positions[self.triangles[:, corner]] for corner in range(3))
        u, w = b - a, c - a
        faces = np.empty_like(u)
        faces[:, 0] = u[:, 1] * w[:, 2] - u[:, 2] * w[:, 1]
        faces[:, 1] = u[:, 2] * w[:, 0] - u[:, 0] * w[:, 2]
        faces[:, 2] = u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]
        normals = np.zeros_like(positions) if normals is None else normals
        sums = np.add.reduceat(faces[self.of_triangle], self.starts, axis=0)
        sums /= np.maximum(np.sqrt(np.einsum("ij,ij->i", sums, sums)), 1e-12)[:, None]
        normals[self.vertices] = sums
        return normals


def _from_lids(neutral):
    """How far each vertex of the lashes is from the nearest of the skin, over the farthest: float32 `(n,)`."""
    lashes, skin = neutral[parts.LASHES], neutral[parts.FACE]
    skin = skin[(np.abs(skin[:, 1] - 3.4) < 2) & (skin[:, 2] > 7)]
    distance = np.concatenate([
        np.sqrt(((block[:, None] - skin[None]) ** 2).sum(axis=-1)).min(axis=1) for block in np.array_split(lashes, 8)
    ])  # fmt: skip
    return np.clip(distance / np.percentile(distance, 98), 0, 1)


def _moles(person):
    """Six moles, `(6, 3)`: x, y, one over the square of the radius (very large for those that are not there)."""
    random = np.random.default_rng([person.seed, 12])
    there = random.random(6) < person.moles
    places = np.stack([random.uniform(-6, 6, 6), random.uniform(-7, 8, 6), random.uniform(0.06, 0.16, 6) ** -2], axis=1)
    places[~there, 2] = 1e6
    return places


def _directions(count):
    """Directions spread evenly: float32 `(count, 3)`."""
    number = np.arange(count) + 0.5
    y, around = 1 - 2 * number / count, np.pi * (1 + 5**0.5) * number
    return np.stack([np.sqrt(1 - y**2) * np.cos(around), y, np.sqrt(1 - y**2) * np.sin(around)], axis=1).astype("f4")


def _reduced(pixels):
    """A smaller picture, by `OVERSAMPLING`, each pixel the mean of what it covers: float32 `(side, side, 4)`."""
    many, few = OVERSAMPLING
    edges = np.arange(few + 1) * many / few
    cells = np.arange(many)
    shares = np.clip(np.minimum(cells + 1, edges[1:, None]) - np.maximum(cells, edges[:-1, None]), 0, None)
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    blocks = len(pixels) // many
    rows = np.matmul(shares, pixels.reshape(blocks, many, -1)).reshape(blocks * few * blocks, many, 4)
    return np.matmul(shares, rows).reshape(blocks * few, blocks * few, 4)


def _sorted(triangles, place):
    """Triangles in an order in which neighbours follow each other, so that a vertex just placed serves again."""
    middle = place[triangles].mean(axis=1)
    cells = np.clip((middle + 25) / 50 * 64, 0, 63).astype(np.int64)
    code = np.zeros(len(triangles), np.int64)
    for bit in range(6):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return triangles[np.argsort(code, kind="stable")]


def _within(triangles, *ranges):
    """Triangles whose vertices are within some ranges."""
    first = triangles[:, 0]
    return triangles[np.any([(first >= part.start) & (first < part.stop) for part in ranges], axis=0)]


@functools.cache
def _places(names):
    return {name: place for place, name in enumerate(names)}


@functools.cache
def _source(name):
    return (Path(__file__).parent / "shaders" / name).read_text(encoding="utf-8")


def _program(context, name):
    return context.program(_source("common.vert"), fragment_shader=_source("light.glsl") + _source(f"{name}.frag"))


def _texture(context, pixels):
    texture = context.texture(pixels.shape[1::-1], 4, pixels.tobytes())
    texture.filter = moderngl.LINEAR, moderngl.LINEAR
    return texture


def _seed(person):
    return np.random.default_rng([person.seed, 11]).random(2).astype("f4").tobytes()


def _own(person, *names):
    return {name: _floats(np.atleast_1d(getattr(person, name))) for name in names}


def _hair_colour(person):
    return np.asarray(person.hair_colour) * (1 - person.hair_grey) + 0.32 * person.hair_grey


def _set_units(program, **units):
    for name, unit in units.items():
        if name in program:
            program[name].value = unit


def _floats(values):
    return np.asarray(values, np.float32).tobytes()


def _set(program, values):
    for name, value in values.items():
        if name in program:
            program[name].write(value)
