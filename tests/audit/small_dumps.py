"""Dumps of patterns whose leaks are known, for the tests of the audit."""

import dataclasses

import numpy as np
from threadpoolctl import threadpool_limits

from vgan_tf.audit import Dump, Images

threadpool_limits(1, "blas")  # as in an audit: threads wait busily for one another

PEOPLE, EXPRESSIONS, SIZE, WIDTH = 6, 3, 16, 12


def small_dump(kind, train=360, test=180, others=180, size=SIZE, seed=0):
    """A dump whose faces are mixtures of six patterns, one mixture a person, beside a pattern of the expression.

    Args:
        kind: "same" (protected is original, latents hold the mixture) or "rendered" (protected images show the target
            and the expression, latents the expression alone).
        train, test, others: images of each part; `others` of fresh, and of strangers.
        size: pixels a side, 16 or a multiple.
        seed: of everything.

    Returns:
        Dump with fresh images and six strangers; every second training image trained the generator.
    """
    random = np.random.default_rng(seed)
    patterns = random.normal(0, 14, (PEOPLE, SIZE, SIZE // 2, 3))
    mixtures = random.normal(size=(2 * PEOPLE, PEOPLE))  # known people, then strangers
    moods = random.normal(0, 30, (EXPRESSIONS, SIZE, SIZE // 2, 3))

    def draw(person, expression):
        faces = np.einsum("nk,kijc->nijc", mixtures[person], patterns)
        pixels = np.concatenate([faces, moods[expression]], axis=2) + 128
        pixels = pixels.repeat(size // SIZE, axis=1).repeat(size // SIZE, axis=2)
        return (pixels + random.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8)

    def part(count, first_person=0):
        person, expression = np.arange(count) % PEOPLE, random.integers(0, EXPRESSIONS, count)
        target = random.integers(0, PEOPLE, count)
        originals = draw(person + first_person, expression)
        latents = random.normal(0, 0.5, (count, WIDTH))
        latents[:, :EXPRESSIONS] += 3 * np.eye(EXPRESSIONS)[expression]
        if kind == "same":
            latents[:, EXPRESSIONS : EXPRESSIONS + PEOPLE] += 2 * mixtures[person + first_person]
        return {
            "x": originals,
            "p": originals if kind == "same" else draw(target, expression),
            "mu": latents.astype(np.float32),
            "id": person,
            "ep": expression,
            "c": target,
        }

    names = tuple("abcdefghijkl")
    sets = {name: part(count) for name, count in (("train", train), ("test", test), ("fresh", others))}
    sets["strangers"] = part(others, PEOPLE) | {"identities": names[PEOPLE:]}
    return Dump(
        **{name: Images(**values, z=values["mu"]) for name, values in sets.items()},
        trained=np.arange(train) // PEOPLE % 2 == 0,
        identities=names[:PEOPLE],
        expressions=("joy", "fear", "anger"),
        target_policy="uniform",
    )


def of_people_held_out(dump):
    """The dump's strangers as its people, its own people as the targets, whose images are the references."""
    people, half = dump.strangers, len(dump.strangers) // 2
    return dataclasses.replace(
        dump,
        train=people.rows(slice(half)),
        test=people.rows(slice(half, None)),
        fresh=None,
        strangers=None,
        references=dump.train,
        trained=None,
        identities=people.identities,
        targets=dump.identities,
    )


def with_counterparts(dump):
    """A dump of people held out, with images of the references as counterparts of the same expression instead."""
    targets, random = dump.references, np.random.default_rng(0)

    def paired(images):
        rows = np.array([random.choice(np.flatnonzero(targets.ep == label)) for label in images.ep])
        return dataclasses.replace(images, counterpart=targets.x[rows], counterpart_id=targets.id[rows])

    trained = np.zeros(len(dump.train), bool)
    return dataclasses.replace(dump, references=None, trained=trained).changed(paired)


def released(dump, vectors_of=lambda images: images.mu):
    """The dump with `vectors_of(images)`, float32 `(n, d)`, as what is released."""
    return dump.changed(lambda images: dataclasses.replace(images, r=vectors_of(images)))


def silent(line):
    pass
