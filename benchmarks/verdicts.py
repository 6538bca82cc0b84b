"""How often the audit's verdict is wrong, for anonymizers whose true leak is known: `python benchmarks/verdicts.py`.

Two simulations. In the first, attackers are drawn: the strongest names people with a true advantage over chance, some
with half of it, most with none, and all make many of the same mistakes. In the second, real attackers learn, in rounds,
from releases that tell nothing: how often is that called a leak? The last line is JSON.
"""

import argparse
import json

import numpy as np

from vgan_tf.audit import evidence
from vgan_tf.audit.attacks import reidentification
from vgan_tf.audit.dump import Dump, Images
from vgan_tf.commands import quiet_libraries

PEOPLE, EXPRESSIONS, TARGETS = 10, 7, 16
ATTACKERS, HALF_AS_GOOD = 30, 9
COMMON_MISTAKES = 0.5  # share of an attacker's guesses that it has in common with all others
PICTURES = 4
WIDTH = 8


def draw_images(count, random):
    """Person, expression and target of each image."""
    return random.permutation(np.arange(count) % PEOPLE), *(
        random.integers(0, n, count) for n in (EXPRESSIONS, TARGETS)
    )


def drawn_attackers(truth, advantage, random):
    """{name: [predictions]}: one with this advantage, some with half of it, most with none."""
    common, attackers = random.integers(0, PEOPLE, len(truth)), {}
    for number in range(ATTACKERS):
        own = advantage if number == 0 else advantage / 2 if number <= HALF_AS_GOOD else 0.0
        guesses = np.where(random.random(len(truth)) < COMMON_MISTAKES, common, random.integers(0, PEOPLE, len(truth)))
        knows = random.random(len(truth)) < own / (1 - 1 / PEOPLE)
        attackers[f"attacker {number}"] = [np.where(knows, truth, guesses)]
    return attackers


def verdict_on_drawn(count, advantage, random):
    """The verdict on drawn attackers, who are asked all questions; linking and membership are not answered."""
    truth, expression, target = draw_images(count, random)
    attackers = drawn_attackers(truth, advantage, random)
    groups = [np.flatnonzero(truth == person) for person in range(PEOPLE)]
    groups = np.concatenate([rows[: len(rows) // PICTURES * PICTURES].reshape(-1, PICTURES) for rows in groups])
    votes = {
        name: [np.apply_along_axis(np.bincount, 1, one[groups], minlength=PEOPLE).argmax(axis=1)]
        for name, (one,) in attackers.items()
    }
    strata = expression * TARGETS + target
    reconstructed = dict(list(drawn_attackers(truth, 0.0, random).items())[:2])
    noise = [random.normal(size=(1 + evidence.PERMUTATIONS, 10)) for _ in range(2)]
    names = list(map(str, range(10)))
    found = {
        "named": evidence.naming_evidence(truth, attackers, strata),
        "named_from_several": evidence.naming_evidence(truth[groups[:, 0]], votes, np.zeros(len(groups), int)),
        "reconstructed": evidence.naming_evidence(truth, reconstructed, strata),
        "linked": evidence.evidence(names, noise[0][0], noise[0][1:]),
        "member": evidence.evidence(names, noise[1][0], noise[1][1:]),
    }
    return evidence.judge(found, {"named": 1 / PEOPLE})["verdict"]


def p_value_of_learners(count, random):
    """p-value of real attackers on releases that tell nothing but the expression, in rounds over all images."""
    truth, expression, target = draw_images(count, random)
    release = (2 * np.eye(WIDTH)[expression] + random.normal(size=(count, WIDTH))).astype(np.float32)
    blank, half = np.zeros((count, 1, 1, 3), np.uint8), count // 2
    whole = Images(x=blank, id=truth, ep=expression, c=target, r=release)
    dump = Dump(
        train=whole.rows(slice(half)),
        test=whole.rows(slice(half, None)),
        trained=np.zeros(half, bool),
        targets=tuple(map(str, range(TARGETS))),
    )
    scores = reidentification.identity_attacks(dump, [0], quick=True, progress=lambda line: None)
    return reidentification.naming(dump, scores["release"]).p_value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repetitions", type=int, default=400, help="of each case of drawn attackers; of 5,000 images a quarter"
    )
    parser.add_argument("--learnt", type=int, default=200, help="repetitions of attackers that learn")
    arguments = parser.parse_args()
    quiet_libraries()
    random, rows = np.random.default_rng(0), []
    for count in (252, 840, 5000):
        for advantage in (0.0, 0.03, 0.05, 0.10):
            repetitions = arguments.repetitions if count < 5000 else max(1, arguments.repetitions // 4)
            verdicts = [verdict_on_drawn(count, advantage, random) for _ in range(repetitions)]
            shares = {name: verdicts.count(name) / len(verdicts) for name in ("leaks", "inconclusive", "no leak found")}
            rows.append({"images": count, "advantage": advantage, "repetitions": repetitions, **shares})
            print(
                f"{count:5} images, advantage {advantage:4.0%}: " + ", ".join(f"{n} {s:.1%}" for n, s in shares.items())
            )
    p_values = [p_value_of_learners(252, random) for _ in range(arguments.learnt)]
    wrong = float(np.mean(np.array(p_values) <= evidence.ERROR))
    print(f"attackers that learn from releases that tell nothing, 252 images: p <= {evidence.ERROR} in {wrong:.1%}")
    print(json.dumps({"drawn": rows, "learnt": {"images": 252, "repetitions": len(p_values), "called_leaking": wrong}}))


if __name__ == "__main__":
    main()
