"""A face in, the face of another identity with the same expression out."""

import functools
import hmac
import secrets

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.ondevice.alignment import aligner_of, face_of
from vgan_tf.ondevice.export_folder import open_export
from vgan_tf.ondevice.people.compositing import faces_only, gap_of, head_square, lay_over, neck_of, suited
from vgan_tf.ondevice.people.finding import Face, find_faces
from vgan_tf.ondevice.people.fitness import UnfitFace, named, reason_against
from vgan_tf.ondevice.pictures import open_picture, paste, scaled, square_around, square_with, to_rgb
from vgan_tf.targets import target_codes

# An output that differs from the input by at most this many of 255 levels counts as the unprotected input.
UNCHANGED_LEVELS = 2
# Recipes of the generator that draws videos, the first that is there: int8 rounds so coarsely within the network that
# heads of nearly the same latent differ by some levels, and would flicker.
STEADY = ("dynamic", "float16", "float32")
GREY = np.float32(127.5)  # behind a head that the model gives with alpha: the middle of its range


class Protector:
    """Replaces the identity in face crops.

    The same picture with the same target gives the same pixels. One thread at a time may use an object: give each
    thread its own.

    Args:
        folder: export folder; None takes the weights shipped with the package.

    Attributes:
        identities: names of the target identities.
        latent_names: what each number of a latent says, as of `Export`; empty where it has no meaning of its own.

    Raises:
        InputError: see `open_export` and `Export.model`.
    """

    def __init__(self, folder=None):
        self._export = export = open_export(folder)
        self.identities, self.latent_names = export.identities, export.latent_names
        self._image_size, self._alpha = export.image_size, export.alpha
        self._model, self._aligner = export.model("anonymizer"), aligner_of(export)
        self._known_necks = None

    def protect(self, image, target="random", alpha=False):
        """Protect one face crop.

        Args:
            image: path, bytes of a picture file, PIL picture, or uint8 array `(height, width, 3)`, RGB; its central
                square is the face or, where the export has an alignment model, holds the head.
            target: name of an identity; or "random": one drawn for each call, uniformly, from the operating system's
                randomness; or "fixed:SECRET": see `fixed_target`.
            alpha: whether to give the head cut out, where the export's pictures have alpha.

        Returns:
            PIL picture of the model's size: RGB, where the export has alpha of the head before middle grey; or RGBA
            with `alpha`, to lay over another picture. It holds the model's output alone, and no metadata.

        Raises:
            InputError: the image cannot be read, the target is unknown, the export has no alpha, or the model's output
                is not a protected face. No picture is returned then.
        """
        return self._protected(face_of(open_picture(image), self._image_size, self._aligner), target, alpha)

    def protect_people(self, image, target="random", faces=None):
        """Protect all faces of a whole picture.

        Args:
            image: path, bytes, PIL picture, or uint8 array `(height, width, 3)`, RGB.
            target: as for `protect`; a random one is drawn for each face, among those that suit it (`choose`).
            faces: boxes [x, y, w, h] of the heads, in pixels of the upright picture; None finds the faces.

        Returns:
            (PIL picture of the same size; the number of faces, int). Where the export has alpha heads are replaced,
            hair and all, else squares that hold the boxes.

        Raises:
            UnfitFace: a face cannot be protected well.
            InputError: as for `protect`, for any of the faces, or as for `find`. No picture is returned then.
        """
        picture = to_rgb(open_picture(image))
        faces = self.find(picture, faces)
        return Image.fromarray(self.replace_faces(picture, faces, [target] * len(faces))[0]), len(faces)

    def find(self, picture, boxes=None):
        """The faces of a picture.

        Args:
            picture: uint8 `(height, width, 3)`, RGB.
            boxes: [x, y, w, h] of each head, in pixels; None finds them.

        Returns:
            list of Face.

        Raises:
            InputError: a box is none, or lies outside the picture; or as for `find_faces`.
        """
        if boxes is None:
            return find_faces(picture)
        squares = [square_around(box, picture.shape[1], picture.shape[0]) for box in boxes]
        if self._aligner is not None:
            squares = [self._aligner.align(picture, square) for square in squares]
        return [Face(square, box, 1.0) for square, box in zip(squares, boxes, strict=True)]

    @functools.cached_property
    def _encoder(self):
        return self._export.model("encoder")

    @functools.cached_property
    def _generator(self):
        there = (recipe for recipe in STEADY if f"generator_{recipe}.tflite" in self._export.files)
        return self._export.model("generator", next(there, None))

    def encode(self, picture, faces):
        """The latents of faces that were found: what each does.

        Args:
            picture: uint8 `(height, width, 3)`, RGB.
            faces: list of Face.

        Returns:
            float32 `(n, d)`, of `latent_names` where the export has such.

        Raises:
            InputError: the export has no encoder, or its output is not finite.
        """
        seen = [scaled(picture, face.square, self._image_size) for face in faces]
        return _run(self._encoder, image=np.stack(seen))["latent"]

    def replace_faces(self, picture, faces, targets, black=False, latents=None, style="head"):
        """Replace faces that were found.

        Args:
            picture, faces, black, latents: as for `heads`.
            targets: of each face, as for `choose`.
            style: "head" or "face": the whole head, or the oval of the face alone, so that hair and outline stay.

        Returns:
            (uint8 `(height, width, 3)`; for each face "", or why it is black).

        Raises:
            UnfitFace, InputError: as for `heads`.
        """
        targets = [self.choose(target, picture, face, faces) for target, face in zip(targets, faces, strict=True)]
        heads, reasons = self.heads(picture, faces, targets, black, latents, self._alpha)
        # The square that the encoder sees need not hold the whole face; what is covered does.
        squares = [head_square(one.square) if self._alpha else square_with(one.square, one.box) for one in faces]
        replaced = self._laid_over(picture, heads, squares, faces)
        if style == "head":
            return replaced, reasons
        whole = [gap_of(square, face.box) for square, face, why in zip(squares, faces, reasons, strict=True) if why]
        return faces_only(picture, replaced, faces, whole), reasons

    def heads(self, picture, faces, targets, black=False, latents=None, alpha=False):
        """The protected heads of faces that were found, each by itself.

        Args:
            picture: uint8 `(height, width, 3)`, RGB.
            faces: list of Face.
            targets: of each face, as for `protect`.
            black: whether a face that cannot be protected well becomes black, and no error.
            latents: float32 `(n, d)`, what the protected faces do; None: what these do.
            alpha: as for `protect`.

        Returns:
            (list of PIL pictures as of `protect`; for each face "", or why it is black).

        Raises:
            UnfitFace: a face is too small, or turned or tilted too far (`fitness.reason_against`).
            InputError: as for `protect`, for any of the faces.
        """
        heads, reasons = [], []
        for number, (face, target) in enumerate(zip(faces, targets, strict=True)):
            reason = reason_against(face)
            if reason and not black:
                raise UnfitFace(f"{named(face)} cannot be protected well: {reason}")
            head = Image.new("RGBA" if alpha else "RGB", (self._image_size,) * 2, "black")
            if not reason:
                try:
                    if latents is not None:
                        head = self._protected(None, target, alpha, latents[number])
                    else:  # all are cut out of the original picture
                        head = self._protected(scaled(picture, face.square, self._image_size), target, alpha)
                except InputError as error:
                    if not black:
                        raise
                    reason = str(error)
            heads.append(head)
            reasons.append(reason)
        return heads, reasons

    def _laid_over(self, picture, heads, squares, faces):
        """The picture with each head in its Square and nothing of the faces left."""
        if self._alpha:
            return lay_over(picture, list(zip(heads, squares, [face.box for face in faces], strict=True)))
        picture = picture.copy()
        for head, square in zip(heads, squares, strict=True):
            paste(picture, head, square)
        return picture

    def _protected(self, face, target, alpha, latent=None):
        """`protect` for a face as the model takes it, uint8 `(size, size, 3)`; or for a latent, without a face."""
        if alpha and not self._alpha:
            raise InputError("alpha=True: the pictures of this export have no alpha; leave it out")
        code = target_codes([self.identities.index(self.choose(target))], len(self.identities))
        if latent is None:
            protected = _run(self._model, image=face[None], target=code)["protected"][0]
        else:
            protected = _run(self._generator, latent=latent[None], target=code)["protected"][0]
        colours = np.ascontiguousarray(protected[..., :3])
        if (colours == colours[0, 0]).all():
            raise InputError("the model gave a picture of one colour: no face; export it again")
        if face is not None and np.abs(colours.astype(int) - face).max() <= UNCHANGED_LEVELS:
            raise InputError("the model gave the picture back unprotected; export it again")
        return Image.fromarray(cut_out(protected) if alpha else colours)

    def choose(self, target, picture=None, face=None, faces=()):
        """The name of the identity that `protect` would use; "random" draws one.

        Where a head is to be laid over a picture, its neck stays as it was. So "random" draws among the third of the
        targets whose necks look most like it: a dark head on a light neck looks like a mask. That tells what the
        neck tells. Where no skin is seen below the head it draws among all.

        Args:
            target: as for `protect`.
            picture, face: uint8 `(height, width, 3)`, and the Face of it that is to be replaced; or None.
            faces: all of its Faces that are to be replaced: nothing of them has a part in the choice.

        Raises:
            InputError: no such identity, or an empty secret.
        """
        if target == "random":
            if picture is None or not self._alpha or reason_against(face):
                return secrets.choice(self.identities)
            try:
                necks = self._necks(scaled(picture, face.square, self._image_size))
            except InputError:  # said where the face is to be protected
                return secrets.choice(self.identities)
            gaps = [gap_of(head_square(one.square), one.box) for one in faces]
            return secrets.choice(suited(picture, head_square(face.square), gaps, necks))
        if isinstance(target, str) and target.startswith("fixed:"):
            return fixed_target(target.removeprefix("fixed:"), self.identities)
        if target not in self.identities:
            raise InputError(f"target {target!r}: must be random, fixed:SECRET or one of {', '.join(self.identities)}")
        return target

    def _necks(self, seen):
        """Name -> colour of the neck of each target, drawn of the face first `seen`: others differ by 2 levels."""
        if self._known_necks is None:
            self._known_necks = {name: neck_of(self._protected(seen, name, True)) for name in self.identities}
        return self._known_necks


def _run(model, **arrays):
    try:
        return model.run(**arrays)
    except FloatingPointError as error:
        raise InputError(str(error)) from None


def cut_out(picture):
    """The head without the grey behind it.

    Args:
        picture: uint8 `(height, width, 4)`: RGB before middle grey, and alpha.

    Returns:
        uint8 of that shape: the head's own colours, grey where it is not, and the same alpha.
    """
    share = picture[..., 3:] / np.float32(255)
    colours = GREY + (picture[..., :3] - GREY) / np.maximum(share, np.float32(1 / 255))
    cut = picture.copy()
    cut[..., :3] = np.rint(np.where(share > 0, np.clip(colours, 0, 255), GREY))
    return cut


def fixed_target(secret, identities):
    """One identity for all pictures of a device, chosen by a secret that its user keeps.

    For each name, HMAC-SHA-256 is computed with the secret's UTF-8 bytes as the key; the name with the largest digest
    wins. So the choice is the same in every version of this package and for any order of the names, and nobody can
    compute it without the secret. A name added to the list changes the choice of few devices. All pictures of one
    device then show one identity, so they can be linked to each other.

    Args:
        secret: str, not empty.
        identities: names to choose from.

    Returns:
        one of `identities`.
    """
    if not secret:
        raise InputError("target fixed: without a secret; write fixed:SECRET")
    key = secret.encode("utf-8", "surrogateescape")
    return max(identities, key=lambda name: hmac.digest(key, name.encode(), "sha256"))
