"""Made-up goods of a shop: each article has its name, brand, price and sizes, whoever orders it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mimesis import Finance, Food, Hardware, Locale, Text

_CLOTHES = ("T-shirt", "hoodie", "dress", "skirt", "jeans", "raincoat", "pullover", "shirt", "blouse", "pyjamas")
_SHOES = ("sneakers", "boots", "sandals", "slippers", "loafers", "trainers")
_BRANDS = 25
"""Of each kind of goods, where the name of an article does not say its brand."""
_FIRST_ARTICLE, _FIRST_VARIANT = 2_000_000, 9_000_000


class Article(NamedTuple):
    """Something to be had in a shop.

    Arguments:
        number: the same for all its sizes.
        price: in dollars.
        sizes: each with the number of that variant; "0" is the size of what has none.
    """

    number: int
    name: str
    brand: str
    price: int
    sizes: tuple[tuple[str, int], ...]


def goods(seed: int, count: int) -> list[Article]:
    """Return so many articles, the same for the same seed."""
    return _Maker(seed).articles(count)


class _Maker:
    """Makes articles, of each kind in turn."""

    def __init__(self, seed: int) -> None:
        self._finance = Finance(Locale.EN, seed=seed)
        self._food = Food(Locale.EN, seed=seed)
        self._hardware = Hardware(seed=seed)
        self._text = Text(Locale.EN, seed=seed)
        self._random = self._finance.random
        self._variants = iter(range(_FIRST_VARIANT, 2**63))
        kinds = (self._garment, self._shoes, self._grocery, self._phone)
        self._kinds = [(kind, [self._finance.company() for _ in range(_BRANDS)]) for kind in kinds]

    def articles(self, count: int) -> list[Article]:
        made = (self._kinds[i % len(self._kinds)] for i in range(count))
        return [kind(_FIRST_ARTICLE + i, brands[i % _BRANDS]) for i, (kind, brands) in enumerate(made)]

    def _garment(self, number: int, brand: str) -> Article:
        name = f"{self._text.color()} {self._random.choice(_CLOTHES)}"
        return Article(number, name, brand, self._random.randint(9, 120), self._sizes("XS", "S", "M", "L", "XL"))

    def _shoes(self, number: int, brand: str) -> Article:
        name = f"{self._text.color()} {self._random.choice(_SHOES)}"
        sizes = self._sizes(*map(str, range(36, 46)))
        return Article(number, name, brand, self._random.randint(25, 180), sizes)

    def _grocery(self, number: int, brand: str) -> Article:
        draw: Callable[[], str] = self._random.choice((self._food.fruit, self._food.vegetable, self._food.spices))
        return Article(number, draw(), brand, self._random.randint(1, 15), self._sizes("250 g", "500 g", "1 kg"))

    def _phone(self, number: int, brand: str) -> Article:
        name = self._hardware.phone_model()
        maker = "Apple" if name.startswith("iPhone") else name.partition(" ")[0]
        return Article(number, name, maker, self._random.randint(150, 1_300), self._sizes("0"))

    def _sizes(self, *names: str) -> tuple[tuple[str, int], ...]:
        numbers: Iterator[int] = self._variants
        return tuple(zip(names, numbers, strict=False))
