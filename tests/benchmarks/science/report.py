"""The tables on the terminal."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

_WIDTH = 150
_LAYER_COLUMNS = ("rmse", "bias", "temporal_r", "ubrmse", "subgrid_r", "edge_ratio")
_BEST = {"rmse": min, "bias": min, "temporal_r": max, "ubrmse": min, "subgrid_r": max}
_SPLITS = ("random", "block", "month", "year", "block_year")


class Report:
    """Prints what was found.

    Parameters
    ----------
    path
        Where the file of all results is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._console = Console(highlight=False, width=_WIDTH)
        self._start = perf_counter()

    def head(self, result: dict[str, Any]) -> None:
        """Say what runs, and that all of it is synthetic."""
        self._console.rule(f"SYNTHETIC world {result['preset']}, seed {result['seed']}")
        self._print(result["synthetic"])
        self._print(f"caps: {result['caps']}")

    def section(self, name: str) -> None:
        """Begin a section."""
        self._console.rule(name.replace("_", " "), align="left")

    def step(self, text: str) -> None:
        """Say what is done, and when."""
        self._print(f"[{perf_counter() - self._start:6.0f} s] {text}")

    def progress(self, fraction: float, message: str) -> None:
        """Say how far something is."""
        self.step(f"{fraction:4.0%} {message}")

    def comparison(self, result: dict[str, Any]) -> None:
        """Print R² and RMSE by algorithm, set of predictors and split."""
        for metric, title in (("r2", "R² [95 %]"), ("rmse", "RMSE, m3 m-3 [95 %]")):
            table = Table("algorithm", "SIF", *_SPLITS, title=f"Held-out rows at 9 km: {title}")
            for algorithm, sets in result["comparison"].items():
                for name, splits in sets.items():
                    cells = [_interval(splits.get(split, {}).get(metric)) for split in _SPLITS]
                    table.add_row(algorithm, name, *cells)
            self._console.print(table)
        notes = result["comparison_notes"]
        self._print("random: comparable with the paper, optimistic. block_year is the headline.")
        self._print(f"intervals: {notes['intervals']}; {notes['rows']} rows")
        by_reason: dict[str, list[str]] = {}
        for what, why in notes["left_out"].items():
            by_reason.setdefault(why, []).append(what)
        for why, what in by_reason.items():
            self._print(f"left out: {'; '.join(what)}: {why}")

    def canary(self, canary: dict[str, Any]) -> None:
        """Print what a name of the place gains."""
        for name, splits in canary["r2_gain"].items():
            gains = ", ".join(f"{split} {gain:+.4f}" for split, gain in splits.items())
            self._print(f"R² gained from the place's name beside {name} predictors: {gains}")

    def sif_effect(self, effect: dict[str, Any]) -> None:
        """Print the arms of every split."""
        for split, made in effect.items():
            title = f"SIF's worth, {split}: {made['algorithm']}, {len(made['seeds'])} seeds"
            table = Table("arm", "", "R² [95 %]", "R² less arm A [95 %]", title=title)
            for arm in made["arms"]:
                against = arm["against_none"]["r2"]
                certain = against["lower"] > 0 or against["upper"] < 0
                mark = " *" if certain and arm["arm"] != "A" else ""
                table.add_row(
                    arm["arm"],
                    arm["title"],
                    _interval(arm["scores"]["r2"], 4),
                    _interval(against, 4) + mark,
                )
            self._console.print(table)
            known = _interval(made["against_shuffled"]["r2"], 4)
            self._print(f"with SIF less shuffled SIF, as many columns in both: {known}")
        self._print("* the interval excludes 0. SIF at 1 km is a function of what arm D has.")

    def importance(self, made: dict[str, Any]) -> None:
        """Print the groups of each algorithm."""
        for algorithm, found in made.items():
            title = f"Importance on held-out blocks: {algorithm}"
            table = Table("group", "R² lost [95 %]", "impurity", title=title)
            for share in found["shares"]:
                impurity = "" if share["impurity"] is None else f"{share['impurity']:.3f}"
                table.add_row(share["group"], _interval(share["loss"], 4), impurity)
            self._console.print(table)
            self._print(found["caveat"])

    def layers(self, title: str, result: dict[str, Any]) -> None:
        """Print one world's layers, with where bilinear SMAP is better than a layer."""
        scored = result["layers"][title]
        table = Table("layer", *_LAYER_COLUMNS, "bilinear is better in", title=f"1 km: {title}")
        for name, scores in scored.items():
            worse = [
                column
                for column, better in _BEST.items()
                if name not in ("bilinear", "best")
                and better(scored["bilinear"][column], scores[column]) != scores[column]
            ]
            cells = [f"{scores[column]:.4f}" for column in _LAYER_COLUMNS]
            table.add_row(name, *cells, ", ".join(worse))
        self._console.print(table)
        weights, interval = result["weights"][title], result["interval"]["worlds"][title]
        estimated = weights["estimated"] or {}
        shown = {k: v for k, v in estimated.items() if isinstance(v, float)}
        self._print("weights: " + ", ".join(f"{k} {v:.3f}" for k, v in shown.items()))
        self._print(
            "the truth would choose: "
            + ", ".join(f"{name} {value:.3f}" for name, value in weights["with_truth"].items())
            + ("" if weights["gap_closed"] is None else f"; closed {weights['gap_closed']:.0%}")
        )
        groups = ", ".join(
            f"{name} {share:.3f}" for name, share in interval["by_land_cover"].items()
        )
        self._print(
            f"90 % interval: covers {interval['coverage']:.3f} ({groups}), mean width "
            f"{interval['mean_width']:.4f} m3 m-3"
        )

    def reconstruction(self, found: dict[str, Any]) -> None:
        """Print the scores of SIF."""
        table = Table("split", "R²", "RMSE", "MAE", "R² of 8 days", title="SIF, held-out eSIF")
        for name, split in found["splits"].items():
            periods = [one["r2"] for one in split["by_8_days"].values() if one["r2"] is not None]
            cells = (f"{split['pooled'][metric]:.4f}" for metric in ("r2", "rmse", "mae"))
            table.add_row(name, *cells, f"{min(periods):.3f} to {max(periods):.3f}")
        self._console.print(table)
        pooled = found["pooled"]
        months = found["against_truth"].values()
        self._print(
            f"1 km months against the truth, RMSE: model alone {pooled['sif_raw']:.4f}, with "
            f"eSIF's residual {pooled['sif']:.4f}; weights "
            f"{min(m['weight'] for m in months):.2f} to {max(m['weight'] for m in months):.2f}; "
            f"means over eSIF's cells missed by {max(m['conservation_error'] for m in months):.5f}"
        )

    def one_up(self, title: str, found: dict[str, Any]) -> None:
        """Print the layers one scale up."""
        table = Table(
            "layer",
            "RMSE [95 %]",
            "R inside 27 km [95 %]",
            "RMSE inside",
            title=f"27 km to 9 km, {title}: {found['cells']} cells, sd {found['deviation']:.4f}, "
            f"inside {found['deviation_inside']:.4f}",
        )
        for name, scores in found["layers"].items():
            inside = scores["inside"]
            table.add_row(
                name,
                _interval(scores["whole"]["rmse"], 4),
                _interval(inside["r"]),
                f"{inside['rmse']['value']:.4f}",
            )
        self._console.print(table)
        for what, why in found["left_out"].items():
            self._print(f"left out: {what}: {why}")

    def real(self, found: dict[str, Any]) -> None:
        """Print the real samples."""
        month = found["south_africa"]
        table = Table(
            "predictors",
            "algorithm",
            "R [95 %]",
            "R²",
            "RMSE",
            title=f"REAL: South Africa, January 2020, SMAP L3, {month['cells']} cells; known: R "
            f"{month['known']['r']}, R² {month['known']['r2']}, RMSE {month['known']['rmse']}",
        )
        for title, algorithms in month["scores"].items():
            for name, scores in algorithms.items():
                table.add_row(
                    title,
                    name,
                    _interval(scores["r"]),
                    f"{scores['r2']['value']:.3f}",
                    f"{scores['rmse']['value']:.4f}",
                )
        self._console.print(table)
        self._print(f"{month['split']}; seeds {month['seeds']}. {month['note']}")
        self.one_up("REAL: South Africa, SMAP L3", month["one_scale_up"])
        self.one_up("REAL: North America, SMAP L4", found["north_america"]["one_scale_up"])
        self._print(found["north_america"]["note"])

    def paper(self, found: dict[str, Any]) -> None:
        """Print our figures beside the paper's."""
        table = Table("", "paper", "ours, its way", "ours, honestly", title="Beside the paper")
        for title, row in found["rows"].items():
            table.add_row(title, *(_told(row.get(k)) for k in ("paper", "its_way", "honestly")))
        self._console.print(table)
        self._print(found["note"])
        for caveat in found["caveats"].values():
            self._print(f"caveat: {caveat}")

    def gates(self, result: dict[str, Any]) -> None:
        """Print what was to be reached."""
        table = Table("", "found", "wanted", "", title="What was to be reached")
        for name, gate in result["gates"].items():
            found = gate["found"]
            shown = f"{found:.4f}" if isinstance(found, float) else _interval(found, 4)
            table.add_row(name, shown, gate["wanted"], "reached" if gate["reached"] else "MISSED")
        self._console.print(table)
        self._print(f"{result['seconds']['all']:.0f} s; written: {self.path}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False)


def _interval(found: dict[str, float] | None, digits: int = 3) -> str:
    if found is None:
        return "–"
    value, lower, upper = (f"{found[name]:.{digits}f}" for name in ("value", "lower", "upper"))
    return f"{value} \\[{lower}, {upper}]"


def _told(found: Any) -> str:
    if isinstance(found, dict):
        return _interval(found)
    if isinstance(found, list):
        return " to ".join(f"{one:.3f}" for one in found)
    return "–" if found is None else str(found)
