"""Audit a run, or any anonymizer: `python evaluate.py runs/first`."""

import argparse
from pathlib import Path

from vgan_tf.commands import run_command


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", nargs="?", help="a run folder")
    parser.add_argument("--external", nargs="+", metavar="PATH", help="a dump, or originals and protected images")
    parser.add_argument("--data", metavar="SOURCE", help="other data than the run's own")
    parser.add_argument("--out", metavar="DIR", help="where the results go; RUN/evaluation without it")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each attacker")
    parser.add_argument("--dump", metavar="FILE.npz", help="also write the audited arrays")
    parser.add_argument("--target-policy", default="uniform", metavar="uniform|exclude-true|fixed:NAME")
    parser.add_argument("--fresh", metavar="SOURCE", help="further images of the same people, for stronger attacks")
    parser.add_argument("--strangers", metavar="SOURCE", help="images of people who are in no other data of the run")
    parser.add_argument("--on-device", metavar="DIR", help="audit the files of an export folder of the run")
    parser.add_argument("--recipe", help="which of them: float32, float16, dynamic, int8 or qat")
    parser.add_argument("--show", action="store_true", help="only print the table of the last audit again")
    parser.add_argument("--quick", action="store_true", help="weaker attackers, to look before the real audit")
    arguments = parser.parse_args()
    if (arguments.run is None) == (arguments.external is None):
        parser.error("name a RUN or give --external, not both")
    if arguments.external and not arguments.out:
        parser.error("--external needs --out")
    if arguments.on_device and not arguments.run:
        parser.error("--on-device needs the RUN that was exported")
    if arguments.recipe and not arguments.on_device:
        parser.error("--recipe needs --on-device")
    return arguments


def main():
    arguments = parse()
    run_command(lambda: evaluate(arguments))


def evaluate(arguments):
    from vgan_tf.evaluation import evaluate_external, evaluate_run, read_evaluation, results_folder, summary

    options = {"seeds": arguments.seeds, "quick": arguments.quick}
    if arguments.show:
        out = Path(arguments.out or results_folder(arguments.run, arguments.on_device))
        result = read_evaluation(out)
    elif arguments.external:
        result, out = evaluate_external(arguments.external, arguments.out, **options)
    else:
        result, out = evaluate_run(
            arguments.run,
            data=arguments.data,
            out=arguments.out,
            dump_path=arguments.dump,
            target_policy=arguments.target_policy,
            fresh=arguments.fresh,
            strangers=arguments.strangers,
            on_device=arguments.on_device,
            recipe=arguments.recipe,
            **options,
        )
    print(summary(result))
    print(f"report: {out / 'report.html'}")


if __name__ == "__main__":
    main()
