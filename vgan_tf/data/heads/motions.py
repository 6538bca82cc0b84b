"""Sampling what a face does: recipes of expressions as weights of blendshapes, and all that is no expression."""

import numpy as np

from vgan_tf.data.heads.appearance import Motion
from vgan_tf.labels import EXPRESSIONS

# Shapes that the face has on both sides: their names end in _L or _R, left being the person's.
PAIRED = (
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekSquint", "eyeBlink", "eyeSquint", "eyeWide",
    "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp",
    "noseSneer",
)  # fmt: skip
SINGLE = (
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
# All shapes that a motion uses, but for the lids that follow the gaze.
MOTION_SHAPES = tuple(sorted([name + side for name in PAIRED for side in ("_L", "_R")] + list(SINGLE)))
TRUTH = ("intensity", "asymmetry", "yaw", "pitch", "roll", "gaze_x", "gaze_y") + tuple(
    f"motion_{name}" for name in MOTION_SHAPES
)
# How far, in cm, weight 1 of a shape draws the model's lips apart in the middle.
_PARTS_LIPS = {
    "jawOpen": 2.9, "mouthFunnel": 1.1, "mouthShrugUpper": 0.45, "mouthLowerDown_L": 0.3, "mouthLowerDown_R": 0.3,
    "mouthUpperUp_L": 0.35, "mouthUpperUp_R": 0.35, "noseSneer_L": 0.3, "noseSneer_R": 0.3,
}  # fmt: skip

# Each expression in several ways, since people differ in it: weights at strength 1, of both sides where there are two.
# Negative weights take brows where no shape of the model does: their inner ends down in anger, their outer in grief.
# Above each stand its action units in the Facial Action Coding System.
RECIPES = {
    "anger": (
        # Lips pressed: 4 + 7 + 24
        dict(browDown=1.05, browInnerUp=-0.5, eyeSquint=0.5, noseSneer=0.25, mouthPress=0.7, mouthRollUpper=0.3,
             mouthRollLower=0.3,
             mouthFrown=0.35, mouthShrugLower=0.3),
        # Teeth bared: 4 + 7 + 9 + 10 + 16 + 25
        dict(browDown=1.05, browInnerUp=-0.5, eyeSquint=0.45, noseSneer=0.6, mouthUpperUp=0.3, mouthLowerDown=0.7,
             mouthStretch=0.3,
             mouthFrown=0.3, jawOpen=0.06),
        # A stare: 4 + 5 + 23
        dict(browDown=1.1, browInnerUp=-0.6, eyeWide=0.5, noseSneer=0.3, mouthPress=0.5, mouthRollLower=0.3,
             mouthFrown=0.4,
             jawForward=0.2),
        # Shouting: 4 + 7 + 9 + 22 + 27
        dict(browDown=1.1, browInnerUp=-0.55, eyeSquint=0.3, noseSneer=0.6, mouthUpperUp=0.3, mouthLowerDown=0.6,
             mouthFunnel=0.2,
             jawOpen=0.4),
        # Jaw set, chin up: 4 + 7 + 17 + 29
        dict(browDown=1.05, browInnerUp=-0.5, eyeSquint=0.6, mouthShrugLower=0.5, mouthPress=0.4, mouthFrown=0.4,
             jawForward=0.45,
             noseSneer=0.2),
    ),
    "disgust": (
        # Nose wrinkled, lips closed: 9 + 10 + 17
        dict(noseSneer=0.8, browDown=0.45, eyeSquint=0.5, cheekSquint=0.4, mouthFrown=0.6, mouthShrugLower=0.85),
        # Nose wrinkled, mouth open: 9 + 10 + 16 + 26
        dict(noseSneer=0.95, mouthUpperUp=0.5, browDown=0.4, eyeSquint=0.55, cheekSquint=0.4, mouthLowerDown=0.4,
             mouthFrown=0.55, jawOpen=0.22),
        # Upper lip raised: 10 + 25
        dict(mouthUpperUp=0.85, noseSneer=0.45, browDown=0.25, eyeSquint=0.35, cheekSquint=0.3, mouthFrown=0.35,
             mouthDimple=0.15),
        # Turning from it, eyes nearly shut: 4 + 7 + 9 + 15
        dict(noseSneer=0.85, browDown=0.55, eyeSquint=0.8, eyeBlink=0.25, cheekSquint=0.45, mouthFrown=0.6,
             mouthStretch=0.3, mouthUpperUp=0.35),
    ),
    "fear": (
        # Lips drawn apart: 1 + 2 + 4 + 5 + 20 + 25
        dict(browInnerUp=1.0, browOuterUp=0.25, browDown=0.2, eyeWide=0.9, mouthStretch=0.8, mouthLowerDown=0.35,
             jawOpen=0.1),
        # Mouth open: 1 + 2 + 4 + 5 + 20 + 26
        dict(browInnerUp=1.0, browOuterUp=0.35, browDown=0.2, eyeWide=1.0, mouthStretch=0.85, mouthLowerDown=0.4,
             mouthFrown=0.2, jawOpen=0.28),
        # Lips closed and drawn aside: 1 + 4 + 5 + 20
        dict(browInnerUp=1.0, browDown=0.25, eyeWide=0.85, mouthStretch=0.75, mouthPress=0.3, mouthFrown=0.3),
        # Teeth clenched: 1 + 2 + 4 + 5 + 20 + 16
        dict(browInnerUp=0.95, browOuterUp=0.3, browDown=0.3, eyeWide=0.95, mouthStretch=0.95, mouthLowerDown=0.75,
             mouthUpperUp=0.15),
    ),
    "joy": (
        # Lips closed, cheeks raised: 6 + 12
        dict(mouthSmile=0.75, cheekSquint=0.6, eyeSquint=0.4, mouthDimple=0.15, mouthPress=0.15),
        # Lips closed, of courtesy: 12 + 14
        dict(mouthSmile=0.65, mouthDimple=0.3, mouthPress=0.1),
        # Teeth shown: 6 + 12 + 25
        dict(mouthSmile=0.85, cheekSquint=0.6, eyeSquint=0.45, mouthUpperUp=0.35, mouthLowerDown=0.3,
             mouthStretch=0.15),
        # Teeth shown, eyes at rest: 12 + 25
        dict(mouthSmile=0.85, cheekSquint=0.15, mouthUpperUp=0.3, mouthLowerDown=0.35, mouthDimple=0.15),
        # Laughing: 6 + 12 + 26
        dict(mouthSmile=0.9, cheekSquint=0.75, eyeSquint=0.6, eyeBlink=0.1, mouthUpperUp=0.3, mouthLowerDown=0.3,
             jawOpen=0.28),
        # Delighted: 1 + 2 + 12 + 26
        dict(mouthSmile=0.85, browInnerUp=0.4, browOuterUp=0.4, cheekSquint=0.4, mouthUpperUp=0.25, jawOpen=0.2),
    ),
    "neutral": ({},),
    "sadness": (
        # Lip corners down, chin raised: 1 + 4 + 15 + 17
        dict(browInnerUp=1.1, browOuterUp=-0.25, browDown=0.2, mouthFrown=0.8, mouthShrugLower=0.4, eyeBlink=0.12),
        # Crying: 1 + 4 + 7 + 15 + 20
        dict(browInnerUp=1.05, browOuterUp=-0.25, browDown=0.45, eyeSquint=0.5, cheekSquint=0.3, mouthFrown=0.8,
             mouthStretch=0.4,
             mouthLowerDown=0.2, mouthShrugLower=0.2),
        # Downcast: 1 + 15 + 43
        dict(browInnerUp=1.0, browOuterUp=-0.25, eyeBlink=0.3, mouthFrown=0.7, mouthPress=0.2),
        # A pout: 1 + 4 + 15 + 17 + 18
        dict(browInnerUp=1.1, browOuterUp=-0.25, browDown=0.15, mouthShrugLower=0.65, mouthFrown=0.65,
             mouthPucker=0.15, eyeBlink=0.1),
    ),
    "surprise": (
        # Jaw dropped: 1 + 2 + 5 + 26
        dict(browInnerUp=0.9, browOuterUp=0.85, eyeWide=0.8, jawOpen=0.38),
        # An "oh": 1 + 2 + 5 + 22 + 26
        dict(browInnerUp=0.85, browOuterUp=0.8, eyeWide=0.75, jawOpen=0.3, mouthFunnel=0.4),
        # Lips just parted: 1 + 2 + 5 + 25
        dict(browInnerUp=0.95, browOuterUp=0.95, eyeWide=0.85, jawOpen=0.13),
        # Gaping: 1 + 2 + 5 + 27
        dict(browInnerUp=0.9, browOuterUp=0.9, eyeWide=0.95, jawOpen=0.55, mouthStretch=0.1),
    ),
}  # fmt: skip

# Mouths of speech: open vowels, spread, rounded; lips closed, lip at teeth, lips forward; in between.
SPEECH = (
    dict(jawOpen=0.3, mouthLowerDown=0.15),
    dict(mouthStretch=0.35, jawOpen=0.08, mouthLowerDown=0.3, mouthUpperUp=0.1),
    dict(mouthPucker=0.6, mouthFunnel=0.25, jawOpen=0.06),
    dict(mouthFunnel=0.45, jawOpen=0.2),
    dict(mouthRollLower=0.3, mouthRollUpper=0.25, mouthPress=0.3),
    dict(mouthRollLower=0.5, mouthUpperUp=0.15, jawOpen=0.06),
    dict(mouthFunnel=0.45, mouthLowerDown=0.3, jawOpen=0.04),
    dict(jawOpen=0.16, mouthUpperUp=0.12, mouthLowerDown=0.15),
)
# What faces do that says nothing: each is seen in a few percent of motions.
HABITS = (
    dict(mouthPucker=0.35),
    dict(mouthPress=0.5, mouthRollLower=0.3, mouthRollUpper=0.25),
    dict(mouthRollLower=0.55),
    dict(cheekPuff=0.35, mouthPress=0.3),
    dict(mouthLeft=0.25),
    dict(mouthRight=0.25),
    dict(jawLeft=0.4, jawOpen=0.05),
    dict(jawRight=0.4, jawOpen=0.05),
    dict(jawForward=0.3),
    dict(mouthDimple=0.35),
    dict(mouthShrugLower=0.3, mouthShrugUpper=0.1),
    dict(eyeSquint=0.5),
    dict(browInnerUp=0.3, browOuterUp=0.3),
    dict(jawOpen=0.12),
)


def add(total, weights, amount=1.0, asymmetry=0.0):
    """Add weights to others.

    Args:
        total: dict, blendshape -> weight, changed in place.
        weights: dict, name in PAIRED or SINGLE -> weight.
        amount: float that multiplies the weights.
        asymmetry: left more than right, -1 to 1: at 1 the left side does twice as much, and the right one nothing.
            Lids close together whatever it is.
    """
    for name, weight in weights.items():
        if name in SINGLE:
            total[name] = total.get(name, 0.0) + amount * weight
            continue
        tilt = 0.0 if name == "eyeBlink" else asymmetry
        for side, gain in (("_L", 1 + tilt), ("_R", 1 - tilt)):
            total[name + side] = total.get(name + side, 0.0) + amount * gain * weight


def lids(gaze_x, gaze_y):
    """Weights of the lids that follow the eyes.

    Args:
        gaze_x: to the right of the picture is positive, -1 to 1.
        gaze_y: up is positive, -1 to 1.

    Returns:
        dict, blendshape -> weight.
    """
    right, left, up, down = max(gaze_x, 0.0), max(-gaze_x, 0.0), max(gaze_y, 0.0), max(-gaze_y, 0.0)
    return {
        "eyeLookOut_L": right, "eyeLookIn_R": right, "eyeLookIn_L": left, "eyeLookOut_R": left,
        "eyeLookUp_L": up, "eyeLookUp_R": up, "eyeLookDown_L": down, "eyeLookDown_R": down,
    }  # fmt: skip


def settle(*parts):
    """Sum weights, within what a face can do.

    Blendshapes add up blindly: without limits, lids that look down and blink would end on the cheek, and lips that rest
    closed would hold back a laugh. Whatever draws a motion on a person gives both to this function.

    Args:
        parts: each (blendshape, weight) pairs or a dict: a person's rest and a motion's weights.

    Returns:
        tuple of (blendshape, weight), sorted, without zeros; weights of brows are -0.9 to 1.5, others 0 to 1.3.
    """
    total = {}
    for part in parts:
        for name, weight in dict(part).items():
            total[name] = total.get(name, 0.0) + weight
    for name, weight in total.items():
        low = -0.9 if name.startswith(("browInnerUp", "browOuterUp")) else 0.0
        total[name] = min(max(weight, low), 1.5 if name.startswith("brow") else 1.3)
    for side in ("_L", "_R"):
        blink, down, squint = (total.get(name + side, 0.0) for name in ("eyeBlink", "eyeLookDown", "eyeSquint"))
        # Seen on the model: so much closes the eye; a full blink is 1.1, which closes it on all identities.
        blink = min(blink, 1.1 - 0.5 * min(down, 1.0) - 0.15 * min(squint, 1.0))
        for name in ("eyeWide", "eyeLookUp"):
            if name + side in total:
                total[name + side] *= max(0.0, 1 - blink)
        total["eyeBlink" + side] = blink
        # A lip cannot be rolled in and drawn off the teeth.
        for rolled, drawn in (("mouthRollUpper", "mouthUpperUp"), ("mouthRollLower", "mouthLowerDown")):
            total[drawn + side] = total.get(drawn + side, 0.0) * max(0.0, 1 - total.get(rolled, 0.0))
    total["jawOpen"] = min(total.get("jawOpen", 0.0), 0.8)
    # Lips that rest on each other let go where something parts them.
    parted = sum(distance * total.get(name, 0.0) for name, distance in _PARTS_LIPS.items())
    total["mouthClose"] = min(total.get("mouthClose", 0.0), 0.1) * max(0.0, 1 - 2 * parted)
    # Lips that are pulled wide cannot be put forward as far.
    for name in ("mouthPucker", "mouthFunnel"):
        smile = max(total.get("mouthSmile_L", 0.0), total.get("mouthSmile_R", 0.0))
        total[name] = total.get(name, 0.0) * max(0.0, 1 - 0.6 * smile)
    return tuple(sorted((name, float(weight)) for name, weight in total.items() if abs(weight) > 1e-4))


def draw_recipe(generator, expression):
    """One person's way of an expression on one day: a variant or a mix of two, with noise on each weight.

    Returns:
        dict, name in PAIRED or SINGLE -> weight at strength 1; empty for "neutral".
    """
    variants = RECIPES[expression]
    first, second = generator.integers(len(variants), size=2)
    share = generator.uniform(0.0, 0.5) if generator.random() < 0.5 else 0.0
    mixed = {}
    for variant, part in ((variants[first], 1 - share), (variants[second], share)):
        for name, weight in variant.items():
            mixed[name] = mixed.get(name, 0.0) + part * weight
    return {name: weight * float(np.clip(generator.normal(1.0, 0.15), 0.6, 1.4)) for name, weight in mixed.items()}


def draw_small(generator):
    """Small movements that say nothing: dict, blendshape (with its side) -> weight, of a size of 0.18 at most."""
    names = generator.choice(MOTION_SHAPES, size=int(generator.integers(3, 10)), replace=False).tolist()
    weights = np.clip(generator.normal(0.0, 0.06, len(names)), -0.18, 0.18).tolist()
    # The jaw, and the mouth as a whole, move much at a small weight.
    strong = ("jawOpen", "mouthLeft", "mouthRight")
    return {
        name: (weight if name.startswith("brow") else abs(weight)) * (0.5 if name in strong else 1.0)
        for name, weight in zip(names, weights, strict=True)
    }


def draw_speech(generator):
    """The mouth at one moment of speech: dict, name in PAIRED or SINGLE -> weight."""
    mouth = {}
    first, second = generator.integers(len(SPEECH), size=2)
    share, loudness = generator.random(), generator.uniform(0.5, 1.2)
    for shape, part in ((SPEECH[first], share), (SPEECH[second], 1 - share)):
        for name, weight in shape.items():
            mouth[name] = mouth.get(name, 0.0) + float(part * loudness) * weight
    return mouth


def draw_asymmetry(generator):
    """Left more than right, -0.8 to 0.8; nobody smiles quite evenly, a few quite unevenly."""
    return float(np.clip(generator.normal(0.0, 0.35 if generator.random() < 0.12 else 0.1), -0.8, 0.8))


def draw_pose(generator):
    """Yaw, pitch and roll in degrees, within 35, 20 and 15."""
    pose = generator.normal(0.0, (13.0, 7.0, 5.0))
    return tuple(np.clip(pose, (-35, -20, -15), (35, 20, 15)).tolist())


def draw_gaze(generator):
    """Horizontal and vertical gaze, -1 to 1: most near the middle, some anywhere."""
    spread = (0.45, 0.35) if generator.random() < 0.3 else (0.12, 0.1)
    return tuple(np.clip(generator.normal(0.0, spread), -1, 1).tolist())


def sample_motion(seed, number, expression):
    """Sample what the face does in picture `number` of a data set.

    A labelled expression has a strength of 0.3 to 1.25; one in four has a second one blended in, at less than half its
    strength. A neutral motion has strength 0, and yet may hold all that a resting face does: tensions, a trace of any
    expression (below 0.12), speech, blinks, habits. Head, gaze, blinks and asymmetry do not depend on the expression.

    Args:
        seed: int >= 0.
        number: int >= 0.
        expression: str, one of `labels.EXPRESSIONS`.

    Returns:
        Motion.
    """
    generator = np.random.default_rng([seed, 20, number])
    # The order of the draws settles the motions of a seed: do not change it.
    yaw, pitch, roll = draw_pose(generator)
    gaze_x, gaze_y = draw_gaze(generator)
    asymmetry = draw_asymmetry(generator)
    intensity = float(generator.triangular(0.3, 0.8, 1.25))
    others = [name for name in EXPRESSIONS if name not in (expression, "neutral")]
    second = others[generator.integers(len(others))]
    total = dict(draw_small(generator))
    if generator.random() < 0.25:
        # An expression leaves speech less of the mouth, or nobody could read it.
        add(total, draw_speech(generator), 1.0 if expression == "neutral" else 1 - 0.4 * min(intensity, 1.0))
    if generator.random() < 0.08:
        add(total, {"eyeBlink": float(generator.uniform(0.7, 1.1))})
    elif generator.random() < 0.12:
        add(total, {"eyeBlink": float(generator.uniform(0.1, 0.4))})
    if generator.random() < 0.15:
        add(total, HABITS[generator.integers(len(HABITS))], float(generator.uniform(0.4, 1.0)), asymmetry)
    blended, share = generator.random() < 0.25, generator.uniform(0.2, 0.5)
    if expression == "neutral":
        intensity = second_intensity = 0.0
        if generator.random() < 0.3:
            add(total, draw_recipe(generator, second), float(generator.uniform(0.0, 0.12)), asymmetry)
    else:
        second_intensity = float(intensity * share) if blended else 0.0
        # Two expressions at once share the face.
        add(total, draw_recipe(generator, expression), intensity - 0.3 * second_intensity, asymmetry)
        if blended:
            add(total, draw_recipe(generator, second), second_intensity, asymmetry)
    return Motion(
        expression=expression,
        intensity=intensity,
        second=second if second_intensity else "neutral",
        second_intensity=second_intensity,
        weights=settle(total, lids(gaze_x, gaze_y)),
        asymmetry=asymmetry,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        gaze_x=gaze_x,
        gaze_y=gaze_y,
    )


REST_LIMIT = 0.4
_REST = (  # what a face at rest may look like for ever; a weight of at most so much
    (dict(browDown=1.0), 0.2),
    (dict(browInnerUp=1.0), 0.15),
    (dict(browInnerUp=-1.0), 0.2),
    (dict(browOuterUp=1.0), 0.15),
    (dict(eyeBlink=1.0), 0.2),
    (dict(eyeSquint=1.0), 0.2),
    (dict(eyeWide=1.0), 0.15),
    (dict(cheekSquint=1.0), 0.15),
    (dict(mouthFrown=1.0), 0.25),
    (dict(mouthSmile=1.0), 0.12),
    (dict(mouthPress=1.0, mouthRollUpper=0.6, mouthRollLower=0.6), 0.2),
    (dict(mouthUpperUp=0.6, mouthLowerDown=1.0), 0.15),
    (dict(jawOpen=1.0), 0.05),
    (dict(mouthShrugLower=1.0), 0.2),
    (dict(mouthPucker=1.0), 0.15),
    (dict(mouthStretch=1.0), 0.15),
    (dict(noseSneer=1.0), 0.12),
    (dict(jawForward=1.0), 0.2),
    (dict(mouthDimple=1.0), 0.15),
)


def rest(seed, person_number):
    """A person's own resting face, for `Person.rest`: low or high brows, drooping lids, corners down or up and so on.

    The model's lips stand a little apart, and identity modes part them further; those of most people rest closed.

    Returns:
        tuple of (blendshape, weight), weights of `REST_LIMIT` at most either way.
    """
    generator = np.random.default_rng([seed, 21, person_number])
    total = {}
    closed = generator.random() < 0.9
    if closed:  # about as far as makes the lips touch: farther, one lip goes into the other
        total["mouthClose"] = float(generator.uniform(0.02, 0.05))
    # Where brows lie at rest is what people differ in most, and what looks angry to who has not seen it.
    brows = float(generator.normal(0.13, 0.19))
    add(total, {"browDown": 1.0}, brows, float(generator.normal(0.0, 0.12)))
    for place in generator.choice(len(_REST), size=int(generator.integers(3, 8)), replace=False):
        weights, most = _REST[place]
        add(total, weights, most * float(generator.uniform(0.3, 1.4)), float(generator.normal(0.0, 0.12)))
    if closed:
        total = {name: weight for name, weight in total.items() if name not in _PARTS_LIPS or "Sneer" in name}
    return settle({name: min(max(weight, -REST_LIMIT), REST_LIMIT) for name, weight in total.items()})


def truth_of(motion):
    """What the data set reports of a motion: float32 `(len(TRUTH),)`, in the order of TRUTH."""
    weights = dict(motion.weights)
    known = len(TRUTH) - len(MOTION_SHAPES)
    values = [getattr(motion, name) for name in TRUTH[:known]] + [weights.get(name, 0.0) for name in MOTION_SHAPES]
    return np.array(values, np.float32)
