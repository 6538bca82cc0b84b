"""How exported files do on images that trained nothing: what their outputs keep, and what an attacker recognizes."""

import dataclasses

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.attackers import Seen
from vgan_tf.audit.dump import PARTS
from vgan_tf.audit.evidence import naming_evidence, strata_of
from vgan_tf.audit.statistics import accuracy_figure, chance, paired_difference
from vgan_tf.evaluation.dumps import make_dump
from vgan_tf.images import to_float
from vgan_tf.protection import DeviceModel
from vgan_tf.targets import target_codes

MOST_IMAGES = 4000
# What a file may lose against the Keras model on the same images: by the difference, and by its 95 % interval.
TOLERANCE = 0.01
# Lowest bits are left out: rounding draws them anew, so what is guessed from those of a file and from those of Keras
# differs by chance alone.
IMAGE_ATTACKERS = tuple(one for one in attackers.QUICK_IMAGE_ATTACKERS if one.kind != "bits")
# {part: (name of the figure, column of the dump that is attacked, attackers)}
ATTACKS = {
    "anonymizer": ("scenario_2", "p", IMAGE_ATTACKERS),
    "encoder": ("release", "r", attackers.QUICK_LATENT_ATTACKERS),
}


class Trial:
    """The same images, targets and classifiers for the Keras model and for every file made from it.

    The Keras model is taken without the noise that protection may add, as the files draw none.

    Args:
        model: PPRLVGAN.
        classifier: keras.Model, the run's expression classifier.
        faces: FaceSet, the whole data.
        fresh: FaceSet of further images of the same people that trained nothing, or None.
        progress: called with one line of text at each step.

    Attributes:
        dump: what the Keras model makes of the data. tested: its images that trained nothing.
        reference: {part: figures of the Keras model}.
        chance: {"identity" and "expression": accuracy by chance}.
    """

    def __init__(self, model, classifier, faces, fresh=None, progress=print):
        self.seed = model.config.seed
        self.identity_count = len(model.identities)
        device = DeviceModel.of_keras(model)
        self.decode = device.decode
        self.dump = dump = make_dump(device, faces, most_images=MOST_IMAGES, fresh=fresh)
        self.tested = tested = dump.tested
        self.codes = model.prototypes.get_weights()[2] if dump.discrete else None
        progress("scoring: classifiers of expression and identity train on originals")
        self.classifiers = {"expression_accuracy": self._train("ep", len(dump.expressions))}
        self.truth = dict.fromkeys(("expression_accuracy", "originals", "protected"), tested.ep)
        if dump.shows_targets:
            self.classifiers["target_success"] = self._train("id", self.identity_count)
            self.truth["target_success"] = tested.c
        progress("scoring: the Keras model")
        self.in_keras = {
            **self._seen_in(tested.p),
            **self._expressions(
                lambda images: np.asarray(classifier.predict(to_float(images), batch_size=128, verbose=0))
            ),
        }
        if dump.discrete:
            self.truth["same_code"] = self.in_keras["same_code"] = self._nearest_code(tested.r)
        of_pictures = [*self.classifiers, *(["same_code"] if dump.discrete else [])]
        names = {
            "anonymizer": of_pictures,
            "encoder": ["same_code"] if dump.discrete else [],
            "generator": of_pictures,
            "expression": ["originals", "protected"],
        }
        self.reference = {}
        for part, those in names.items():
            figures = self._score({name: self.in_keras[name] for name in those}, part, dump)
            del figures["worse_than_keras"]
            self.reference[part] = figures
        self.chance = {
            "identity": chance(tested.id, len(dump.identities)),
            "expression": chance(tested.ep, len(dump.expressions)),
        }

    def score(self, part, file):
        """Figures of one file, and how far they lie from those of the Keras model.

        Args:
            part: "anonymizer", "encoder", "generator" or "expression".
            file: LiteModel.

        Returns:
            dict: anonymizer and generator: "expression_accuracy" and "target_success" (absent where no original shows
            the targets), by classifiers trained on originals; the generator draws from the latents of Keras. With
            prototypes, anonymizer, encoder and generator: "same_code", how often the prototype is that of Keras.
            anonymizer: "scenario_2", encoder: "release", of the strongest attacker. expression: "originals",
            "protected". Each is {"accuracy", "interval"}, for attacks with "attacker" and "p_value" (of all attackers,
            as for `naming_evidence`); and "worse_than_keras": {the same names: {"difference", "interval"}}, a loss of
            accuracy or, for an attack, its gain; and "images" (or "clips", where they are known): how many were tested.
        """
        dump = self.dump
        if part == "anonymizer":
            dump = self._changed("p", lambda one: file.run(image=one.x, target=self._targets(one))["protected"])
            predictions = self._seen_in(dump.tested.p)
        elif part == "encoder":
            dump = self._changed("r", lambda one: file.run(image=one.x)["latent"])
            predictions = {"same_code": self._nearest_code(dump.tested.r)} if dump.discrete else {}
        elif part == "generator":
            drawn = file.run(latent=self.tested.r, target=self._targets(self.tested))["protected"]
            predictions = self._seen_in(drawn)
        else:
            predictions = self._expressions(lambda images: file.run(image=images)["probabilities"])
        return self._score(predictions, part, dump)

    def _score(self, predictions, part, dump):
        """Figures of {name: int64 predictions for the tested images} and of the attacks on a file's dump."""
        clips = self.tested.clip
        figures, worse = {}, {}
        for name, predicted in predictions.items():
            truth = self.truth[name]
            figures[name] = accuracy_figure(truth, predicted, clips)
            worse[name] = paired_difference(self.in_keras[name] == truth, predicted == truth, clips)
        if part in ATTACKS:
            name, column, chosen = ATTACKS[part]
            predicted, in_keras, about = self._strongest(column, chosen, dump)
            figures[name] = {**about, **accuracy_figure(self.tested.id, predicted, clips)}
            worse[name] = paired_difference(predicted == self.tested.id, in_keras == self.tested.id, clips)
        size = {"images": len(self.tested)} if clips is None else {"clips": len(np.unique(clips))}
        return {**figures, "worse_than_keras": worse, **size}

    def _train(self, label, classes):
        """Train a classifier of `label` ("ep" or "id") on originals: tested images -> int64 predictions.

        Images of people held out, where there are no others, are tested by classifiers that learnt from the rest.
        """
        dump, everything = self.dump, np.arange(len(self.tested))
        rounds = dump.rounds if dump.references is None else [(dump.references, everything)]
        trained = [
            (attackers.train(attackers.CNN, learnt.x, getattr(learnt, label), classes, self.seed), rows)
            for learnt, rows in rounds
        ]

        def predict(images):
            predicted = np.empty(len(images), np.int64)
            for classify, rows in trained:
                predicted[rows] = classify(images[rows])
            return predicted

        return predict

    def _seen_in(self, pictures):
        """What protected pictures of the tested images show: {name: int64 predictions}."""
        seen = {name: predict(pictures) for name, predict in self.classifiers.items()}
        return {**seen, "same_code": self._code_shown(pictures)} if self.dump.discrete else seen

    def _expressions(self, probabilities):
        pictures = {"originals": self.tested.x, "protected": self.tested.p}
        return {name: probabilities(images).argmax(axis=1) for name, images in pictures.items()}

    def _nearest_code(self, latents):
        """Which prototype a latent is, int64 `(n,)`: a file holds them rounded."""
        return np.square(latents[:, None] - self.codes).sum(axis=2).argmin(axis=1)

    def _code_shown(self, pictures):
        """From which prototype each protected picture was drawn, int64 `(n,)`: the one that Keras draws most alike."""
        shown = np.empty(len(pictures), np.int64)
        for target in np.unique(self.tested.c):
            rows = np.flatnonzero(self.tested.c == target)
            drawn = self.decode(self.codes, np.full(len(self.codes), target))
            different, which = np.unique(pictures[rows], axis=0, return_inverse=True)
            distances = [np.square(drawn - one.astype(np.float32)).sum(axis=(1, 2, 3)) for one in different]
            shown[rows] = np.argmin(distances, axis=1)[which.ravel()]
        return shown

    def _changed(self, column, of):
        """The dump with what a file gives, `of(images)`, in a column of the sets that attackers learn from or test."""
        changed = {
            part: dataclasses.replace(getattr(self.dump, part), **{column: of(getattr(self.dump, part))})
            for part in (*PARTS, "fresh")
            if getattr(self.dump, part) is not None
        }
        return dataclasses.replace(self.dump, **changed)

    def _targets(self, images):
        return target_codes(images.c, self.identity_count)

    def _strongest(self, column, chosen, dump):
        """What the strongest attacker sees in a file's outputs, and the same attacker in those of Keras.

        Each learns from both, half of the images as the file gives them: two that learnt apart would differ by chance
        more than the files do.

        Returns:
            int64 predictions for the tested images from the file's and from Keras's; {"attacker", "p_value"}.
        """
        found = {one.name: np.empty((2, len(self.tested)), np.int64) for one in chosen}
        for (learnt, rows), (in_keras, _) in zip(dump.rounds, self.dump.rounds, strict=True):
            values = getattr(in_keras, column).copy()
            from_file = np.random.default_rng(self.seed).permutation(len(values))[::2]
            values[from_file] = getattr(learnt, column)[from_file]
            tests = [Seen(getattr(one.tested, column)[rows], self.tested.ep[rows]) for one in (dump, self.dump)]
            people = len(dump.identities)
            scores = attackers.attack(chosen, Seen(values, learnt.ep), learnt.id, tests, people, self.seed, quick=True)
            for name, of_tests in scores.items():
                found[name][:, rows] = [one.argmax(axis=1) for one in of_tests]
        truth = self.tested.id
        name = max(found, key=lambda one: (found[one][0] == truth).mean())
        of_file = {one: [predicted[0]] for one, predicted in found.items()}
        p_value = naming_evidence(truth, of_file, strata_of(self.tested), self.tested.clip).p_value
        return *found[name], {"attacker": name, "p_value": p_value}


def failures(figures):
    """Why a file fails: one line for each figure that is worse than the Keras model's by more than the tolerance."""
    return [
        f"{name}: {worse['difference']:+.1%} worse than in Keras; {TOLERANCE:.0%} is allowed"
        for name, worse in figures["worse_than_keras"].items()
        if worse["difference"] > TOLERANCE
    ]


def not_shown(figures):
    """What is not shown of a file that passes: one line for each figure whose interval exceeds the tolerance."""
    unit = "images" if "images" in figures else "clips"
    return [
        f"{name}: {worse['difference']:+.1%} worse than in Keras, at most {worse['interval'][1]:+.1%}; "
        f"{figures[unit]} {unit} are too few to show {TOLERANCE:.0%}"
        for name, worse in figures["worse_than_keras"].items()
        if worse["interval"][1] > TOLERANCE
    ]
