"""Record what ``pytesmo`` and ``scores`` compute, as independent oracles.

They are no dependencies of the project, so their answers are kept beside the tests. To renew them::

    uv run --no-project --with pytesmo==0.18.1 --with scores==2.7.0 --with setuptools \
        python tests/engine/validation/record_pytesmo.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

CASES = {"short": 12, "paper": 44, "long": 400}


def made(name: str) -> np.ndarray:
    """Return three series of soil moisture that see one truth."""
    n = CASES[name]
    generator = np.random.default_rng(n)
    season = 0.25 + 0.06 * np.sin(2 * np.pi * np.arange(n) / 12)
    truth = season + 0.02 * np.convolve(generator.normal(size=n + 4), np.ones(5) / 5, "valid")
    errors = generator.normal(size=(3, n)) * np.array([[0.012], [0.02], [0.03]])
    scale = np.array([[1.0], [0.8], [1.3]])
    level = np.array([[0.0], [0.03], [-0.05]])
    return np.round(level + scale * truth + errors, 6)


def main() -> None:
    from pytesmo import metrics  # noqa: PLC0415
    from pytesmo.metrics.confidence_intervals import with_analytical_ci  # noqa: PLC0415
    from scores import continuous  # noqa: PLC0415
    from xarray import DataArray  # noqa: PLC0415

    records = {}
    for name in CASES:
        x, y, z = made(name)
        forecast, observed = (DataArray(values, dims="time") for values in (x, y))
        r = metrics.pearson_r(x, y)
        mse, mse_corr, mse_bias, mse_var = metrics.mse_decomposition(x, y)
        snr, error, beta = metrics.tcol_metrics(x, y, z)
        records[name] = {
            "bias": float(metrics.bias(x, y)),
            "rmse": float(metrics.rmsd(x, y)),
            "ubrmse": float(metrics.ubrmsd(x, y)),
            "r": float(r),
            "spearman": float(metrics.spearman_r(x, y)),
            "mae_scores": float(continuous.mae(forecast, observed)),
            "rmse_scores": float(continuous.rmse(forecast, observed)),
            "bias_scores": float(continuous.additive_bias(forecast, observed)),
            "r_scores": float(continuous.correlation.pearsonr(forecast, observed)),
            "mse": float(mse),
            "mse_correlation": float(mse_corr),
            "mse_bias": float(mse_bias),
            "mse_variance": float(mse_var),
            "bias_ci": list(map(float, with_analytical_ci("bias", x, y)[1:])),
            "ubrmse_ci": list(map(float, with_analytical_ci("ubrmsd", x, y)[1:])),
            "r_ci": list(map(float, with_analytical_ci("pearson_r", x, y)[1:])),
            "snr": list(map(float, snr)),
            "error": list(map(float, error)),
            "beta": list(map(float, beta)),
        }
    target = Path(__file__).with_name("pytesmo.json")
    target.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
