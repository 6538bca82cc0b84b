"""Who is drawn, and where hair grows."""

import dataclasses

import numpy as np

from vgan_tf.data.heads import hair, people
from vgan_tf.data.heads.appearance import Person


def test_brows_are_darker_than_skin_whatever_the_hair():
    drawn = [people.person(3, index) for index in range(300)]
    assert max(one.hair_grey for one in drawn) > 0.9  # grey hair on pale skin, the hardest case, is among them
    assert all(np.mean(one.brow_colour) <= 0.4 * np.mean(one.skin) + 0.005 for one in drawn)


def test_a_forehead_is_barer_where_hair_recedes_or_is_parted():
    short = Person(hair_style="short", hairline=0.1, seed=0)
    assert hair.bare_forehead(short) == 0.1
    assert hair.bare_forehead(dataclasses.replace(short, hair_style="receding")) > 2
    assert hair.bare_forehead(dataclasses.replace(short, hair_style="fringe")) == 0.1  # covered, not shorn
    long = {hair.bare_forehead(dataclasses.replace(short, hair_style="long", seed=seed)) for seed in range(20)}
    assert len(long) == 2 and min(long) == 0.1
