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
        people_held_out: whether nobody in `faces` was trained on.
        progress: called with one line of text at each step.

    Attributes:
        dump: what the Keras model makes of the data. tested: its images that trained nothing.
        reference: {part: figures of the Keras model}.
        chance: {"identity" and "expression": accuracy by chance}.
    """

    def __init__(self, model, classifier, faces, fresh=None, people_held_out=False, progress=print):
        self.seed = model.config.seed
        self.identity_count = len(model.identities)
        device = DeviceModel.of_keras(model)
        self.decode = device.decode
        self.dump = dump = make_dump(
            device, faces, most_images=MOST_IMAGES, fresh=fresh, people_held_out=people_held_out
        )
        self.tested = tested = dump.tested
        self.codes = model.prototypes.get_weights()[2] if dump.discrete else None
        progress("scoring: classifiers of expression and identity train on originals")
        self.classifiers = {"expression_accuracy": self._train("ep", len(dump.expressions))}
        self.truth = dict.fromkeys(("expression_accuracy", "originals", "protected"), tested.ep)
        if dump.shows_targets:
            self.classifiers["target_success"] = self._train("id", self.identity_count)
            self.truth["target_success"] = tested.c
        if dump.discrete:
            self.truth["same_code"] = self._matched("r", tested)[0]
        progress("scoring: the Keras model")
        self.in_keras = {
            **self._shown(tested.p),
            **self._expressions(
                lambda images: np.asarray(classifier.predict(to_float(images), batch_size=128, verbose=0))
            ),
        }
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
            accuracy or, for an attack, its gain ("expression_accuracy", "target_success": a loss of the probability
            that the classifier gives to what is true); and "images" (or "clips", where they are known): how many were
            tested.
        """
        dump = self.dump
        if part == "anonymizer":
            dump = _changed(dump, "p", lambda one: _drawn(file, image=one.x, target=self._targets(one)))
            predictions = self._shown(dump.tested.p)
        elif part == "encoder":
            dump = _changed(dump, "r", lambda one: file.run(image=one.x)["latent"])
            predictions = self._right({"same_code": self._matched("r", dump.tested)[0]} if dump.discrete else {})
        elif part == "generator":
            predictions = self._shown(_drawn(file, latent=self.tested.r, target=self._targets(self.tested)))
        else:
            predictions = self._expressions(lambda images: file.run(image=images)["probabilities"])
        return self._score(predictions, part, dump)

    def _score(self, predictions, part, dump):
        """Figures of {name: (int64 predictions for the tested images, how far each is right)}, and of the attacks."""
        clips = self.tested.clip
        figures, worse = {}, {}
        for name, (predicted, right) in predictions.items():
            figures[name] = accuracy_figure(self.truth[name], predicted, clips)
            worse[name] = paired_difference(self.in_keras[name][1], right, clips)
        if part in ATTACKS:
            name, column, chosen = ATTACKS[part]
            predicted, in_keras, about = self._strongest(column, chosen, dump)
            figures[name] = {**about, **accuracy_figure(self.tested.id, predicted, clips)}
            worse[name] = paired_difference(predicted == self.tested.id, in_keras == self.tested.id, clips)
        size = {"images": len(self.tested)} if clips is None else {"clips": len(np.unique(clips))}
        return {**figures, "worse_than_keras": worse, **size}

    def _train(self, label, classes):
        """Train a classifier of `label` ("ep" or "id") on originals: pictures of the tested images -> probabilities.

        Images of people held out, where there are no others, are tested by classifiers that learnt from the rest. Faces
        are learnt from counterparts where these show the targets.
        """
        dump, everything = self.dump, np.arange(len(self.tested))
        rounds = dump.rounds if dump.references is None else [(dump.references, everything)]
        if label == "id" and dump.train.counterpart is not None:  # no original shows a target
            rounds = [(dump.train.of_targets, everything)]
        trained = [
            (attackers.train_scores(attackers.CNN, learnt.x, getattr(learnt, label), classes, self.seed), rows)
            for learnt, rows in rounds
        ]

        def classify(pictures):
            probabilities = np.empty((len(pictures), classes), np.float32)
            for score, rows in trained:
                probabilities[rows] = np.exp(score(pictures[rows]))
            return probabilities

        return classify

    def _shown(self, pictures):
        """What classifiers see in protected pictures: {name: (int64 predictions, probability of the truth)}.

        The probability is what is compared: prototypes are few different pictures, and a prediction changes for a whole
        one at once, however little the picture did.
        """
        everything, shown = np.arange(len(pictures)), {}
        for name, classify in self.classifiers.items():
            probabilities = classify(pictures)
            shown[name] = probabilities.argmax(axis=1), probabilities[everything, self.truth[name]]
        if self.dump.discrete:
            codes = self._matched("p", dataclasses.replace(self.tested, p=pictures))[0]
            shown |= self._right({"same_code": codes})
        return shown

    def _expressions(self, probabilities):
        pictures = {"originals": self.tested.x, "protected": self.tested.p}
        return self._right({name: probabilities(images).argmax(axis=1) for name, images in pictures.items()})

    def _right(self, predictions):
        """{name: (int64 predictions, whether each is right)}."""
        return {name: (predicted, predicted == self.truth[name]) for name, predicted in predictions.items()}

    def _matched(self, column, images):
        """Which prototype a file chose for each image, and what Keras gives for that one.

        Args:
            column: "r" or "p": what the file gave is compared with the prototypes, or with what Keras draws from them.
            images: `Images` with that column.

        Returns:
            int64 `(n,)`, the most alike; and the values of Keras, which differ from the file's by rounding alone. Where
            a file gives more different ones than there are prototypes, they are the file's own.
        """
        values, codes = getattr(images, column), np.empty(len(images), np.int64)
        matched = values.copy()
        groups = np.zeros(len(images), np.int64) if column == "r" else images.c
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            known = self.codes if column == "r" else self.decode(self.codes, np.full(len(self.codes), group))
            different, which = np.unique(values[rows], axis=0, return_inverse=True)
            distances = [np.square(known - one.astype(np.float32)).reshape(len(known), -1).sum(1) for one in different]
            codes[rows] = np.argmin(distances, axis=1)[which.ravel()]
            if len(different) <= len(known):
                matched[rows] = known[codes[rows]]
        return codes, matched

    def _targets(self, images):
        return target_codes(images.c, self.identity_count)

    def _strongest(self, column, chosen, dump):
        """What the strongest attacker sees in a file's outputs, and the same attacker in those of Keras.

        Each learns from both, half of the images as the file gives them: two that learnt apart would differ by chance
        more than the files do. For the same reason prototypes are given them without their rounding.

        Returns:
            int64 predictions for the tested images from the file's and from Keras's; {"attacker", "p_value"}.
        """
        if dump.discrete:
            dump = _changed(dump, column, lambda images: self._matched(column, images)[1])
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


def _drawn(file, **inputs):
    """The pictures that a file draws, as classifiers and attackers see them: RGB, without alpha."""
    return file.run(**inputs)["protected"][..., :3]


def _changed(dump, column, of):
    """The dump with `of(images)` in a column of the sets that attackers learn from or are tested on."""
    present = {part: getattr(dump, part) for part in (*PARTS, "fresh")}
    changed = {part: dataclasses.replace(one, **{column: of(one)}) for part, one in present.items() if one is not None}
    return dataclasses.replace(dump, **changed)


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
