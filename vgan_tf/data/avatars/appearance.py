"""What a drawn face is made of: who it is, what the face does, how the picture was taken."""

import dataclasses

HAIR_STYLES = ("crop", "long", "afro", "bald", "fringe", "part", "buns", "spikes", "waves", "receding")
FACIAL_HAIR = ("none", "beard", "moustache", "goatee", "stubble")
GLASSES = ("none", "round", "square")


@dataclasses.dataclass(frozen=True)
class Identity:
    """One person at rest. Colours are RGB in [0, 255]; lengths are pixels of a 64x64 picture, at any size drawn."""

    skin: tuple = (232, 184, 150)
    hair_colour: tuple = (70, 44, 30)
    eye_colour: tuple = (84, 60, 40)
    lip_colour: tuple = (190, 96, 92)
    shirt_colour: tuple = (70, 110, 150)
    hair_style: str = "crop"
    facial_hair: str = "none"
    glasses: str = "none"
    freckles: bool = False
    lashes: bool = False
    face_width: float = 21.5  # half the head at the cheeks
    jaw: float = 0.85  # width of the jaw over that of the cheeks
    chin_width: float = 9.0
    chin: float = 27.0
    ear_size: float = 4.5
    brow_thickness: float = 2.6
    brow_length: float = 11.0
    brow_height: float = 8.4  # above the eyes
    brow_tilt: float = 0.0
    eye_spacing: float = 10.4  # from the middle of the face to the middle of an eye
    eye_width: float = 6.4
    eye_height: float = 3.9
    eye_tilt: float = 0.0
    iris: float = 3.2
    nose_width: float = 4.0
    nose_length: float = 9.0
    mouth_width: float = 9.2
    lip_thickness: float = 2.2


@dataclasses.dataclass(frozen=True)
class Actions:
    """What the muscles of a face do, in pixels unless noted; all 0 at rest."""

    brow_inner: float = 0.0  # inner ends of the brows up
    brow_outer: float = 0.0  # outer ends up
    brow_together: float = 0.0
    brow_arch: float = 0.0
    upper_lid: float = 0.0  # opening of the eye, as a share of its height; negative droops
    lower_lid: float = 0.0  # lower lid up, same unit
    cheeks: float = 0.0  # raised cheeks, 0 to 1
    nose_wrinkle: float = 0.0  # 0 to 1
    corner_up: float = 0.0
    corner_out: float = 0.0
    lip_middle: float = 0.0  # middle of the closed mouth up
    upper_lip: float = 0.0  # upper lip raised off the teeth
    jaw_drop: float = 0.0
    square: float = 0.0  # shape of the open mouth, from lens (0) through oval (0.5) to rectangle (1)
    sneer: float = 0.0  # one side of the upper lip and of the eyes more than the other, 0 to 1
    upper_teeth: float = 0.0
    lower_teeth: float = 0.0
    gaze_down: float = 0.0


# The muscles of each expression at its full strength, the same for everybody; larger than life.
ACTIONS = {
    "anger": Actions(
        brow_inner=-5.0, brow_outer=2.2, brow_together=2.6, upper_lid=-0.25, lower_lid=0.3, nose_wrinkle=0.35,
        corner_up=-1.2, corner_out=0.6, upper_lip=2.4, jaw_drop=3.2, square=1.0, upper_teeth=2.8, lower_teeth=2.8,
    ),
    "disgust": Actions(
        brow_inner=-3.4, brow_outer=-1.2, brow_together=1.4, upper_lid=-0.42, lower_lid=0.55, cheeks=0.5,
        nose_wrinkle=1.0, corner_up=-2.6, lip_middle=2.2, upper_lip=2.6, sneer=1.0, upper_teeth=2.2,
    ),
    "fear": Actions(
        brow_inner=5.6, brow_outer=0.8, brow_together=2.4, upper_lid=0.42, lower_lid=-0.1, corner_up=-2.0,
        corner_out=3.2, upper_lip=0.8, jaw_drop=5.0, square=0.8, upper_teeth=1.2, lower_teeth=1.8,
    ),
    "joy": Actions(
        brow_inner=0.8, brow_outer=1.6, brow_arch=0.8, upper_lid=-0.1, lower_lid=0.55, cheeks=1.0, corner_up=4.6,
        corner_out=3.4, jaw_drop=6.0, upper_lip=0.4, upper_teeth=3.2,
    ),
    "neutral": Actions(),
    "sadness": Actions(
        brow_inner=4.4, brow_outer=-3.0, brow_together=1.2, upper_lid=-0.42, corner_up=-4.4, corner_out=-0.6,
        lip_middle=1.6, gaze_down=1.0,
    ),
    "surprise": Actions(
        brow_inner=5.4, brow_outer=5.4, brow_arch=1.6, upper_lid=0.48, lower_lid=-0.15, corner_out=-3.6,
        upper_lip=3.4, jaw_drop=8.6, square=0.4,
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Motion:
    """What a face does.

    Angles are degrees: yaw > 0 turns to the right of the picture, pitch > 0 nods down, roll > 0 tilts clockwise.
    """

    expression: str = "neutral"
    intensity: float = 1.0  # in [0, 1]; at 0 every expression is the neutral face
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze: float = 0.0  # in [-1, 1], left to right
    asymmetry: float = 0.0  # the left side of the picture acts this share more than the right


@dataclasses.dataclass(frozen=True)
class Nuisance:
    """How the picture was taken. As it is by default, every counterpart is drawn."""

    scale: float = 1.0
    shift: tuple = (0.0, 0.0)  # pixels of a 64x64 picture
    light: float = 0.0  # in [-1, 1], from the left to the right; 0 is even, the absolute value the strength
    brightness: float = 1.0
    background: tuple = ((216, 216, 216), (216, 216, 216))  # colours at the top and at the bottom
    noise: float = 0.0  # standard deviation in grey levels
    noise_seed: int = 0
