"""The skin of a person, painted once for all pictures."""

import moderngl
import numpy as np

from vgan_tf.data.heads import paint
from vgan_tf.data.heads.opengl import fields, floats, set_units, set_values, source, texture

SIZE = 224  # of what is painted
_BEARDS = {  # stubble, moustache, goatee, beard: how much of each
    "none": (0, 0, 0, 0),
    "stubble": (0.7, 0, 0, 0),
    "moustache": (0.25, 1, 0, 0),
    "goatee": (0.3, 0.9, 1, 0),
    "beard": (0.5, 1, 1, 1),
}


class Painter:
    """Paints the faces of one head model.

    Args:
        context: moderngl's.
        model: `HeadModel`.

    Attributes:
        noise: texture of `paint.noise`.
    """

    def __init__(self, context, model):
        self.context = context
        self._program = context.program(source("paint.vert"), fragment_shader=source("paint.frag"))
        corners = context.buffer(np.float32([-1, -1, 1, -1, -1, 1, 1, 1]).tobytes())
        self._sheet = context.vertex_array(self._program, [(corners, "2f", "corner")])
        self._mouth_line = float(model.neutral[model.landmarks[60:68], 1].mean())
        self._maps = [texture(context, pixels) for pixels in paint.maps(model)]
        for one in self._maps:
            one.repeat_x = one.repeat_y = False
        self.noise = texture(context, paint.noise())
        self.noise.build_mipmaps()
        self.noise.filter = moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR

    def paint(self, person):
        """The colour and gloss of a person's face: texture, see paint.frag."""
        painted = self.context.texture((SIZE, SIZE), 4)
        target = self.context.framebuffer([painted])
        target.use()
        self.context.enable_only(moderngl.NOTHING)
        for number, one in enumerate((*self._maps, self.noise)):
            one.use(number)
        set_units(self._program, first_map=0, second_map=1, noise_map=2)
        set_values(self._program, {
            **fields(person, "skin", "lip_colour", "brow_colour", "redness", "pores", "freckles", "blotches",
                     "age_lines", "shine", "eye_shadow", "eye_rings", "lip_stick", "lower_lip", "lip_shine"),
            "mouth_line": floats([self._mouth_line]),
            "seed": noise_place(person),
            "map_window": floats(paint.WINDOW),
            "beard_colour": floats(grown_colour(person) * 0.9),
            "shadow_colour": floats(np.asarray(person.skin) * (0.35, 0.28, 0.33)),
            "mole_places": floats(_moles(person)),
            "brow": floats([person.brow_thickness, person.brow_density, person.brow_height, person.brow_tilt]),
            "beard": floats(_BEARDS[person.facial_hair]), "strands": floats([person.hair_strands]),
        })  # fmt: skip
        self._sheet.render(moderngl.TRIANGLE_STRIP)
        target.release()
        painted.repeat_x = painted.repeat_y = False
        return painted


def noise_place(person):
    """Where in the noise a person's skin and hair begin: bytes of two numbers."""
    return floats(np.random.default_rng([person.seed, 11]).random(2))


def grown_colour(person):
    """Of hair with its grey, where it is not drawn hair by hair: float64 `(3,)`."""
    return np.asarray(person.hair_colour) * (1 - person.hair_grey) + 0.32 * person.hair_grey


def _moles(person):
    """Six moles, `(6, 3)`: x, y, one over the square of the radius (very large for those that are not there)."""
    random = np.random.default_rng([person.seed, 12])
    there = random.random(6) < person.moles
    places = np.stack([random.uniform(-6, 6, 6), random.uniform(-7, 8, 6), random.uniform(0.06, 0.16, 6) ** -2], axis=1)
    places[~there, 2] = 1e6
    return places
