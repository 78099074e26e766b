"""Maps of soil moisture against everything that can contradict them.

Stations in the ground, SMAP itself, other maps, rain: how they are matched (``rules``,
``stations``, ``sites``, ``matching``), what is computed (``metrics``, ``intervals``, ``skill``,
``strata``, ``behaviour``, ``texture``, ``gridded``), what may be said of it (``verdicts``), and
the report for people (``report``).
"""
