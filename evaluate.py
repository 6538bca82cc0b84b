"""Audit a run, or any anonymizer: `python evaluate.py runs/first`."""

import argparse
import os

from vgan_tf.commands import run_command

OF_A_RUN = ("data", "dump", "fresh", "strangers", "target_policy", "on_device", "release")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", nargs="?", help="a run folder")
    parser.add_argument("--external", nargs="+", metavar="PATH", help="a dump, or originals and protected images")
    parser.add_argument("--out", metavar="DIR", help="where the results go; a folder inside RUN without it")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each attacker")
    parser.add_argument("--quick", action="store_true", help="weaker attackers, for a first impression")
    parser.add_argument("--data", metavar="SOURCE", help="other data than the run's own")
    parser.add_argument("--dump", metavar="FILE.npz", help="also write the audited arrays")
    parser.add_argument("--fresh", metavar="SOURCE", help="further images of the same people, for stronger attacks")
    parser.add_argument("--strangers", metavar="SOURCE", help="images of people who are in no other data of the run")
    parser.add_argument("--target-policy", metavar="P", help="uniform (default), exclude-true or fixed:NAME")
    parser.add_argument("--on-device", metavar="DIR", help="audit the files of an export folder of the run")
    parser.add_argument("--release", metavar="R", help="audit it with latent, noise:L, threshold:T or prototypes:K")
    arguments = parser.parse_args()
    if (arguments.run is None) == (arguments.external is None):
        parser.error("name a RUN or give --external, one of them")
    if arguments.external:
        if not arguments.out:
            parser.error("--external needs --out")
        for name in OF_A_RUN:
            if getattr(arguments, name) is not None:
                parser.error(f"--{name.replace('_', '-')} belongs to a RUN, not to --external")
    return arguments


def main():
    arguments = parse()
    os.environ["KERAS_BACKEND"] = "tensorflow"  # The attackers train on it; it loads the runs of either backend.
    run_command(lambda: evaluate(arguments))


def evaluate(arguments):
    from vgan_tf.evaluation.audits import evaluate_external, evaluate_run, summary

    kind = "cheapest attacker of each kind" if arguments.quick else "all attackers"
    print(f"auditing {arguments.run or ' '.join(arguments.external)}: {kind}, seeds={arguments.seeds}")
    options = {"seeds": arguments.seeds, "quick": arguments.quick}
    if arguments.external:
        result, out = evaluate_external(arguments.external, arguments.out, **options)
    else:
        result, out = evaluate_run(
            arguments.run,
            data=arguments.data,
            out=arguments.out,
            dump_path=arguments.dump,
            target_policy=arguments.target_policy or "uniform",
            on_device=arguments.on_device,
            fresh=arguments.fresh,
            strangers=arguments.strangers,
            release=arguments.release,
            **options,
        )
    print(summary(result))
    print(f"report: {out / 'report.html'}")


if __name__ == "__main__":
    main()
