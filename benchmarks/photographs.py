"""What a run makes of real photographs: `python benchmarks/photographs.py RUN FOLDER --sheet FILE`.

FOLDER holds photographs named PERSON_neutral.jpg and PERSON_smiling.jpg, cut as in rendered_people.py. Each is
protected as every target of the run. Then: does the run's classifier still read smiles and neutral faces; and can the
two photographs of a person still be matched, by the pictures and by the latents? The last line is JSON.
"""

import argparse
import json

import numpy as np
from rendered_people import find_photographs, middles, people_of, with_interval

from vgan_tf.commands import quiet_libraries
from vgan_tf.images import tile, write_image

SHOWN_PEOPLE, SHOWN_TARGETS = 10, 6


def matched(features, person, smiling):
    """Of neutral photographs, how many have the same person's smiling one nearest, by correlation: float."""
    features = features.reshape(len(features), -1).astype(np.float64)
    features = features - features.mean(axis=0)
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-12
    nearest = (features[~smiling] @ features[smiling].T).argmax(axis=1)
    return float((person[smiling][nearest] == person[~smiling]).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="run folder")
    parser.add_argument("photographs", metavar="FOLDER")
    parser.add_argument("--sheet", metavar="FILE", help="picture of the first people, and what becomes of them")
    arguments = parser.parse_args()

    from vgan_tf.images import to_float
    from vgan_tf.run import load_expression_classifier, load_run

    model, classifier = load_run(arguments.run), load_expression_classifier(arguments.run)
    paths, smiling = find_photographs(arguments.photographs)
    images = middles(paths, model.config.image_size)
    person = people_of(paths)
    protected = np.stack([model.protect(images, name, seed=0) for name in model.identities], axis=1)

    def read(pictures):
        flat = to_float(pictures.reshape(-1, *pictures.shape[-3:]))
        return classifier.predict(flat, verbose=0).reshape(*pictures.shape[:-3], -1) + 1e-9

    latents = model.encode(images, 0, model.config.protection_noise)
    pictures = [matched(protected[:, target], person, smiling) for target in range(protected.shape[1])]
    results = {
        "originals": with_interval(read(images[:, None]), person, smiling),
        "protected": with_interval(read(protected), person, smiling),
        "matched": {
            "chance": round(1 / len(np.unique(person)), 4),
            "originals": round(matched(images, person, smiling), 4),
            "protected": round(float(np.mean(pictures)), 4),
            "latents": round(matched(latents, person, smiling), 4),
        },
    }
    for name, figures in results.items():
        print(f"{name}: {figures}")
    if arguments.sheet:
        shown = np.flatnonzero(np.isin(person, np.unique(person)[:SHOWN_PEOPLE]))
        rows = [images[shown], *(protected[shown, target] for target in range(SHOWN_TARGETS))]
        write_image(arguments.sheet, tile(np.concatenate(rows), columns=len(shown)))
    print(json.dumps(results))


if __name__ == "__main__":
    with quiet_libraries():
        main()
