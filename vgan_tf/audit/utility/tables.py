"""Tables of pictures: what an expression classifier and stored photographs of the targets do without any generator.

An anonymizer that keeps no more than such a table is of no use: the table's pictures are sharp, show the target and the
expression, and nobody else.
"""

import dataclasses

import numpy as np

from vgan_tf.audit.utility.classifier import Classifier, learnt_and_tested, train_classifier

STRENGTHS = {"one_each": 1, "strengths": 4}  # pictures for each target and expression


@dataclasses.dataclass(frozen=True)
class Table:
    """A picture for each target identity, expression and strength of it.

    Attributes:
        pictures: uint8 `(n, height, width, 3)`, real images of the targets, by target, then expression, then strength.
        classifier: decides from an original which expression, and how strong, is shown instead.
        limits: float64 `(expressions, strengths - 1)`, between one strength and the next.
        shows_targets: False where it holds pictures of no particular person.
    """

    pictures: np.ndarray
    classifier: Classifier
    limits: np.ndarray
    shows_targets: bool

    @property
    def pictures_of_each(self):
        """How many pictures there are of one target."""
        return self.limits.shape[0] * (self.limits.shape[1] + 1)

    def codes(self, images, seen=None):
        """Which picture each of some `Images` gets: int64 `(n,)`.

        `seen`: what the classifier predicts of their originals, if that is known already.
        """
        seen = self.classifier.predict(images.x) if seen is None else seen
        part = (_strength(self.classifier, seen)[:, None] > self.limits[seen.expression]).sum(axis=1)
        target = images.c if self.shows_targets and images.c is not None else np.zeros(len(images), np.int64)
        return target * self.pictures_of_each + seen.expression * (self.limits.shape[1] + 1) + part

    def protect(self, images, seen=None):
        """Put a picture of the table in place of each of some `Images`: (uint8 pictures, the code of each)."""
        codes = self.codes(images, seen)
        return self.pictures[codes], codes


def table_of(dump, strengths, seed=0, quick=False, classifier=None):
    """Make a table of real images of the targets: those from which classifiers learn, or their counterparts.

    Images of one target and expression are cut into `strengths` parts of equal size, by the true intensity where it is
    known, else by the certainty of the classifier of originals. Of each part the image nearest to the mean is stored.
    Where a target has none of an expression, its image nearest to that expression's mean of all people stands in. Where
    targets are not known, or nobody shows them, there is one picture of anyone for all.

    Args:
        dump: `Dump`.
        strengths: pictures for each target and expression, 1 or more.
        seed, quick: of the training of the classifier of originals, if none is given.
        classifier: `Classifier` of originals, which decides what is seen in an input.

    Returns:
        `Table`.
    """
    if classifier is None:
        classifier = train_classifier(dump, learnt_and_tested(dump).learnt, "original", seed, quick)
    learnt = classifier.learnt if classifier.learnt.counterpart is None else classifier.learnt.of_targets
    shows_targets = classifier.learnt.c is not None and dump.shows_targets
    if "intensity" in classifier.motion_names:
        strength = learnt.motion[:, dump.motion_names.index("intensity")]
    else:
        strength = np.zeros(len(learnt)) if strengths == 1 else classifier.predict(learnt.x).certainty
    expressions, chosen = len(dump.expressions), []
    pixels = learnt.x.reshape(len(learnt), -1)
    means = [_mean(pixels[learnt.ep == label]) for label in range(expressions)]
    for target in range(len(dump.targets) if shows_targets else 1):
        of_target = learnt.id == target if shows_targets else np.ones(len(learnt), bool)
        for label, mean in enumerate(means):
            rows = np.flatnonzero(of_target & (learnt.ep == label))
            rows = rows[np.argsort(strength[rows], kind="stable")]
            if not len(rows):  # this target, or else anybody
                rows = np.flatnonzero(of_target if of_target.any() else learnt.ep == label)
                chosen += [_nearest(pixels, rows, mean)] * strengths
                continue
            ends = np.linspace(0, len(rows), strengths + 1)
            for start, end in zip(np.floor(ends[:-1]).astype(int), np.ceil(ends[1:]).astype(int), strict=True):
                chosen.append(_nearest(pixels, rows[start:end], _mean(pixels[rows[start:end]])))
    return Table(learnt.x[chosen], classifier, _limits(classifier, strengths, expressions), shows_targets)


def _mean(pixels):
    return pixels.mean(axis=0, dtype=np.float32) if len(pixels) else np.float32(127.5)


def _nearest(pixels, rows, centre):
    """The row whose pixels are nearest to the centre."""
    return int(rows[np.square(pixels[rows] - centre).sum(axis=1).argmin()])


def _strength(classifier, seen):
    """How strong a classifier sees the expressions: the intensity or, where it has not learnt it, how certain it is."""
    names = classifier.motion_names
    return seen.motion[:, names.index("intensity")] if "intensity" in names else seen.certainty


def _limits(classifier, strengths, expressions):
    """Limits that cut images from which the network did not learn into parts of equal size, for each expression."""
    if strengths == 1:
        return np.empty((expressions, 0))
    seen = classifier.predict(classifier.learnt.x[classifier.held_back])
    strength, shares = _strength(classifier, seen), np.arange(1, strengths) / strengths
    limits = np.tile(np.quantile(strength, shares), (expressions, 1))
    for label in np.unique(seen.expression):
        limits[label] = np.quantile(strength[seen.expression == label], shares)
    return limits
