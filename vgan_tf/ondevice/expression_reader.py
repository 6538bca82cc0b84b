"""The expression of a face, original or protected."""

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.ondevice.alignment import aligner_of, face_of
from vgan_tf.ondevice.export_folder import open_export
from vgan_tf.ondevice.people.finding import find_faces
from vgan_tf.ondevice.pictures import as_box, cut, open_picture, scaled, square_around, to_rgb

TEN = 10  # degrees, in which a latent's angles are given
ANGLES = {"pose": ("yaw", "pitch", "roll"), "gaze": ("gaze_x", "gaze_y")}


class ExpressionReader:
    """Reads expressions from face crops, or from the boxes of faces in a picture.

    One thread at a time may use an object: give each thread its own. `vgan_tf.labels` maps labels to those of other
    programs.

    Args:
        folder: export folder; None takes the weights shipped with the package.

    Attributes:
        expressions: their labels.

    Raises:
        InputError: see `open_export` and `Export.model`.
    """

    def __init__(self, folder=None):
        export = open_export(folder)
        self.expressions = export.expressions
        self._model, self._aligner = export.model("expression"), aligner_of(export)
        self._image_size, self._latent_names = export.image_size, export.latent_names
        told = export.latent_names and any(one["part"] == "encoder" for one in export.files.values())
        self._encoder = export.model("encoder") if told else None

    def read(self, image, boxes=None):
        """Read the expression of each face.

        Args:
            image: path, bytes, PIL picture, or uint8 array `(height, width, 3)`, RGB.
            boxes: list of [x, y, w, h], in pixels of the upright picture; None: the one face is its central square. An
                alignment model in the export finds the face within them.

        Returns:
            a dict for each box: {"box": [x, y, w, h], "expression": {label: 0..1, of sum 1}, "dominant": label}. Where
            the latent says what a face does, also "strengths", "pose" and "gaze" (`motion_of`).

        Raises:
            InputError: the image cannot be read, a box lies outside it, or the model gave no probabilities.
        """
        picture = open_picture(image)
        if boxes is None:
            side = min(picture.size)
            boxes, faces = [[(picture.width - side) // 2, (picture.height - side) // 2, side, side]], [picture]
        else:
            pixels = to_rgb(picture)
            boxes = [as_box(box) for box in boxes]
            faces = [Image.fromarray(cut(pixels, square_around(box, *picture.size))) for box in boxes]
        faces = [face_of(face, self._image_size, self._aligner) for face in faces]
        return [self._describe(box, face) for box, face in zip(boxes, faces, strict=True)]

    def read_people(self, image):
        """Find the faces of a whole picture and read the expression of each.

        Args:
            image: as for `read`.

        Returns:
            as `read` gives it, the surest face first.

        Raises:
            InputError: as for `read`, or as for `find_faces`.
        """
        picture = to_rgb(open_picture(image))
        return self.read_faces(picture, find_faces(picture))

    def read_faces(self, picture, faces):
        """Read the expressions of faces that were found.

        Args:
            picture: uint8 `(height, width, 3)`, RGB.
            faces: list of Face.

        Returns:
            as `read` gives it.
        """
        return [self._describe(face.box, scaled(picture, face.square, self._image_size)) for face in faces]

    def _describe(self, box, face):
        try:
            shares = self._model.run(image=face[None])["probabilities"][0].astype(np.float64)
        except FloatingPointError as error:
            raise InputError(str(error)) from None
        if shares.min() < 0 or not shares.sum() > 0:
            raise InputError("the expression model gave no probabilities; export it again")
        # Probabilities stored in 8 bits do not sum to exactly 1.
        expression = dict(zip(self.expressions, (shares / shares.sum()).tolist(), strict=True))
        reading = {"box": box, "expression": expression, "dominant": max(expression, key=expression.get)}
        if self._encoder is None:
            return reading
        try:
            latent = self._encoder.run(image=face[None])["latent"][0]
        except FloatingPointError as error:
            raise InputError(str(error)) from None
        return reading | motion_of(latent, self._latent_names, self.expressions)


def motion_of(latent, names, expressions):
    """What a face does, as a latent says it.

    Args:
        latent: float `(d,)`.
        names: what each of its numbers says, as of `Export.latent_names`.
        expressions: labels of the expressions, whose strengths have these names.

    Returns:
        dict with "strengths", {label: float, 0 for none, 1 where it shows plainly}; "pose", [yaw, pitch, roll] of the
        head; "gaze", [x, y] of the eyes in the head; angles in degrees, positive to the right of the picture, up, and
        for roll clockwise. "pose" and "gaze" are there where the latent says all of them.
    """
    values = dict(zip(names, latent.tolist(), strict=True))
    motion = {"strengths": {name: round(max(0.0, values[name]), 3) for name in expressions if name in values}}
    for name, parts in ANGLES.items():
        if all(part in values for part in parts):
            motion[name] = [round(TEN * values[part], 1) for part in parts]
    return motion
