"""A module that is imported when first used, so that looking a model up costs no framework import.

Architecture files write `from zoo._lazy import keras` and use it inside functions as usual.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


keras: Any = _LazyModule("keras")
