"""Behaviour of exported files on held-out images: what their outputs keep, and what an attacker reads from them."""

import dataclasses

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.dump import PARTS
from vgan_tf.audit.statistics import accuracy_figure, chance, paired_difference
from vgan_tf.evaluation.device_model import DeviceModel
from vgan_tf.evaluation.judging import make_dump
from vgan_tf.images import to_float
from vgan_tf.targets import target_codes

MOST_IMAGES = 4000
# A file fails where it is proven (95 % interval, same images) to be worse than the Keras model by more than this.
TOLERANCE = 0.01


class Trial:
    """The same images, targets and readers for the Keras model and for every file made of it.

    Args:
        model: PPRLVGAN.
        classifier: keras.Model, the run's expression classifier.
        faces: FaceSet, the run's whole data.
        progress: called with one line of text at each step.

    Attributes:
        reference: {part: figures of the Keras model}.
    """

    def __init__(self, model, classifier, faces, progress=print):
        self.seed = model.config.seed
        self.identity_count = len(model.identities)
        self.dump = dump = make_dump(DeviceModel.of_keras(model), faces, most_images=MOST_IMAGES)
        progress("scoring: readers of expression and identity learn from originals")
        learnt = dump.lessons
        self.read_expression = self._reader(learnt.x, learnt.ep, len(dump.expressions))
        self.read_target = self._reader(learnt.x, learnt.id, self.identity_count) if dump.shows_targets else None
        self.readings = {}
        self.reference = {}
        for part, score in (
            ("anonymizer", lambda: self._anonymizer(dump)),
            ("encoder", lambda: self._encoder(dump)),
            ("expression", lambda: self._expression(lambda images: _in_keras(classifier, images))),
        ):
            progress(f"scoring: {part} in Keras")
            self.readings[part] = score()
            self.reference[part] = self._figures(self.readings[part])
        self.chance = {
            "identity": chance(dump.id_test, len(dump.identities)),
            "expression": chance(dump.ep_test, len(dump.expressions)),
        }

    def score(self, part, file):
        """Figures of one file, and how far they lie from those of the Keras model.

        Args:
            part: "anonymizer", "encoder", "generator" or "expression".
            file: LiteModel.

        Returns:
            dict, or None for the generator, which is scored as half of the anonymizer:
            anonymizer: "expression_accuracy" (by a reader that learnt from originals), "target_success" (absent where
            no original shows the targets), "scenario_2"; encoder: "scenario_3"; expression: "originals", "protected".
            Each is {"accuracy", "interval"}, for attacks with "attacker", the strongest one; and
            "worse_than_keras": {the same names: {"difference", "interval"}}, a loss of accuracy or, for an attack, its
            gain.
        """
        if part == "anonymizer":
            protected = {
                f"p_{half}": file.run(
                    image=getattr(self.dump, f"x_{half}"),
                    target=target_codes(getattr(self.dump, f"c_{half}"), self.identity_count),
                )["protected"]
                for half in PARTS
            }
            # Attackers are fixed by their seed: what learns from the same bytes reads the same.
            same = all(np.array_equal(images, getattr(self.dump, name)) for name, images in protected.items())
            readings = self.readings[part] if same else self._anonymizer(dataclasses.replace(self.dump, **protected))
        elif part == "encoder":
            latents = {f"mu_{half}": file.run(image=getattr(self.dump, f"x_{half}"))["latent"] for half in PARTS}
            readings = self._encoder(dataclasses.replace(self.dump, **latents))
        elif part == "expression":
            readings = self._expression(lambda images: file.run(image=images)["probabilities"])
        else:
            return None
        worse = {
            name: self._worse(name, truth, predictions, self.readings[part][name][1])
            for name, (truth, predictions, _) in readings.items()
        }
        return {**self._figures(readings), "worse_than_keras": worse}

    def _figures(self, readings):
        return {
            name: {
                **({"attacker": attacker} if attacker else {}),
                **accuracy_figure(truth, predictions, self.dump.clip_test),
            }
            for name, (truth, predictions, attacker) in readings.items()
        }

    def _worse(self, name, truth, predictions, in_keras):
        right, right_in_keras = predictions == truth, in_keras == truth
        better_and_worse = (right, right_in_keras) if "scenario" in name else (right_in_keras, right)
        return paired_difference(*better_and_worse, self.dump.clip_test)

    def _reader(self, images, labels, classes):
        return attackers.train(attackers.CNN, images, labels, classes, self.seed)

    def _anonymizer(self, dump):
        readings = {"expression_accuracy": (dump.ep_test, self.read_expression(dump.p_test), None)}
        if self.read_target:
            readings["target_success"] = (dump.c_test, self.read_target(dump.p_test), None)
        readings["scenario_2"] = self._strongest(attackers.QUICK_IMAGE_ATTACKERS, dump, dump.p_train, dump.p_test)
        return readings

    def _encoder(self, dump):
        return {"scenario_3": self._strongest(attackers.QUICK_LATENT_ATTACKERS, dump, dump.mu_train, dump.mu_test)}

    def _expression(self, probabilities):
        return {
            name: (self.dump.ep_test, probabilities(images).argmax(axis=1), None)
            for name, images in (("originals", self.dump.x_test), ("protected", self.dump.p_test))
        }

    def _strongest(self, kinds, dump, learnt, read):
        """(truth, predictions, name) of the attacker with the highest test accuracy."""
        classes, tests = len(dump.identities), {"test": read}
        readings = {
            kind.name: attackers.attack(kind, learnt, dump.id_train, tests, classes, [self.seed], True)["test"][0]
            for kind in kinds
        }
        name = max(readings, key=lambda one: (readings[one] == dump.id_test).mean())
        return dump.id_test, readings[name], name


def failures(figures):
    """What disqualifies a file: one line for each figure proven to be worse than in Keras beyond the tolerance."""
    return [
        f"{name}: {worse['difference']:+.1%} worse than in Keras, at least {worse['interval'][0]:+.1%}; "
        f"{TOLERANCE:.0%} is allowed"
        for name, worse in figures["worse_than_keras"].items()
        if worse["interval"][0] > TOLERANCE
    ]


def _in_keras(classifier, images):
    return np.asarray(classifier.predict(to_float(images), batch_size=128, verbose=0))
