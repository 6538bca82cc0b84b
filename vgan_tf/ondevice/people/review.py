"""A sheet of protected frames, to be looked through for faces that were missed."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgan_tf.images import tile, write_image
from vgan_tf.ondevice.people.tracking import EVERY

LONG_GAP = 2 * EVERY  # frames without a find, from which a face counts as bridged for long
LOW_SCORE = 0.5  # of a find, below which it is weak
EVERY_SECONDS = 10.0  # one frame is shown in any case, as a face may never have been found
COLUMNS, WIDTH, HEIGHT, CAPTION = 4, 320, 240, 32  # of the sheet's cells, in pixels
MOST = 400  # cells on a sheet


class Review:
    """Protected pictures and frames for one sheet.

    Attributes:
        left_out: number of those that found no room.
    """

    def __init__(self):
        self._cells, self.left_out = [], 0

    def add(self, picture, caption):
        """Add a protected picture, uint8 `(height, width, 3)`, and a line or two about it."""
        if len(self._cells) == MOST:
            self.left_out += 1
            return
        small = Image.fromarray(picture)
        small.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        cell = Image.new("RGB", (WIDTH, HEIGHT + CAPTION), "white")
        cell.paste(small, ((WIDTH - small.width) // 2, (HEIGHT - small.height) // 2))
        text = ImageDraw.Draw(cell)
        text.multiline_text((4, HEIGHT + 2), caption, "black", ImageFont.load_default(12), spacing=2)
        self._cells.append(np.asarray(cell))

    def write(self, path):
        """Write the sheet as a picture, of the kind its ending names."""
        empty = np.full((HEIGHT + CAPTION, WIDTH, 3), 255, np.uint8)
        write_image(path, tile(self._cells or [empty], COLUMNS))


def frames_to_see(tracks, count, rate):
    """Which frames of a video may show a face that was missed, and why.

    Args:
        tracks: list of Track.
        count: frames of the video.
        rate: frames a second.

    Returns:
        {number of a frame: list of str}, in order of the numbers.
    """
    see = {number: [] for number in range(0, count, max(1, round(EVERY_SECONDS * rate)))}

    def show(number, why):
        if 0 <= number < count:
            see.setdefault(number, []).append(why)

    for which, (first, faces) in enumerate(tracks):
        last = first + len(faces) - 1
        show(first - 1, f"before face {which}")
        show(first, f"face {which} begins")
        show(last, f"face {which} ends")
        show(last + 1, f"after face {which}")
        found = [number for number, face in enumerate(faces) if face.score > 0]
        for start, end in zip(found, found[1:], strict=False):
            if end - start > LONG_GAP:
                show(first + (start + end) // 2, f"face {which} not found for {end - start} frames")
        if found:
            weakest = min(found, key=lambda number: faces[number].score)
            if faces[weakest].score < LOW_SCORE:
                show(first + weakest, f"face {which} hardly found")
    return dict(sorted(see.items()))
