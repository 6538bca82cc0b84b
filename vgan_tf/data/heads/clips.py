"""Motion over time: a face that goes from neutral to an expression and back, blinks, talks, looks about and turns."""

import numpy as np

from vgan_tf.data.heads import motions
from vgan_tf.data.heads.appearance import Motion
from vgan_tf.labels import EXPRESSIONS

NEUTRAL_BELOW = 0.15  # strength of an expression, below which a frame is labelled neutral


def clip(seed, number, frames_per_second=25, expression=None):
    """Sample a clip of 2 to 4 seconds.

    It is drawn in seconds, so another frame rate shows the same clip. Each frame has its own true strength; a frame of
    strength below NEUTRAL_BELOW is labelled neutral, and keeps its strength. A neutral clip blinks, talks, looks about
    and turns as others do.

    Args:
        seed: int >= 0.
        number: int >= 0.
        frames_per_second: float > 0.
        expression: str, one of `labels.EXPRESSIONS`, that of the clip's apex; None: the seven in turn.

    Returns:
        list of Motion, one a frame.
    """
    expression = EXPRESSIONS[number % len(EXPRESSIONS)] if expression is None else expression
    generator = np.random.default_rng([seed, 22, number])
    # The order of the draws settles the clips of a seed: do not change it.
    seconds = generator.uniform(2.0, 4.0)
    times = np.arange(int(seconds * frames_per_second)) / frames_per_second
    poses = _poses(generator, times, seconds)
    gazes = _gazes(generator, times, seconds)
    asymmetry = motions.draw_asymmetry(generator)
    face = _tensions(generator, times, seconds)
    speech = _speech(generator, times, seconds) if generator.random() < 0.4 else 0.0
    face += _blinks(generator, times, seconds)[:, None] * _vector({"eyeBlink": 1.0})
    strength = generator.triangular(0.4, 0.9, 1.25)
    others = [name for name in EXPRESSIONS if name not in (expression, "neutral")]
    second = others[generator.integers(len(others))]
    share = generator.uniform(0.2, 0.5) if generator.random() < 0.2 else 0.0
    intensities = _apex(generator, times, seconds) * (0.0 if expression == "neutral" else strength)
    # An expression leaves speech less of the mouth, and two at once share the face.
    face += (1 - 0.4 * np.minimum(intensities, 1.0))[:, None] * speech
    face += intensities[:, None] * (
        (1 - 0.3 * share) * _vector(motions.draw_recipe(generator, expression), asymmetry)
        + share * _vector(motions.draw_recipe(generator, second), asymmetry)
    )
    frames = []
    for weights, pose, gaze, intensity in zip(
        face.tolist(), poses.tolist(), gazes.tolist(), intensities.tolist(), strict=True
    ):
        labelled = intensity >= NEUTRAL_BELOW
        frames.append(
            Motion(
                expression=expression if labelled else "neutral",
                intensity=intensity,
                second=second if labelled and share else "neutral",
                second_intensity=float(intensity * share),
                weights=motions.settle(zip(motions.MOTION_SHAPES, weights, strict=True), motions.lids(*gaze)),
                asymmetry=asymmetry,
                yaw=pose[0],
                pitch=pose[1],
                roll=pose[2],
                gaze_x=gaze[0],
                gaze_y=gaze[1],
            )
        )
    return frames


def _vector(weights, asymmetry=0.0):
    """Weights by name as an array `(len(MOTION_SHAPES),)`."""
    total = {}
    motions.add(total, weights, 1.0, asymmetry)
    return np.array([total.get(name, 0.0) for name in motions.MOTION_SHAPES])


def _rise(times, start, length):
    """From 0 at `start` to 1 after `length` seconds, with the least jerk: `(n,)`."""
    share = np.clip((times - start) / length, 0, 1)
    return share**3 * (10 - 15 * share + 6 * share**2)


def _moves(times, first, moves):
    """Values that rest at `first`, then go to others and rest there.

    Args:
        times: `(n,)`, in seconds.
        first: `(k,)`.
        moves: list of (start and length in seconds, values `(k,)`).

    Returns:
        float64 `(n, k)`.
    """
    values, last = np.tile(first, (len(times), 1)), first
    for start, length, target in moves:
        values += _rise(times, start, length)[:, None] * (np.asarray(target) - last)
        last = np.asarray(target)
    return values


def _apex(generator, times, seconds):
    """From 0 to 1 in about half a second, a while there, and back before the clip ends: `(n,)`."""
    onset, offset = generator.uniform(0.4, 0.65), generator.uniform(0.45, 0.8)
    start = generator.uniform(0.1, 0.1 + 0.3 * (seconds - 1.75))
    fall = generator.uniform(start + onset + 0.1, seconds - offset - 0.05)
    return _rise(times, start, onset) - _rise(times, fall, offset)


def _tensions(generator, times, seconds):
    """Small movements that say nothing, one after another."""
    first, then = (
        np.array([small.get(name, 0.0) for name in motions.MOTION_SHAPES])
        for small in (motions.draw_small(generator), motions.draw_small(generator))
    )
    start = generator.uniform(0.0, seconds - 1.0)
    return _moves(times, first, [(start, generator.uniform(0.4, 1.0), then)])


def _speech(generator, times, seconds):
    """A mouth that talks for a while, with three to six shapes a second."""
    closed = np.zeros(len(motions.MOTION_SHAPES))
    start = generator.uniform(0.0, 0.3 * seconds)
    end = generator.uniform(start + 0.8, seconds)
    moves = []
    while start < end:
        length = 1 / generator.uniform(3.0, 6.0)
        moves.append((start, length, _vector(motions.draw_speech(generator))))
        start += length
    return _moves(times, closed, [*moves, (start, 0.25, closed)])


def _blinks(generator, times, seconds):
    """How far the lids are closed: `(n,)`, 0 to 1.1. A blink takes 0.15 to 0.3 s, and opens slower than it closes."""
    closed = np.zeros(len(times))
    start = generator.uniform(0.0, 2.5)
    while start < seconds:
        length, depth = generator.uniform(0.15, 0.3), generator.uniform(0.9, 1.1)
        blink = _rise(times, start, 0.4 * length) - _rise(times, start + 0.4 * length, 0.6 * length)
        closed = np.maximum(closed, depth * blink)
        start += length + generator.uniform(0.8, 3.5)
    return closed


def _poses(generator, times, seconds):
    """Yaw, pitch and roll in degrees, `(n, 3)`: turns, in some a nod or a shake of the head, and a slight sway."""
    moves, start = [], generator.uniform(0.0, 1.5)
    first = last = np.array(motions.draw_pose(generator))
    while start < seconds and generator.random() < 0.6:
        pose = np.array(motions.draw_pose(generator))
        length = generator.uniform(0.4, 0.8) + np.abs(pose - last).max() / 90  # a far turn takes longer
        moves.append((start, length, pose))
        start, last = start + length + generator.uniform(0.2, 1.0), pose
    poses = _moves(times, first, moves)
    phases, rates = generator.uniform(0, 2 * np.pi, 3), generator.uniform(0.2, 0.6, 3)
    poses += np.sin(2 * np.pi * rates * times[:, None] + phases) * (0.8, 0.6, 0.5)
    kind, start, length = generator.random(), generator.uniform(0.0, seconds - 1.2), generator.uniform(0.9, 1.2)
    if kind < 0.35:
        swing = np.sin(np.pi * np.clip((times - start) / length, 0, 1)) ** 2
        swing *= np.sin(2 * np.pi * generator.uniform(1.2, 2.0) * (times - start)) * generator.uniform(3.0, 7.0)
        poses[:, 1 if kind < 0.2 else 0] += swing
    return np.clip(poses, (-35, -20, -15), (35, 20, 15))


def _gazes(generator, times, seconds):
    """Horizontal and vertical gaze, `(n, 2)`: the eyes jump within 30 to 70 ms, then rest."""
    first = np.array(motions.draw_gaze(generator))
    moves, start = [], generator.uniform(0.2, 1.5)
    while start < seconds:
        moves.append((start, generator.uniform(0.03, 0.07), motions.draw_gaze(generator)))
        start += generator.uniform(0.3, 1.6)
    return _moves(times, first, moves)
