"""What is the same in all pictures of a person."""

import numpy as np

from vgan_tf.data.heads import hair
from vgan_tf.data.heads.accessories import pieces
from vgan_tf.data.heads.meshes import Normals


class Body:
    """The head, painted skin, hair and worn things of a person, ready to be drawn.

    Args:
        context: moderngl's.
        model: `HeadModel`.
        painter: `Painter`.
        lids: `Eyelids`.
        programs: name -> program, of which "hair", "piece" and "depth" are used.
        person: `Person`.

    Attributes:
        head: float32 `(v, 3)`, without what the face does at rest.
        eyeballs, opening: of its eyes, see `Eyelids`.
        painted: texture, by `Painter`.
        hair, hair_depth: vertex arrays, or None.
        solid: number of the hair's triangles that cast a shadow, its last ones.
        pieces: list of (Piece, vertex array).
    """

    def __init__(self, context, model, painter, lids, programs, person):
        self.head = model.neutral.copy()
        for mode, weight in person.shape:
            self.head += weight * model.modes[mode]
        self.eyeballs, self.opening = lids.balls(self.head), lids.opening(self.head)
        self.painted = painter.paint(person)
        self.hair = self.hair_depth = None
        self.pieces, self._resources = [], [self.painted]
        mesh = hair.mesh(person, model, self.head)
        if mesh is not None:
            *arrays, triangles, self.solid = mesh
            both = [programs["hair"], programs["depth"]]
            self.hair, self.hair_depth = self._upload(context, both, *arrays, triangles)
        for piece in pieces(person, model, self.head):
            normals = Normals(piece.triangles).of(piece.positions)
            extra = np.hstack([piece.colours, np.full((len(piece.positions), 1), piece.shine)])
            arrays = piece.positions, normals, piece.positions, extra, piece.triangles
            (drawn,) = self._upload(context, [programs["piece"]], *arrays)
            self.pieces.append((piece, drawn))

    def release(self):
        """Free what it holds on the graphics card."""
        for resource in self._resources:
            resource.release()

    def _upload(self, context, programs, positions, normals, places, extra, triangles):
        data = np.hstack([positions, normals, places, extra]).astype("f4")
        buffer = context.buffer(data.tobytes())
        indices = context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
        layout = [(buffer, "3f 3f 3f 4f", "position", "normal", "place", "extra")]
        drawn = [context.vertex_array(one, layout, index_buffer=indices, skip_errors=True) for one in programs]
        self._resources += [*drawn, buffer, indices]
        return drawn
