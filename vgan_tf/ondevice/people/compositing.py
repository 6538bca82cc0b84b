"""Laying protected heads over the heads of a picture."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from vgan_tf.images import HEAD_SCALE, HEAD_SHIFT
from vgan_tf.ondevice.pictures import Square, pixels_of

GREY = np.float32(127.5)  # of a gap with nothing beside it
OVAL, RIM = 1.0, 0.12  # of a face that is replaced alone: its size and its soft edge, in shares of its box
HAIR = 0.3  # how far a gap reaches above the square of a head, for hair put up and hats, in shares of its side
ROWS = 32  # of a gap that are filled at once: few enough for the processor's cache
# Of a head's picture, in shares of its side: how high above its lower edge the neck begins to look as what is below,
# and half the width in which it lies. Between which heights the cut that leaves shoulders out widens, half its width
# below, and its softness.
NECK, NECK_WIDTH, CUT, CUT_WIDTH, CUT_SOFTNESS = 0.25, 0.3, (0.2, 0.32), 0.16, 0.03
CROWN = 0.36  # how hair is rounded that reaches over the upper edge: how much lower its outline is at the sides
# Likewise of what the neck stands on: its height; half its width above, and below at most; the softness of its outline;
# half the length over which it is smoothed. ELSE: levels off what is at the sides, from which on it is a shoulder.
FOOT, FOOT_WIDTHS, FOOT_SOFTNESS, STREAKS, ELSE = 0.16, (0.165, 0.4), 0.015, 0.012, 20
MIDDLE, STRIP = 0.12, 0.04  # half the width, and the height, of what is taken for the neck above and below the edge
LIKE, UNLIKE = 36, 96  # levels off the neck's middle: up to the first a pixel is of the neck, from the second on not
NO_SKIN, SKIN = (1.02, 0.85), (1.1, 0.95)  # red over green and green over blue: up to these no skin, from these skin
OUTLINE, SHARPER = 1.0, 1.8  # pixels of a head's picture by which its outline is smoothed; then it is so much steeper
# Light is judged by the brightest pixels around the gaps: their share of all; how bright they are, in levels, in
# pictures that are not dark; and every how many pixels one is looked at.
BRIGHTEST, WHITE, STRIDE = 0.1, 200.0, 7
DARKEST, TINT, MOST_TINT = 0.3, 0.7, 0.25  # least gain; how much of these pixels' colour is taken for light, at most


class Side(NamedTuple):
    """How a gap shows what lies along one of its sides, in shares of its width.

    near: how far it shows the very pixels; farther in, their means. smoothed: half the length over which these are
    taken, as a share of the side. reach: how far in they have a part.
    """

    near: float
    smoothed: float
    reach: float


BESIDE = Side(0.05, 0.2, math.inf)
BELOW = Side(0.02, 0.01, 0.008)  # shoulders and clothes: else they hang as a mist beside the neck


class Gap(NamedTuple):
    """A rectangle of a picture, in pixels; it may reach over the picture's edges."""

    left: int
    top: int
    width: int
    height: int


def head_square(square):
    """The square that a generated head with alpha fills, where an encoder saw `square`: Square."""
    side = square.side * HEAD_SCALE
    x, y = square.left + square.side / 2, square.top + (0.5 + HEAD_SHIFT) * square.side
    return Square(x - side / 2, y - side / 2, side)


def gap_of(square, box):
    """What is taken out of the picture for a head that fills `square`, and wherever `box` [x, y, w, h] lies: Gap."""
    x, y, w, h = box
    left, top = math.floor(min(square.left, x)), math.floor(min(square.top - HAIR * square.side, y))
    right, bottom = math.ceil(max(square.left + square.side, x + w)), math.ceil(max(square.top + square.side, y + h))
    return Gap(left, top, right - left, bottom - top)


def lay_over(picture, heads):
    """Replace heads: first nothing of them is left, then the protected ones are laid over the gaps.

    A gap is filled by what the picture shows beside it, smoothed, and heads get the light of what is around the gaps.
    No pixel within a gap has a part in that.

    Args:
        picture: uint8 `(height, width, 3)`.
        heads: list of (PIL picture with alpha, Square that it fills, box [x, y, w, h] of what must not be left).

    Returns:
        uint8 `(height, width, 3)`.
    """
    result, gaps = picture.copy(), [gap_of(square, box) for _, square, box in heads]
    covered = _covered(picture, gaps)
    for gap in gaps:
        _fill(result, picture, gap, covered)
    light = _light_around(picture, covered)
    # Who is larger is nearer.
    for head, square, _ in sorted(heads, key=lambda one: one[1].side):
        _lay(result, _lit(head, light), square)
    return result


def suited(picture, square, gaps, necks):
    """Whose neck looks most like the one that a head will stand on: that third of the targets.

    No pixel within a gap has a part in that.

    Args:
        picture: uint8 `(height, width, 3)`.
        square: Square that the head will fill.
        gaps: list of Gap, of all heads of the picture.
        necks: name -> float `(3,)`, as of `neck_of`.

    Returns:
        list of names; all of them where no skin is seen below the head.
    """
    left, _, right, bottom = pixels_of(square)
    middle, half = (left + right) // 2, round(MIDDLE * square.side)
    rows, columns = _inside(Gap(middle - half, bottom, 2 * half, math.ceil(STRIP * square.side)), picture)
    covered = _covered(picture, gaps)
    below = picture[rows, columns][~covered[rows, columns]]
    if not len(below) or _skin(colour := np.median(below, axis=0)) < 0.5:
        return list(necks)
    light = _light_around(picture, covered)
    return sorted(necks, key=lambda name: np.abs(necks[name] * light - colour).sum())[: math.ceil(len(necks) / 3)]


def neck_of(head):
    """The colour of a head's neck at its lower edge, float64 `(3,)`; `head` is an RGBA picture."""
    pixels = np.asarray(head)[-math.ceil(STRIP * head.height) :, :, :3]
    middle, half = head.width // 2, round(MIDDLE * head.width)
    return np.median(pixels[:, middle - half : middle + half].reshape(-1, 3), axis=0)


def _covered(picture, gaps):
    """Where gaps lie: bool `(height, width)`."""
    covered = np.zeros(picture.shape[:2], bool)
    for gap in gaps:
        covered[_inside(gap, picture)] = True
    return covered


def _light_around(picture, covered):
    """`light_of` what of a picture no gap covers."""
    return light_of(picture[::STRIDE, ::STRIDE][~covered[::STRIDE, ::STRIDE]])


def light_of(pixels):
    """How dark and of which colour the light is that a head is to be shown in.

    Args:
        pixels: uint8 `(n, 3)`, RGB, none of them of a head.

    Returns:
        float64 `(3,)`, gains of red, green and blue: 1 for white light that is bright enough, and without a pixel.
    """
    if not len(pixels):
        return np.ones(3)
    most = max(1, round(BRIGHTEST * len(pixels)))
    colour = np.maximum(np.partition(pixels, -most, axis=0)[-most:].mean(axis=0), 1)
    tint = np.clip((colour / colour.mean()) ** TINT, 1 - MOST_TINT, 1 + MOST_TINT)
    return tint * np.clip(colour.mean() / WHITE, DARKEST, 1)


def _lit(head, light):
    """A head, an RGBA picture, in another light."""
    return Image.fromarray(np.rint(np.minimum(np.asarray(head) * np.append(light, 1), 255)).astype(np.uint8))


def _lay(picture, head, square):
    """Lay a head, an RGBA picture, over the square that it fills, however that lies between pixels; in place."""
    left, top, right, bottom = pixels_of(square)
    rows, columns = _inside(Gap(left, top, right - left, bottom - top), picture)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    share = head.width / square.side  # of the head's pixels in one of the picture's
    edge = math.ceil(share)  # nothing, into which the square's own edge fades
    around = Image.new("RGBA", (head.width + 2 * edge,) * 2)
    around.paste(head, (edge, edge))
    box = np.subtract((columns.start, rows.start, columns.stop, rows.stop), square[:2] * 2)
    place = (
        (columns.stop - columns.start, rows.stop - rows.start),
        Image.Resampling.BICUBIC,
        (edge + share * box).tolist(),
    )
    outline = around.getchannel("A").filter(ImageFilter.GaussianBlur(OUTLINE)).resize(*place)
    alpha = np.clip((np.asarray(outline, np.float32) - GREY) * SHARPER + GREY, 0, 255)
    height = ((square.top + square.side - 0.5 - np.arange(rows.start, rows.stop)) / square.side).astype(np.float32)
    across = ((np.arange(columns.start, columns.stop) + 0.5 - square.left) / square.side - 0.5).astype(np.float32)
    aside = np.abs(across)
    seen = np.asarray(around.resize(*place).convert("RGB")).copy()
    if head.getchannel("A").getextrema()[0] < 255:  # else it is no head, but what hides one
        high = height > 1 - CROWN - CUT_SOFTNESS
        crown = 1 - height[high, None] - CROWN * (2 * aside) ** 2
        alpha[high] *= np.clip(crown / CUT_SOFTNESS + 0.5, 0, 1)
        low = height < CUT[1]
        opening = np.interp(height[low, None], CUT, (0, 1))
        widths = CUT_WIDTH + (0.5 - CUT_WIDTH) * opening**2
        alpha[low] *= np.clip((widths - aside) / CUT_SOFTNESS + 0.5, 0, 1)
        below = picture[rows.stop : rows.stop + math.ceil(STRIP * square.side), columns]
        if below[:, aside < MIDDLE].size:
            _match_neck(seen, height, aside, below)
            _lay_foot(seen, alpha, height, across, below[0])
    laid = Image.fromarray(picture[rows, columns])
    laid.paste(Image.fromarray(seen), mask=Image.fromarray(np.rint(alpha).astype(np.uint8)))
    picture[rows, columns] = laid


def _match_neck(head, height, aside, below):
    """Let a head's neck take the colour of the neck below it, more and more towards its lower edge; in place.

    Where no skin is below, it stays as it is.

    Args:
        head: uint8 `(rows, columns, 3)`.
        height: `(rows,)` above the lower edge of the head's whole picture, in shares of its side.
        aside: `(columns,)`, likewise from its middle.
        below: uint8 `(n, columns, 3)`, what the picture shows below.
    """
    middle, edge = aside < MIDDLE, height < STRIP
    own, colour = (np.median(part[:, middle].reshape(-1, 3), axis=0) for part in (head[edge], below))
    beside = np.flatnonzero(aside < NECK_WIDTH)
    neck = np.s_[np.count_nonzero(height >= NECK) :, beside[0] : beside[-1] + 1]
    pixels, share = head[neck].astype(np.float32), 1 - height[neck[0]] / NECK
    unlike = np.abs(pixels - own.astype(np.float32)).max(axis=2)
    like = Image.fromarray(np.rint(255 * np.clip((UNLIKE - unlike) / (UNLIKE - LIKE), 0, 1)).astype(np.uint8))
    like = np.asarray(like.filter(ImageFilter.GaussianBlur(len(head) / 100)), np.float32) / 255
    like *= _skin(colour) * (share**2 * (3 - 2 * share))[:, None]
    head[neck] = np.rint(np.clip(pixels + like[..., None] * (colour - own).astype(np.float32), 0, 255))


def _skin(colour):
    """How much a colour, `(3,)`, may be that of skin: 0 to 1."""
    redder = np.maximum(colour[:2], 1) / np.maximum(colour[1:], 1)  # red over green, green over blue
    return np.clip((redder - NO_SKIN) / np.subtract(SKIN, NO_SKIN), 0, 1).min()


def _lay_foot(head, alpha, height, across, line):
    """Let a head's neck stand on what the picture shows below: shoulders rise to it as a collar does; in place.

    Args:
        head: uint8 `(rows, columns, 3)`, its neck matched.
        alpha: float32 `(rows, columns)`, 0 to 255.
        height: as for `_match_neck`.
        across: `(columns,)`, from the middle of the head's whole picture to the right, in shares of its side.
        line: uint8 `(columns, 3)`, the row of the picture below the head.
    """
    foot, middle, narrow = np.s_[np.count_nonzero(height >= FOOT) :], np.searchsorted(across, 0), FOOT_WIDTHS[0]
    share = 1 - np.maximum(height[foot, None], 0) / FOOT
    line = _smoothed(line.astype(np.float32), np.ones(len(line), bool), STREAKS)
    for half, outwards in ((np.s_[middle:], np.s_[::1]), (np.s_[:middle], np.s_[::-1])):
        away, shown = np.abs(across[half])[outwards], line[half][outwards]
        pixels, cover = head[foot, half][:, outwards], alpha[foot, half][:, outwards]
        if len(away) < 2:
            continue
        shoulder = np.flatnonzero(np.abs(shown - shown[-1]).max(axis=1) > ELSE)
        wide = np.clip(away[shoulder[-1]] if shoulder.size else narrow, *FOOT_WIDTHS)
        width = narrow + (wide - narrow) * share**3
        # The neck goes straight up; what is beside it is drawn in, all of it as far as the outline.
        place = np.where(away < narrow, away, narrow + (away - narrow) * (wide - narrow) / (width - narrow + 1e-6))
        place = np.clip(np.rint((place - away[0]) / (away[1] - away[0])), 0, len(away) - 1).astype(int)
        part = np.clip((width - away) / FOOT_SOFTNESS + 0.5, 0, 1) * share**2 * (3 - 2 * share)
        own = cover * (1 - part)  # a head has no colour where it is not
        weight = 255 * part / np.maximum(own + 255 * part, 1)
        pixels[:] = np.rint(pixels + weight[..., None] * (shown[place] - pixels))
        cover[:] = np.maximum(cover, 255 * part)


def faces_only(picture, replaced, faces, whole):
    """Keep of replaced heads the oval of the face, and around it hair and outline of the original.

    Args:
        picture, replaced: uint8 `(height, width, 3)`: the original, and the same with its heads replaced.
        faces: list of Face.
        whole: list of Gap, of what stays replaced as a whole.

    Returns:
        uint8 `(height, width, 3)`. Within the ovals no pixel of the original has a part.
    """
    height, width, _ = picture.shape
    share = np.zeros((height, width, 1), np.float32)
    for face in faces:
        x, y, w, h = face.box
        rows, columns = (np.arange(length, dtype=np.float32)[:, None] + 0.5 for length in (height, width))
        down, right = (rows - y - h / 2) / (OVAL * h / 2), (columns.T - x - w / 2) / (OVAL * w / 2)
        distance = np.sqrt(down**2 + right**2)  # 1 on the oval
        share = np.maximum(share, np.clip(1 + (1 - distance) / RIM, 0, 1)[..., None])
    for gap in whole:
        share[_inside(gap, picture)] = 1
    return np.rint(share * replaced + (1 - share) * picture).astype(np.uint8)


def _inside(gap, picture):
    """The rows and columns of a gap that lie in the picture: two slices."""
    height, width, _ = picture.shape
    return (
        slice(max(0, min(gap.top, height)), max(0, min(gap.top + gap.height, height))),
        slice(max(0, min(gap.left, width)), max(0, min(gap.left + gap.width, width))),
    )


def _fill(result, picture, gap, covered):
    """Fill a gap by what lies along its four sides, each side's part falling with the distance from it; in place."""
    rows, columns = _inside(gap, picture)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if height <= 0 or width <= 0:
        return
    # The sum of the sides' parts is one of products: of what depends on the row and on the column, each (3, n).
    down, right = [np.full((3, height), 1e-6 * GREY)], [np.ones((3, width))]
    weights = np.full((height, width), 1e-6, np.float32)
    for axis, place, length, side in (
        (0, rows.start - 1, height, BESIDE),
        (0, rows.stop, -height, BELOW),
        (1, columns.start - 1, width, BESIDE),
        (1, columns.stop, -width, BESIDE),
    ):
        if not 0 <= place < picture.shape[axis]:
            continue
        across = (place, columns) if axis == 0 else (rows, place)
        line, shown = picture[across].astype(np.float32), ~covered[across]
        if not shown.any():
            continue
        distance = np.arange(1, abs(length) + 1)[:: np.sign(length)]
        weight = np.exp(-distance / (side.reach * gap.width)) / np.square(distance)
        near = np.exp(-distance / (side.near * gap.width))
        smooth = _smoothed(line, shown, side.smoothed)
        # What another head hides is not shown.
        for away, along in ((weight, smooth), (weight * near, (line - smooth) * shown[:, None])):
            pair = np.tile(away, (3, 1)), along.T
            down.append(pair[axis])
            right.append(pair[1 - axis])
        weights += weight[:, None] if axis == 0 else weight
    down, right = np.stack(down, axis=2).astype(np.float32), np.stack(right, axis=1).astype(np.float32)
    for start in range(0, height, ROWS):
        part = slice(start, start + ROWS)
        total = down[:, part] @ right / weights[part]  # (3, ROWS, width)
        result[rows, columns][part] = np.rint(total).transpose(1, 2, 0)


def _smoothed(line, shown, reach):
    """Means of the pixels around each pixel of a line, of those that are `shown`: float32 `(n, 3)`.

    `reach` is half the length over which they are taken, in shares of the line.
    """
    places, reach = np.arange(len(line)), round(reach * len(line))
    ends, starts = np.minimum(places + reach + 1, len(line)), np.maximum(places - reach, 0)
    sums = np.cumsum(np.pad(np.column_stack([line, np.ones(len(line))]) * shown[:, None], ((1, 0), (0, 0))), axis=0)
    sums = sums[ends] - sums[starts]
    means = sums[:, :3] / np.maximum(sums[:, 3:], 1)
    return np.where(sums[:, 3:] > 0, means, line[shown].mean(axis=0)).astype(np.float32)
