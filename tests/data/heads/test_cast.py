"""The target identities, and files of one's own."""

import dataclasses
import json

import numpy as np
import pytest

from vgan_tf.data.heads.cast import CAST, cast_of, load_cast
from vgan_tf.data.heads.people import MODES, shape_distance
from vgan_tf.errors import InputError


def test_sixteen_people_who_differ():
    assert len(CAST) == 16 and list(CAST) == sorted(CAST)
    assert all(name.isalpha() and name.islower() for name in CAST)
    members = list(CAST.values())
    weights = np.zeros((16, MODES))
    for row, member in zip(weights, members, strict=True):
        for mode, weight in member.shape:
            row[mode] = weight
    apart = shape_distance(weights[:, None], weights[None])[~np.eye(16, dtype=bool)]
    assert apart.min() > 0.3
    assert len({member.seed for member in members}) == 16
    assert len({member.hair_style for member in members}) >= 8 and len({member.clothes for member in members}) >= 4
    brightness = np.array([np.mean(member.skin) for member in members])
    assert brightness.min() < 0.12 and brightness.max() > 0.4
    assert max(member.age_lines for member in members) > 0.3 + min(member.age_lines for member in members)
    assert {"none"} < {member.facial_hair for member in members}
    assert all(member.head_cover == "none" for member in members)


def test_a_file_of_ones_own_is_read_by_name_and_what_it_leaves_out_is_usual(tmp_path):
    path = tmp_path / "mine.json"
    entries = {"zoë": {"skin": [0.1, 0.2, 1], "shape": [[3, 1.5], [99, -1]], "rest": [["jawOpen", 0.04]]}, "Al 2": {}}
    path.write_text(json.dumps(entries), encoding="utf-8")
    cast = load_cast(path)
    assert list(cast) == ["Al 2", "zoë"] and len(set(cast.values())) == 2
    usual = cast["Al 2"]
    assert dataclasses.replace(cast["zoë"], skin=usual.skin, shape=usual.shape, rest=usual.rest) == usual
    assert cast["zoë"].shape == ((3, 1.5), (99, -1)) and cast["zoë"].rest == (("jawOpen", 0.04),)
    # What is written down of people makes them again.
    assert cast_of({name: dataclasses.asdict(person) for name, person in CAST.items()}) == CAST
    written = json.dumps({name: dataclasses.asdict(person) for name, person in CAST.items()})
    assert cast_of(json.loads(written)) == CAST


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "mine.json: no JSON: Expecting property name"),
        ("\xff", "mine.json: no JSON: 'utf-8' codec"),
        ("[]", 'mine.json: no cast; give {"name": {"field": value'),
        ('{"ada": []}', 'mine.json: no cast; give {"name": {"field": value'),
        ("{}", "mine.json: names nobody; a cast needs one person or more"),
        ('{"../ada": {}}', "mine.json: '../ada' is no name; give letters and digits"),
        ('{"ada": {"hair": "bob"}}', "mine.json: ada: no field 'hair'; there are seed, shape, rest, skin"),
        ('{"ada": {"hair_style": "mullet"}}', 'ada: hair_style is "mullet"; give one of bald, stubble, short'),
        ('{"ada": {"hair_style": ["bob"]}}', 'ada: hair_style is ["bob"]; give one of bald'),
        ('{"ada": {"seed": -1}}', "ada: seed is -1; give a whole number of at least 0"),
        ('{"ada": {"seed": 1.5}}', "ada: seed is 1.5; give a whole number"),
        ('{"ada": {"shape": [[100, 1]]}}', "ada: shape is [[100, 1]]; give [mode, weight] pairs, modes from 0 to 99"),
        ('{"ada": {"shape": [1, 2]}}', "ada: shape is [1, 2]; give [mode, weight] pairs"),
        ('{"ada": {"rest": [["smile", 1]]}}', 'ada: rest is [["smile", 1]]; give [blendshape, weight] pairs'),
        ('{"ada": {"skin": [0.5, 0.4]}}', "ada: skin is [0.5, 0.4]; give three numbers from 0 to 1: linear R, G, B"),
        ('{"ada": {"skin": [128, 90, 80]}}', "ada: skin is [128, 90, 80]; give three numbers from 0 to 1"),
        ('{"ada": {"skin": 0.5}}', "ada: skin is 0.5; give three numbers"),
        ('{"ada": {"pores": "many"}}', 'ada: pores is "many"; give a number such as 0.4'),
        ('{"ada": {"pores": NaN}}', "ada: pores is NaN; give a number"),
        ('{"ada": {"pores": true}}', "ada: pores is true; give a number"),
        ('{"ada": {"pores": null}}', "ada: pores is null; give a number"),
        ('{"ada": {"pores": 1%s}}' % ("0" * 400), "give a number such as 0.4"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, content, said):
    path = tmp_path / "mine.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError) as error:
        load_cast(path)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_no_file_is_said(tmp_path):
    with pytest.raises(InputError, match="nobody.json: No such file or directory; give a JSON file of people"):
        load_cast(tmp_path / "nobody.json")
    with pytest.raises(InputError, match="Is a directory; give a JSON file of people"):
        load_cast(tmp_path)
