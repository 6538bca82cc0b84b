"""Programs, textures and the values that shaders take."""

import functools
from pathlib import Path

import moderngl
import numpy as np


@functools.cache
def source(name):
    """The text of a shader."""
    return (Path(__file__).parent / "shaders" / name).read_text(encoding="utf-8")


def lit_program(context, name, before=""):
    """A program that lights what it draws: common.vert, light.glsl, a line `before` and NAME.frag."""
    fragment_shader = source("light.glsl") + before + source(f"{name}.frag")
    return context.program(source("common.vert"), fragment_shader=fragment_shader)


def texture(context, pixels):
    """uint8 `(height, width, 4)`, the lowest row first -> a texture, smooth between its pixels."""
    made = context.texture(pixels.shape[1::-1], 4, pixels.tobytes())
    made.filter = moderngl.LINEAR, moderngl.LINEAR
    return made


def floats(values):
    """Numbers as shaders take them: bytes."""
    return np.asarray(values, np.float32).tobytes()


def fields(person, *names):
    """Fields of a person as shaders take them: name -> bytes."""
    return {name: floats(np.atleast_1d(getattr(person, name))) for name in names}


def set_values(program, values):
    """Give a program values, name -> bytes; those that it has no use for are left out."""
    for name, value in values.items():
        if (uniform := program.get(name, None)) is not None:
            uniform.write(value)


def set_units(program, **units):
    """Tell a program which of its textures is where."""
    for name, unit in units.items():
        if name in program:
            program[name].value = unit
