"""What a rendered head is made of: who it is, what the face does, how the picture was taken.

Colours are linear RGB in [0, 1] unless noted, lengths are centimetres, angles are degrees. Names of blendshapes are
those of ICT-FaceKit.
"""

import dataclasses

HAIR_STYLES = (
    "bald",
    "stubble",
    "short",
    "side_part",
    "fringe",
    "afro",
    "curls",
    "bob",
    "long",
    "tied",
    "bun",
    "receding",
)
FACIAL_HAIR = ("none", "stubble", "moustache", "goatee", "beard")
GLASSES = ("none", "round", "square")
HEAD_COVERS = ("none", "cap", "beanie", "scarf")
CLOTHES = ("t_shirt", "v_neck", "shirt", "jumper", "hood")
BACKGROUNDS = ("plain", "gradient", "noise", "clutter", "outdoors")
OCCLUDERS = ("none", "hand", "mug", "strand", "mask", "phone")


@dataclasses.dataclass(frozen=True)
class Person:
    """One person at rest.

    `shape` are weights of the 3D model's identity modes, of unit variance over people. `rest` are weights of
    blendshapes that this person's face has at rest, beside whatever it does: nobody's resting face is the model's.
    """

    seed: int = 0  # of pores, moles, strands: what has a place, but no name
    shape: tuple = ()  # (mode, weight) pairs
    rest: tuple = ()  # (blendshape, weight) pairs
    skin: tuple = (0.58, 0.36, 0.26)
    redness: float = 0.3  # of cheeks, nose and ears, 0 to 1
    pores: float = 0.4  # 0 to 1, as all below without a unit
    moles: float = 0.2
    freckles: float = 0.0
    blotches: float = 0.2
    age_lines: float = 0.1
    shine: float = 0.4  # up to 1.5
    eye_shadow: float = 0.0  # make-up on the upper lids
    eye_rings: float = 0.2  # dark skin below the eyes
    lip_colour: tuple = (0.45, 0.18, 0.16)
    lip_stick: float = 0.0  # how much of the skin's own texture it hides
    lower_lip: float = 0.0  # how much lighter it is than the upper one: 1 is twice as light
    lip_shine: float = 0.0  # of wet lips, beside that of the skin
    brow_colour: tuple = (0.08, 0.05, 0.03)
    brow_thickness: float = 1.0  # of the usual one, 0.4 to 1.7
    brow_density: float = 0.8
    brow_height: float = 0.0  # of the painted brow above its usual place, -0.3 to 0.3 cm
    brow_tilt: float = 0.0  # its outer end up, in cm, -0.3 to 0.3
    lash_length: float = 0.6
    eye_colour: tuple = (0.15, 0.08, 0.04)
    iris_size: float = 1.0  # of the model's, 0.85 to 1.15
    hair_style: str = "short"
    hair_colour: tuple = (0.05, 0.03, 0.02)
    hair_volume: float = 0.5
    hair_grey: float = 0.0
    hair_strands: float = 1.0  # how much single strands stand out, of hair and beard: 0 leaves locks
    hairline: float = 0.0  # of the forehead up or down, -1 to 1
    facial_hair: str = "none"
    glasses: str = "none"
    glasses_colour: tuple = (0.02, 0.02, 0.02)
    head_cover: str = "none"
    head_cover_colour: tuple = (0.2, 0.2, 0.25)
    clothes: str = "t_shirt"
    clothes_colour: tuple = (0.5, 0.5, 0.55)


@dataclasses.dataclass(frozen=True)
class Motion:
    """What a face does."""

    expression: str = "neutral"
    intensity: float = 0.0  # strength of the expression, 0 for neutral, above 1 larger than life
    second: str = "neutral"  # an expression blended in
    second_intensity: float = 0.0
    weights: tuple = ()  # (blendshape, weight) pairs of all that the face does, expression included, eyes' turning not
    asymmetry: float = 0.0  # left more than right, -1 to 1
    yaw: float = 0.0  # the person's head to its left (the right of the picture) is positive, -35 to 35
    pitch: float = 0.0  # up is positive, -20 to 20
    roll: float = 0.0  # clockwise in the picture is positive, -15 to 15
    gaze_x: float = 0.0  # of the eyes in the head, to the right of the picture is positive, -1 to 1
    gaze_y: float = 0.0  # up is positive, -1 to 1


@dataclasses.dataclass(frozen=True)
class Light:
    """A distant light."""

    direction: tuple = (0.3, 0.5, 0.8)  # towards it: right of the picture, up, towards the camera
    colour: tuple = (1.0, 1.0, 1.0)
    strength: float = 1.0


@dataclasses.dataclass(frozen=True)
class Nuisance:
    """How the picture was taken. The default is canonical: even light, no background, in the middle."""

    lights: tuple = (Light((0.4, 0.5, 0.8), (1.0, 0.98, 0.95), 0.8), Light((-0.7, 0.2, 0.6), (0.95, 0.98, 1.0), 0.25))
    sky: tuple = (0.36, 0.37, 0.39)  # light from above, and
    ground: tuple = (0.22, 0.20, 0.19)  # from below
    shadow: float = 0.6  # how much of the first light a shadow takes
    background: str = "none"  # or one of BACKGROUNDS
    background_colours: tuple = ((0.5, 0.5, 0.5), (0.3, 0.3, 0.3))  # sRGB in [0, 1]
    background_blur: float = 0.015  # of the lens, beside that of the picture: standard deviation in shares of the side
    background_seed: int = 0
    scale: float = 1.0  # of the head
    shift_x: float = 0.0  # of the head's middle, in shares of the picture's side
    shift_y: float = 0.0
    view_angle: float = 20.0  # vertical, of the lens: small is a long lens, 12 to 50
    camera_height: float = 0.0  # degrees that the camera looks down, -10 to 15
    exposure: float = 0.0  # in stops
    white_balance: tuple = (1.0, 1.0, 1.0)  # gains of R, G, B
    contrast: float = 1.0
    saturation: float = 1.0  # 0 is grey
    blur: float = 0.0  # standard deviation in shares of the side, up to 0.012
    motion_blur: float = 0.0  # length in shares of the side, up to 0.03
    motion_blur_angle: float = 0.0
    noise: float = 0.0  # standard deviation in grey levels, up to 12
    jpeg: int = 0  # quality, or 0 for none
    occluder: str = "none"
    occluder_x: float = 0.0  # of its middle, in shares of the side from the middle of the picture
    occluder_y: float = 0.0
    occluder_size: float = 0.3  # half its length, in shares of the side
    occluder_angle: float = 0.0  # degrees, clockwise in the picture, beside a small one by the seed
    occluder_colour: tuple = (0.5, 0.4, 0.35)  # sRGB in [0, 1], of all but a hand
    occluder_skin: tuple = (0.8, 0.6, 0.5)  # sRGB in [0, 1], of a hand, also of one that holds something
    seed: int = 0  # of noise, and of the occluder's outline
