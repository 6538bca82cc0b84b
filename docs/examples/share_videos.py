"""Share a data set of videos: protect it, audit what is to be shared, and write the table for the paper.

Run it in the folder that holds `clips/PERSON/EXPRESSION/*.mp4`, with two clips or more of each person. It needs the
extras `people` and `audit`. QUICK takes the cheapest attackers: a first look, and no figure for a paper.
"""

# %% What there is. One frame in `EVERY` is shown to the attackers: those beside it look the same.
from pathlib import Path

import numpy as np

from vgan_tf.audit import Dump, Images
from vgan_tf.evaluation.audits import evaluate_external, summary
from vgan_tf.files import write_text
from vgan_tf.ondevice import Protector
from vgan_tf.ondevice.people.video import follow, followed, protect_video
from vgan_tf.ondevice.pictures import scaled

EVERY, SIZE, QUICK = 10, 128, True
clips = sorted(Path("clips").glob("*/*/*.mp4"))
identities = sorted({clip.parts[-3] for clip in clips})
expressions = sorted({clip.parts[-2] for clip in clips})

# %% Protect each clip. Each face has one target as long as it is followed; a clip without a face is not written.
protector, counts = Protector(), {}
for clip in clips:
    counts[clip] = protect_video(protector, clip, "shared" / clip.relative_to("clips"))
    if not counts[clip]:
        print(f"{clip}: no face found; look at it, and do not share it")

# %% Heads before and after, from the same places. Attackers are tested on every third clip of each person.
rows = {"train": [], "test": []}
for person, identity in enumerate(identities):
    for number, clip in enumerate(clip for clip in clips if clip.parts[-3] == identity and counts[clip]):
        tracks, count = follow(clip)
        both = (followed(path, tracks, count, "") for path in (clip, "shared" / clip.relative_to("clips")))
        for at, ((_, before, faces), (_, after, _)) in enumerate(zip(*both, strict=True)):
            if at % EVERY == 0 and len(faces) == 1:
                square = faces[0][1].square  # a larger one would show what clothes and background tell
                heads = [scaled(frame, square, SIZE) for frame in (before, after)]
                labels = person, expressions.index(clip.parts[-2]), clips.index(clip)
                rows["test" if number % 3 == 1 else "train"].append((*heads, *labels))

sets = {
    part: Images(**dict(zip(("x", "p", "id", "ep", "clip"), map(np.stack, zip(*one, strict=True)), strict=True)))
    for part, one in rows.items()
}
Dump(**sets, identities=identities, expressions=expressions).save("audit/heads.npz")

# %% The audit, as by `python evaluate.py --external audit/heads.npz --out audit`, which writes audit/report.html.
result, out = evaluate_external(["audit/heads.npz"], "audit", quick=QUICK)
print(summary(result))

# %% The table for the paper.
black = sum(number for faces in counts.values() for face in faces for why, number in face.items() if why)
shown = sum(sum(face.values()) for faces in counts.values() for face in faces)
lines = [
    f"{len(identities)} people, {sum(map(bool, counts.values()))} of {len(clips)} clips shared, "
    f"{black} of {shown} faces black. Audit of {len(sets['test'].x)} frames: **{result['verdict']}**.",
    "",
    f"| accuracy, 95 % interval (chance of naming: {result['chance']:.1%}) | attacker | |",
    "|---|---|---|",
]
attacks = {"naming, learnt from originals": "scenario_1", "naming, learnt from protected frames": "scenario_2"}
figures = {name: result["privacy"][key]["strongest"] for name, key in attacks.items()}
classifiers = {"expression, in originals": "original_to_original", "the same, in protected": "original_to_protected"}
figures |= {name: result["utility"][key] for name, key in classifiers.items()}
for name, figure in figures.items():
    low, high = figure["interval"]
    lines.append(f"| {name} | {figure.get('attacker', '')} | {figure['accuracy']:.1%} [{low:.1%}, {high:.1%}] |")
write_text("audit/table.md", "\n".join(lines) + "\n")
