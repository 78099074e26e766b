"""Gaussian random fields with a power-law spectrum, drawn by FFT."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 512
"""Side of the largest torus, unless a window itself is larger."""


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Return a generator of its own for one purpose of one world.

    Separate streams keep a world's rain the same when, say, its SMAP errors are changed.

    >>> bool(stream(7, "rain").random() == stream(7, "rain").random())
    True
    >>> bool(stream(7, "rain").random() == stream(7, "cloud").random())
    False
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


class RandomField:
    """Draws fields of zero mean and unit variance (over all draws, not in each window).

    The amplitude at wavenumber k (cycles per cell) is (k² + 1/L²)^(-β/2), on a torus that is
    larger than the window, so opposite edges are not neighbours.

    Parameters
    ----------
    shape
        Rows and columns of the window.
    length
        Outer scale L: the longest wavelength with full power, in cells.
    slope
        β; larger is smoother.
    """

    def __init__(self, shape: tuple[int, int], length: float, slope: float = 2.4) -> None:
        self.shape = shape
        wanted = [min(size + int(length), max(size + 32, _LARGEST)) for size in shape]
        self._torus = tuple(fft.next_fast_len(size, real=True) for size in wanted)
        rows = fft.fftfreq(self._torus[0])[:, None]
        columns = fft.rfftfreq(self._torus[1])[None, :]
        amplitude = (rows**2 + columns**2 + length**-2.0) ** (-slope / 2)
        self._amplitude = (amplitude / _deviation(amplitude, self._torus)).astype(np.float32)

    def draw(self, generator: np.random.Generator) -> NDArray[np.float32]:
        """Return one field ``(y, x)``, unit 1."""
        noise = generator.standard_normal(self._torus, dtype=np.float32)
        field = fft.irfft2(fft.rfft2(noise) * self._amplitude, s=self._torus)
        height, width = self.shape
        return np.ascontiguousarray(field[:height, :width], dtype=np.float32)


def _deviation(amplitude: NDArray[np.float64], torus: tuple[int, ...]) -> float:
    """Return the standard deviation that white noise has after this filter."""
    twice = np.full(amplitude.shape[1], 2.0)
    twice[0] = 1.0
    if torus[1] % 2 == 0:
        twice[-1] = 1.0
    return float(np.sqrt((amplitude**2 * twice).sum() / (torus[0] * torus[1])))
