"""Commands of the `zoo` command line that search: `sweep` and `overfit`. Heavy imports happen inside each command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner._options import add_data_options
from tuner.runs import RunFolder
from zoo import get
from zoo._cli import add_command, counted, emit, positive, table
from zoo._errors import ZooError
from zoo._files import check_writable
from zoo._options import add_model_options, model_options
from zoo._quiet import import_keras

if TYPE_CHECKING:
    from tuner.search import SweepResult


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a sweep, shared by `sweep` and `run`. Defaults are those of `tuner.sweep`."""
    from tuner.defaults import BATCH_SIZES, DEFAULT_AUGMENTATION, EPOCHS, LEARNING_RATES, ORACLE, SUGGESTED, TRIALS

    add_data_options(parser)
    parser.add_argument(
        "--extra-data",
        action="append",
        metavar="DATA",
        help="add the training pictures of further data with the same labels; what is measured on stays; repeatable",
    )
    parser.add_argument(
        "--rename",
        action="append",
        metavar="OLD=NEW",
        help="what a label of the extra data is called in DATA; repeatable",
    )
    parser.add_argument(
        "--trials",
        type=positive,
        metavar="N",
        help=f"networks to train (default {TRIALS}; all that there are for the oracles grid and hyperband)",
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help=f"passes over the data (default {EPOCHS})")
    parser.add_argument(
        "--batch-size",
        metavar="N,N",
        help=f"batch sizes to choose from (default {','.join(map(str, BATCH_SIZES))})",
    )
    parser.add_argument(
        "--learning-rate",
        metavar="LOW:HIGH",
        help="range searched on a log scale, or one fixed rate (default "
        f"{':'.join(f'{rate:g}' for rate in LEARNING_RATES)})",
    )
    parser.add_argument(
        "--space",
        action="append",
        metavar="NAME=a,b,c",
        help="search one more dimension: an option of the model, a weight of its loss, or a field of the recipe, as "
        f"NAME=a,b,c or NAME=low:high[:log], or NAME alone for {', '.join(SUGGESTED)}; repeatable",
    )
    parser.add_argument(
        "--oracle", metavar="NAME", help=f"random, grid, bayesian or hyperband decides what is tried (default {ORACLE})"
    )
    parser.add_argument("--objective", metavar="METRIC", help="the metric to raise; that of the task, if left out")
    parser.add_argument(
        "--no-overfit", action="store_true", help="do not begin by learning twenty pictures by heart ('zoo overfit')"
    )
    parser.add_argument(
        "--augment",
        metavar="NAME",
        help="how training pictures are changed: none, light, scenes (many objects), crowds (many small ones) or "
        f"portraits (one); default {DEFAULT_AUGMENTATION}",
    )
    parser.add_argument(
        "--finish-epochs",
        type=counted,
        metavar="N",
        help="after the search, train with the winner's hyperparameters for N epochs; 0 for a recipe without them",
    )
    parser.add_argument(
        "--weights",
        metavar="RUN",
        help="start from the weights of a run, a .keras file or a published NAME[@VERSION], not from random ones; a "
        "narrower network will do",
    )
    parser.add_argument(
        "--embedding-loss", metavar="NAME", help="cosface (default), arcface, or distill, which needs --teacher"
    )
    parser.add_argument(
        "--teacher",
        metavar="FILE.npz",
        help="vectors to distill from: the arrays 'files' and 'emb', in DATA, extra data or here",
    )
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="take what is not given from a .toml file, or a shipped one, each --space and --option by itself",
    )
    parser.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default runs)")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="run trials on a Ray cluster: 'local' starts one here, 'auto' finds one, or ray://HOST:PORT",
    )
    parser.add_argument(
        "--cpus-per-trial", type=positive, metavar="N", help="with --ray: processors of a trial (default 1)"
    )
    parser.add_argument(
        "--gpus-per-trial", type=share, metavar="X", help="with --ray: accelerators of a trial (default 0)"
    )
    add_model_options(parser)


def share(text: str) -> float:
    """Read a number from 0, such as 0.5, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0, such as 0.5")
    return value


def sweep_arguments(arguments: argparse.Namespace, model: str | None) -> dict[str, Any]:
    """Turn parsed options into the keyword arguments of `tuner.sweep` for a model; those not given are None.

    Raises ZooError for values that cannot be read, and for data and recipes that are not there: before Keras is
    imported, which takes seconds.
    """
    _check_places(arguments)
    return {
        "data": arguments.data,
        "extra_data": arguments.extra_data,
        "rename": _renamed(arguments.rename),
        "format": arguments.format,
        "strict": arguments.strict or None,
        "trials": arguments.trials,
        "epochs": arguments.epochs,
        "limit": arguments.limit,
        "seed": arguments.seed,
        "augmentation": arguments.augment,
        "oracle": arguments.oracle,
        "objective": arguments.objective,
        "space": _space(arguments, model),
        "finish_epochs": arguments.finish_epochs,
        "weights": arguments.weights,
        "embedding_loss": arguments.embedding_loss,
        "teacher": arguments.teacher,
        "recipe": arguments.recipe,
        "overfit": not arguments.no_overfit,
        "out": arguments.out,
        "executor": _executor(arguments),
    }


def _check_places(arguments: argparse.Namespace) -> None:
    """Raise ZooError for data and recipes that are not there."""
    from tuner.data import check_location
    from tuner.recipe_files import check_recipe

    for location in (*([] if arguments.data is None else [arguments.data]), *(arguments.extra_data or ())):
        check_location(location)
    if arguments.recipe is not None:
        check_recipe(arguments.recipe)


def _renamed(pairs: list[str] | None) -> dict[str, str] | None:
    """Read OLD=NEW. Raises ZooError for anything else."""
    if pairs is None:
        return None
    wrong = next((pair for pair in pairs if not all(pair.partition("="))), None)
    if wrong is not None:
        raise ZooError(f"--rename takes OLD=NEW, such as face=without_mask, got '{wrong}'.")
    return {old: new for old, _, new in (pair.partition("=") for pair in pairs)}


def _space(arguments: argparse.Namespace, model: str | None) -> Any:
    from tuner.defaults import BATCH_SIZES, LEARNING_RATES, Space

    if arguments.batch_size is None and arguments.learning_rate is None and not arguments.space:
        return None
    batch_sizes: tuple[int, ...] = BATCH_SIZES
    learning_rates, more = LEARNING_RATES, {}
    if arguments.batch_size is not None:
        try:
            batch_sizes = tuple(int(word) for word in arguments.batch_size.split(","))
        except ValueError:
            raise ZooError(
                f"Cannot read --batch-size {arguments.batch_size}. Write whole numbers like 8,16,32."
            ) from None
    if arguments.learning_rate is not None:
        low, _, high = arguments.learning_rate.partition(":")
        try:
            learning_rates = (float(low), float(high or low))
        except ValueError:
            raise ZooError(
                f"Cannot read --learning-rate {arguments.learning_rate}. Write a range like 1e-4:1e-2, or one rate."
            ) from None
    if arguments.space:
        if model is None:
            raise ZooError("--space needs the name of the model. Leave both out to resume with the space of the run.")
        from tuner.recipe_files import embedding_loss_of
        from tuner.space import read_dimensions

        loss = arguments.embedding_loss or (embedding_loss_of(arguments.recipe) if arguments.recipe else None)
        more = read_dimensions(arguments.space, get(model), **({"embedding_loss": loss} if loss else {}))
    return Space(batch_sizes, learning_rates, more)


def _executor(arguments: argparse.Namespace) -> Any:
    if arguments.ray is None:
        if arguments.cpus_per_trial is not None or arguments.gpus_per_trial is not None:
            raise ZooError(
                "--cpus-per-trial and --gpus-per-trial are for a cluster. Add --ray local, or leave them out."
            )
        return None
    import_keras()
    from tuner.cluster import OnRay

    return OnRay(
        arguments.ray, cpus_per_trial=arguments.cpus_per_trial or 1, gpus_per_trial=arguments.gpus_per_trial or 0
    )


def _sweep(arguments: argparse.Namespace) -> None:
    name = arguments.name
    if name is not None:
        get(name)  # mistakes in words are told before Keras is imported, which takes seconds
    if arguments.resume is not None:
        RunFolder.begun(arguments.resume)
    else:
        check_writable(arguments.out)
    given = sweep_arguments(arguments, name)
    import_keras()
    from tuner import sweep
    from tuner.report import trial_rows

    if arguments.option and name is None:
        raise ZooError("--option needs the name of the model. Leave both out to resume with the options of the run.")
    options = model_options(name, arguments.option) if arguments.option else None
    result = sweep(name, options=options, resume=arguments.resume, **given)
    chosen = ", ".join(
        f"{name.replace('_', ' ')} {f'{value:.3g}' if isinstance(value, float) else value}"
        for name, value in result.hyperparameters.items()
    )
    text = (
        f"{table(trial_rows(result.trials, result.metric))}\n\n{_doubt(result)}"
        f"winner: {result.metric} {result.score:.4f} (before training {result.untrained:.4f}) with {chosen}\n"
        f"run:    {result.folder}\n"
        f"report: {result.folder / 'report.html'}\nnext:   zoo publish {result.folder}"
    )
    record = {
        "run": str(result.folder),
        "metric": result.metric,
        "score": result.score,
        "untrained": result.untrained,
        "batch_size": result.batch_size,
        "learning_rate": result.learning_rate,
        "hyperparameters": dict(result.hyperparameters),
        "trials": list(result.trials),
    }
    emit(arguments, record, text)


def _doubt(result: SweepResult) -> str:
    """Return a line about a winner that has learned nothing, else nothing."""
    if result.score > result.untrained:
        return ""
    return (
        f"No trial did better than the network before training ({result.metric} {result.untrained:.4f}). Train longer "
        f"with --epochs, on more pictures, or look at the labels with 'zoo data show'.\n"
    )


def _overfit(arguments: argparse.Namespace) -> None:
    get(arguments.name)
    picture = arguments.output or Path(f"overfit-{arguments.name}.png")
    if picture.suffix.lower() != ".png" or picture.is_dir():
        raise ZooError(f"Cannot draw into {picture}. Name a file that ends in .png.")
    check_writable(picture.parent)
    import_keras()
    from tuner.overfit import overfit
    from tuner.requests import Request
    from tuner.trials import Bench

    request = Request.of(
        None,
        model=arguments.name,
        data=arguments.data,
        limit=arguments.limit,
        seed=arguments.seed,
        options=model_options(arguments.name, arguments.option),
    )
    done = overfit(Bench(request.job(None)))
    picture.parent.mkdir(parents=True, exist_ok=True)
    done.draw(picture)
    verdict = "learned" if done.passed else "NOT LEARNED"
    losses = f"{done.history[0]['loss']:.3g} to {done.history[-1]['loss']:.3g}" if done.history else "nowhere"
    text = (
        f"{verdict}: {done.pictures} pictures by heart, {done.metric} {done.score:.4f} after {len(done.history)} "
        f"epochs, loss from {losses}\ncurve:   {picture}"
    )
    emit(arguments, {**done.record(), "picture": str(picture)}, text)
    if not done.passed:
        raise ZooError(f"'{arguments.name}' does not learn {done.pictures} pictures by heart. {done.reason}")


def add_commands(commands: Any) -> None:
    """Register `sweep` and `overfit`; named in the entry point group `zoo.commands`."""
    sweeping = add_command(
        commands,
        "sweep",
        _sweep,
        "search batch size, learning rate and more for one model",
        [
            "zoo sweep yunet_n_160",
            "zoo sweep dense4_det_160 --data DIR --trials 8 --epochs 20 --option width=0.5",
            "zoo sweep yunet_n_160 --data DIR --oracle bayesian --trials 20 --space width=0.5,1 --space box_weight",
            "zoo sweep yunet_n_160 --data DIR --recipe crowds",
            "zoo sweep --resume runs/yunet_n_160/TIME",
            "zoo sweep yunet_n_160 --data s3://BUCKET/faces --trials 64 --ray auto --cpus-per-trial 2",
        ],
    )
    sweeping.add_argument("name", metavar="NAME", nargs="?", help="a model of 'zoo list'; not needed with --resume")
    sweeping.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with the sweep in this run folder, as it was asked for"
    )
    add_sweep_options(sweeping)
    sweeping.set_defaults(data=None)  # so that --resume can tell it from '--data synthetic'

    overfitting = add_command(
        commands,
        "overfit",
        _overfit,
        "learn twenty pictures by heart, to see that labels, pre-processing and loss are right",
        ["zoo overfit yunet_n_160", "zoo overfit dense4_det_160 --data DIR -o curve.png"],
    )
    overfitting.add_argument("name", metavar="NAME", help="a model of 'zoo list'")
    add_data_options(overfitting)
    overfitting.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="PNG to draw the curve into (default overfit-NAME.png)"
    )
    add_model_options(overfitting)
