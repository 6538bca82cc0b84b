"""How exported files do on held-out images: what their outputs keep, and what an attacker recognizes in them."""

import dataclasses

import numpy as np

from vgan_tf.audit import attackers
from vgan_tf.audit.dump import PARTS
from vgan_tf.audit.statistics import accuracy_figure, chance, paired_difference
from vgan_tf.evaluation.dumps import make_dump
from vgan_tf.images import to_float
from vgan_tf.protection import DeviceModel
from vgan_tf.targets import target_codes

MOST_IMAGES = 4000
# A file fails where the 95 % interval over the same images shows a loss beyond this against the Keras model.
TOLERANCE = 0.01


class Trial:
    """The same images, targets and classifiers for the Keras model and for every file made from it.

    Args:
        model: PPRLVGAN.
        classifier: keras.Model, the run's expression classifier.
        faces: FaceSet, the whole data.
        progress: called with one line of text at each step.

    Attributes:
        reference: {part: figures of the Keras model}.
        chance: {"identity" and "expression": accuracy by chance}.
    """

    def __init__(self, model, classifier, faces, progress=print):
        self.seed = model.config.seed
        self.identity_count = len(model.identities)
        self.dump = dump = make_dump(DeviceModel.of_keras(model), faces, most_images=MOST_IMAGES)
        progress("scoring: classifiers of expression and identity train on originals")
        shown = dump.classifier_images
        self.expression_of = self._train(shown.x, shown.ep, len(dump.expressions))
        self.target_of = self._train(shown.x, shown.id, self.identity_count) if dump.shows_targets else None
        progress("scoring: the Keras model")
        self.in_keras = {
            "anonymizer": self._anonymizer(dump),
            "encoder": self._encoder(dump),
            "expression": self._expression(
                lambda images: np.asarray(classifier.predict(to_float(images), batch_size=128, verbose=0))
            ),
        }
        self.reference = {part: self._figures(predictions) for part, predictions in self.in_keras.items()}
        self.chance = {
            "identity": chance(dump.test.id, len(dump.identities)),
            "expression": chance(dump.test.ep, len(dump.expressions)),
        }

    def score(self, part, file):
        """Figures of one file, and how far they lie from those of the Keras model.

        Args:
            part: "anonymizer", "encoder", "generator" or "expression".
            file: LiteModel.

        Returns:
            dict, or None for the generator, which is scored as half of the anonymizer:
            anonymizer: "expression_accuracy" (by a classifier trained on originals), "target_success" (absent where no
            original shows the targets), "scenario_2"; encoder: "scenario_3"; expression: "originals", "protected".
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
            # Attackers are fixed by their seed: trained on the same bytes they predict the same.
            same = all(np.array_equal(images, getattr(self.dump, name)) for name, images in protected.items())
            predictions = self.in_keras[part] if same else self._anonymizer(dataclasses.replace(self.dump, **protected))
        elif part == "encoder":
            latents = {f"mu_{half}": file.run(image=getattr(self.dump, f"x_{half}"))["latent"] for half in PARTS}
            predictions = self._encoder(dataclasses.replace(self.dump, **latents))
        elif part == "expression":
            predictions = self._expression(lambda images: file.run(image=images)["probabilities"])
        else:
            return None
        worse = {}
        for name, (truth, predicted, _) in predictions.items():
            right, right_in_keras = predicted == truth, self.in_keras[part][name][1] == truth
            pair = (right, right_in_keras) if "scenario" in name else (right_in_keras, right)
            worse[name] = paired_difference(*pair, self.dump.test.clip)
        return {**self._figures(predictions), "worse_than_keras": worse}

    def _figures(self, predictions):
        """Figures of {name: (labels, predicted labels, {"attacker": name} or nothing)}."""
        return {
            name: {**attacker, **accuracy_figure(truth, predicted, self.dump.test.clip)}
            for name, (truth, predicted, attacker) in predictions.items()
        }

    def _train(self, images, labels, classes):
        return attackers.train(attackers.CNN, images, labels, classes, self.seed)

    def _anonymizer(self, dump):
        predictions = {"expression_accuracy": (dump.test.ep, self.expression_of(dump.test.p), {})}
        if self.target_of:
            predictions["target_success"] = (dump.test.c, self.target_of(dump.test.p), {})
        predictions["scenario_2"] = self._strongest(attackers.QUICK_IMAGE_ATTACKERS, dump, dump.train.p, dump.test.p)
        return predictions

    def _encoder(self, dump):
        return {"scenario_3": self._strongest(attackers.QUICK_LATENT_ATTACKERS, dump, dump.train.mu, dump.test.mu)}

    def _expression(self, probabilities):
        return {
            name: (self.dump.test.ep, probabilities(images).argmax(axis=1), {})
            for name, images in (("originals", self.dump.test.x), ("protected", self.dump.test.p))
        }

    def _strongest(self, kinds, dump, train, test):
        """Labels, predicted labels and name of the attacker with the highest test accuracy."""
        classes = len(dump.identities)
        predicted = {
            kind.name: attackers.attack(kind, train, dump.train.id, test, classes, [self.seed], True)[0]
            for kind in kinds
        }
        name = max(predicted, key=lambda one: (predicted[one] == dump.test.id).mean())
        return dump.test.id, predicted[name], {"attacker": name}


def failures(figures):
    """Why a file fails: one line for each figure that is worse than the Keras model's beyond the tolerance."""
    return [
        f"{name}: {worse['difference']:+.1%} worse than in Keras, at least {worse['interval'][0]:+.1%}; "
        f"{TOLERANCE:.0%} is allowed"
        for name, worse in figures["worse_than_keras"].items()
        if worse["interval"][0] > TOLERANCE
    ]
