"""Audit a run, or any anonymizer: `python evaluate.py runs/first`."""

import argparse
import os
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
    parser.add_argument("--baseline", metavar="NAME[,NAME...]|all", help="audit simple anonymizers on the same images")
    parser.add_argument("--no-baselines", action="store_true", help="--frontier compares runs alone")
    parser.add_argument("--frontier", nargs="*", metavar="RUN", help="compare runs and baselines, quickly, into --out")
    parser.add_argument("--sweep", metavar="KEY=VALUE[,VALUE...]", help="--frontier also trains a run for each value")
    parser.add_argument("--preset", help="of the runs of --sweep; demo without it")
    parser.add_argument("--epochs", type=int, help="of the runs of --sweep")
    parser.add_argument("--noise", metavar="LEVEL[,LEVEL...]", help="--frontier adds RUN with noise on its latents")
    parser.add_argument(
        "--prototypes",
        metavar="COUNT[,COUNT...]",
        help="of each expression, to protect with, 0: none; --frontier adds each",
    )
    parser.add_argument("--full", action="store_true", help="--frontier by all attackers")
    arguments = parser.parse_args()
    if [arguments.run, arguments.external, arguments.frontier].count(None) != 2:
        parser.error("name a RUN, or give --external or --frontier; one of them")
    if (arguments.external or arguments.baseline or arguments.frontier is not None) and not arguments.out:
        parser.error("--external, --baseline and --frontier need --out")
    if arguments.frontier is None and (arguments.sweep or arguments.full or arguments.no_baselines):
        parser.error("--sweep, --full and --no-baselines need --frontier")
    if arguments.noise and not arguments.frontier:
        parser.error("--noise needs --frontier RUN")
    if arguments.prototypes and not (arguments.frontier or arguments.run and not arguments.baseline):
        parser.error("--prototypes needs RUN and no --baseline, or --frontier RUN")
    if arguments.prototypes and arguments.frontier is None:
        if not arguments.prototypes.isdecimal():
            parser.error(f"--prototypes {arguments.prototypes}: one whole number, but for --frontier")
        arguments.prototypes = int(arguments.prototypes)
    if arguments.baseline and arguments.no_baselines:
        parser.error("--baseline or --no-baselines; one of them")
    if arguments.sweep is None and (arguments.preset or arguments.epochs):
        parser.error("--preset and --epochs need --sweep")
    if arguments.on_device and not arguments.run:
        parser.error("--on-device needs the RUN that was exported")
    if arguments.recipe and not arguments.on_device:
        parser.error("--recipe needs --on-device")
    return arguments


def main():
    arguments = parse()
    os.environ["KERAS_BACKEND"] = "tensorflow"  # On which the attackers train; it reads the runs of either backend.
    run_command(lambda: evaluate(arguments))


def evaluate(arguments):
    from vgan_tf.evaluation.judging import evaluate_external, evaluate_run, read_evaluation, results_folder, summary

    if arguments.frontier is not None or arguments.baseline:
        return compare(arguments)
    options = {"seeds": arguments.seeds, "quick": arguments.quick}
    if arguments.show:
        out = Path(arguments.out or results_folder(arguments.run, arguments.on_device, arguments.prototypes))
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
            prototypes=arguments.prototypes,
            **options,
        )
    print(summary(result))
    print(f"report: {out / 'report.html'}")


def compare(arguments):
    from vgan_tf.comparison.frontier import audit_baselines, frontier, frontier_summary

    if arguments.frontier is None:
        sources, external = arguments.external or [arguments.run], bool(arguments.external)
        options = {"seeds": arguments.seeds, "quick": arguments.quick}
        results = audit_baselines(sources, arguments.baseline, arguments.out, external, **options)
        for name, result in results.items():
            print(f"{name}: {result['verdict']}; {Path(arguments.out) / name / 'report.html'}")
        return
    result, out = frontier(
        arguments.frontier,
        arguments.out,
        baselines="" if arguments.no_baselines else arguments.baseline or "all",
        sweep=arguments.sweep,
        preset_name=arguments.preset,
        epochs=arguments.epochs,
        noise=arguments.noise or "",
        prototypes=arguments.prototypes or "",
        seeds=arguments.seeds,
        quick=not arguments.full,
    )
    print(frontier_summary(result))
    print(f"plot: {out / 'frontier.svg'}")


if __name__ == "__main__":
    main()
