"""A discrete release: who is behind a code? Exact tables of what was counted, and no network.

A protected image is decoded from its code and its target, so it tells no more than these two.
"""

import numpy as np

STRENGTH = 4.0  # images of the coarser table that are added to each cell of a finer one
TABLES = {
    "table of codes": ("code",),
    "table of codes and targets": ("code", "c"),
    "table of codes, expression known": ("ep", "code"),
    "table of codes and targets, expression known": ("ep", "code", "c"),
}


def table_scores(dump):
    """Log-probabilities of people by the counts of images to learn from, in `dump.rounds`.

    A cell of few images is filled up from the table with one column less, and so on to the share of each person.

    Returns:
        {name: float32 `(n_tested, classes)`}.
    """
    tested, classes = dump.tested, len(dump.identities)
    names = {name: columns for name, columns in TABLES.items() if tested.c is not None or "c" not in columns}
    scores = {name: np.empty((len(tested), classes), np.float32) for name in names}
    for learnt, rows in dump.rounds:
        known, asked = _columns(dump, learnt), _columns(dump, tested.rows(rows))
        for name, columns in names.items():
            probabilities = np.full((len(rows), classes), 1 / classes)
            for count in range(len(columns) + 1):
                probabilities = _filled_up(known, learnt.id, asked, columns[:count], probabilities)
            scores[name][rows] = np.log(probabilities)
    return scores


def _columns(dump, images):
    return {"code": dump.code(images), "ep": images.ep, "c": images.c}


def _filled_up(known, people, asked, columns, coarser):
    """P(person | columns), float `(n, classes)`, by counts and by the probabilities of a coarser table."""
    counted, wanted = np.zeros(len(people), np.int64), np.zeros(len(coarser), np.int64)
    for column in columns:
        values = int(max(known[column].max(), asked[column].max())) + 1
        counted, wanted = counted * values + known[column], wanted * values + asked[column]
    table = np.zeros((int(max(counted.max(), wanted.max())) + 1, coarser.shape[1]))
    np.add.at(table, (counted, people), 1)
    counts = table[wanted]
    return (counts + STRENGTH * coarser) / (counts.sum(axis=1, keepdims=True) + STRENGTH)
